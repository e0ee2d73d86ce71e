/**
 * A kernel library: for each graph of a model the kernels to launch, in order, with every parameter resolved
 * to a place in memory. Launches of one graph see each other's stores; they may not overlap in time unless
 * a target can prove that they do not meet.
 */

import type { Kernel } from "./ir.ts";

export type Arena = "persistent" | "temporaries" | "results";

/** What a parameter of a kernel is bound to. */
export type Placement =
  /**
   * `offset` in bytes from the start of the arena. In a loop that tasks take rows through, `rowBytes` is what each row
   * of the batch has there, or `taskBytes` is from the part of one task to that of the next, where only those that run at
   * a time have one; neither where all rows have it together.
   */
  | {
      readonly kind: "arena";
      readonly arena: Arena;
      readonly offset: number;
      readonly rowBytes?: number;
      readonly taskBytes?: number;
    }
  /** A column of the data, by its slot in the plan. */
  | { readonly kind: "column"; readonly slot: number }
  /** One of the numbers uploaded for the step. */
  | { readonly kind: "scalar"; readonly slot: number }
  /** The number of the current iteration of a loop around the launch: 0 is the outermost. */
  | { readonly kind: "step"; readonly depth: number };

export interface Launch {
  readonly kernel: Kernel;
  /** One for each of the kernel's parameters. */
  readonly placements: readonly Placement[];
  /** Whether its work is worth more threads than one. */
  readonly isParallel: boolean;
  /** Whether it runs together with the launch before it: neither writes what the other touches. */
  readonly withPrevious: boolean;
}

/**
 * A loop: launches `first` to `end`, the latter excluded, run one after the other, `count` times. There is at least one.
 * Loops are nested in each other or have no launch in common, and launches that run together are in the same ones.
 */
export interface LaunchLoop {
  readonly first: number;
  readonly end: number;
  readonly count: number;
  /** How tasks take rows of the batch through all iterations; null or none where launches follow each other. */
  readonly tasks?: RowTasks | null;
}

/** Tasks that each run all iterations of a loop for a few rows of the batch, as if there were no others. */
export interface RowTasks {
  readonly rows: number;
  /** How many of them have memory at a time, at most 64; more wait for each other. */
  readonly slots: number;
  /** Whether their work is worth more threads than one. */
  readonly isParallel: boolean;
}

export interface GraphFunction {
  /** `train`, `evaluate`, `predict` or the name of a statistic. */
  readonly graph: string;
  /** The exported symbol. */
  readonly symbol: string;
  readonly launches: readonly Launch[];
  /** Outer ones before those in them, and those that have no launch in common in order. */
  readonly loops: readonly LaunchLoop[];
}

/** A launch or a loop over such, by their numbers. */
export type LaunchTree =
  | { readonly kind: "launch"; readonly launch: number }
  | {
      readonly kind: "loop";
      readonly loop: number;
      readonly count: number;
      readonly tasks: RowTasks | null;
      readonly body: readonly LaunchTree[];
    };

/** Launches in their loops. */
export function launchTrees({
  launches,
  loops,
}: Pick<GraphFunction, "launches" | "loops">): LaunchTree[] {
  const between = (first: number, end: number, inside: readonly LaunchLoop[]): LaunchTree[] => {
    const trees: LaunchTree[] = [];
    for (let at = first; at < end; ) {
      const index = inside.findIndex((loop) => loop.first === at);
      const loop = inside[index];
      if (loop === undefined) {
        trees.push({ kind: "launch", launch: at++ });
        continue;
      }
      const body = between(at, loop.end, inside.slice(index + 1));
      const { count, tasks = null } = loop;
      trees.push({ kind: "loop", loop: loops.indexOf(loop), count, tasks, body });
      at = loop.end;
    }
    return trees;
  };
  return between(0, launches.length, loops);
}

export interface KernelModule {
  readonly model: string;
  readonly functions: readonly GraphFunction[];
}
