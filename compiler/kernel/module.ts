/**
 * A kernel library: for each graph of a model the kernels to launch, in order, with every parameter resolved
 * to a place in memory. Launches of one graph see each other's stores; they may not overlap in time unless
 * a target can prove that they do not meet.
 */

import type { Kernel } from "./ir.ts";

export type Arena = "persistent" | "temporaries" | "results";

/** What a parameter of a kernel is bound to. */
export type Placement =
  /** `offset` in bytes from the start of the arena. */
  | { readonly kind: "arena"; readonly arena: Arena; readonly offset: number }
  /** A column of the data, by its slot in the plan. */
  | { readonly kind: "column"; readonly slot: number }
  /** One of the numbers uploaded for the step. */
  | { readonly kind: "scalar"; readonly slot: number };

export interface Launch {
  readonly kernel: Kernel;
  /** One for each of the kernel's parameters. */
  readonly placements: readonly Placement[];
  /** Whether its work is worth more threads than one. */
  readonly isParallel: boolean;
  /** Whether it runs together with the launch before it: neither writes what the other touches. */
  readonly withPrevious: boolean;
}

export interface GraphFunction {
  /** `train`, `evaluate`, `predict` or the name of a statistic. */
  readonly graph: string;
  /** The exported symbol. */
  readonly symbol: string;
  readonly launches: readonly Launch[];
}

export interface KernelModule {
  readonly model: string;
  readonly functions: readonly GraphFunction[];
}
