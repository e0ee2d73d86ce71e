/**
 * The functions that bind kernels to memory. Launches of a kernel whose places differ in numbers alone share one, and
 * hand it the numbers: a compiler takes as long for a function of a single call as for a small kernel.
 */

import { assertExhaustive, invariant } from "../../diagnostics/diagnostic.ts";
import type { Kernel, KernelParameter } from "../../kernel/ir.ts";
import type { GraphFunction, Launch, Placement } from "../../kernel/module.ts";
import { type CFunction, noUses } from "./c-source.ts";
import { memoryTypeName } from "./prelude.ts";

/** What a launch calls, with the numbers that are its own. */
export interface TaskCall {
  readonly task: string;
  readonly places: readonly number[];
}

/** What is between `step`, `task` and the closing brace of a kernel's call. */
export interface BoundKernel {
  readonly kernel: Kernel;
  /** The function of the kernel, and what it takes before its parameters. */
  readonly symbol: string;
  readonly ambient: readonly string[];
}

/** Launches that one function binds. */
interface Shared {
  readonly task: string;
  readonly launches: Launch[];
  isPrinted: boolean;
}

/** Launches in loops that go round more than once, or beside such loops in one around both. */
function repeatedLaunches({ launches, loops }: GraphFunction): Launch[] {
  const repeated = loops.filter(({ count }) => count > 1);
  const around = loops.filter((loop) =>
    repeated.some(({ first, end }) => loop.first <= first && end <= loop.end),
  );
  return around.flatMap(({ first, end }) => launches.slice(first, end));
}

export class LaunchTasks {
  readonly #shared = new Map<Kernel, Map<string, Shared>>();
  readonly #repeated: ReadonlySet<Launch>;

  /** Of the graphs of a stage; adds the names of the functions to `names`, which have those of earlier stages. */
  constructor(functions: readonly GraphFunction[], names: Set<string>) {
    this.#repeated = new Set(functions.flatMap(repeatedLaunches));
    for (const launch of functions.flatMap(({ launches }) => launches)) {
      const bySignature = this.#shared.get(launch.kernel) ?? new Map<string, Shared>();
      this.#shared.set(launch.kernel, bySignature);
      const signature = launch.placements.map(kindOf).join();
      const shared = bySignature.get(signature);
      if (shared !== undefined) {
        shared.launches.push(launch);
        continue;
      }
      let task = `launch_${launch.kernel.name}`;
      for (let i = 2; names.has(task); i++) task = `launch_${launch.kernel.name}_${i}`;
      names.add(task);
      bySignature.set(signature, { task, launches: [launch], isPrinted: false });
    }
  }

  #of({ kernel, placements }: Launch): Shared {
    return this.#shared.get(kernel)!.get(placements.map(kindOf).join())!;
  }

  /** Whether tasks of one of these launches run again and again in a step. */
  areRepeated(launches: readonly Launch[]): boolean {
    return launches.some((launch) => this.#repeated.has(launch));
  }

  call(launch: Launch): TaskCall {
    const { task, launches } = this.#of(launch);
    const varying = varyingNumbers(launches);
    const places = numbersOf(launch).filter((_, i) => varying.has(i));
    return { task, places };
  }

  /** The function that a launch calls, unless an earlier call has returned it. */
  take(launch: Launch, { kernel, symbol, ambient }: BoundKernel): CFunction[] {
    const shared = this.#of(launch);
    if (shared.isPrinted) return [];
    shared.isPrinted = true;
    const varying = [...varyingNumbers(shared.launches)];
    let next = 0;
    const number = (value: number): string => {
      const at = varying.indexOf(next++);
      return at < 0 ? String(value) : `places[${at}]`;
    };
    const args = [
      "task",
      ...ambient,
      ...kernel.parameters.map((parameter, i) =>
        argumentText(parameter, launch.placements[i]!, number),
      ),
    ];
    const header = `void ${shared.task}(const nnc_step *step, int32_t task, const size_t *places) {`;
    const lines = [header, `  ${symbol}(${args.join(",\n    ")});`, "}"];
    const kind = this.areRepeated(shared.launches) ? "repeatedTask" : "task";
    const work = lines.length;
    return [{ comment: [], lines, kind, kernel: kernel.name, uses: noUses, work }];
  }
}

/** What places must have in common for one function to find them. */
function kindOf(placement: Placement): string {
  if (placement.kind !== "arena") return placement.kind;
  const { arena, rowBytes, taskBytes } = placement;
  return `${arena}${rowBytes === undefined ? "" : " by rows"}${taskBytes === undefined ? "" : " by tasks"}`;
}

/** The numbers of a launch's places, in the order in which `argumentText` asks for them. */
function numbersOf(launch: Launch): number[] {
  return launch.placements.flatMap((placement) => {
    switch (placement.kind) {
      case "arena":
        return [placement.offset, placement.rowBytes, placement.taskBytes].filter(
          (value) => value !== undefined,
        );
      case "column":
      case "scalar":
        return [placement.slot];
      case "step":
        return [placement.depth];
      default:
        return assertExhaustive(placement);
    }
  });
}

/** Which numbers are not the same for all launches. */
function varyingNumbers(launches: readonly Launch[]): Set<number> {
  const [first, ...others] = launches.map(numbersOf);
  const varying = first!.flatMap((value, i) => (others.some((o) => o[i] !== value) ? [i] : []));
  return new Set(varying);
}

function argumentText(
  parameter: KernelParameter,
  placement: Placement,
  number: (value: number) => string,
): string {
  switch (placement.kind) {
    case "scalar":
      return `step->scalars[${number(placement.slot)}]`;
    case "column":
      return `step->columns[${number(placement.slot)}]`;
    case "arena": {
      const { arena, offset, rowBytes, taskBytes } = placement;
      const isRead = parameter.kind !== "window" || parameter.access === "read";
      invariant("dtype" in parameter, `${parameter.name} is no memory`);
      const { dtype } = parameter;
      const type = `${isRead ? "const " : ""}${memoryTypeName(dtype)} *`;
      const part = (of: string, bytes: number | undefined) =>
        bytes === undefined
          ? ""
          : ` + (size_t)((const nnc_running_step *)step)->${of} * ${number(bytes)}`;
      const start = `${number(offset)}${part("first_row", rowBytes)}${part("slot", taskBytes)}`;
      return `(${type})(step->${arena} + ${start})`;
    }
    case "step":
      return `((const nnc_running_step *)step)->at[${number(placement.depth)}]`;
    default:
      return assertExhaustive(placement);
  }
}
