/** What goes into a run of a scheduled graph, and what comes out of it by name: the same on every device. */

import { elementsAt } from "../../compiler/graph/extent.ts";
import type { Value } from "../../compiler/graph/node.ts";
import { type GraphCase, pathOf, roleOf, type ScheduledCase } from "./schedule-case.ts";

/** What the interpreter gives, too. */
export interface GraphValues {
  readonly results: ReadonlyMap<string, ArrayLike<number>>;
  /** By path of the target. */
  readonly assignments: ReadonlyMap<string, ArrayLike<number>>;
}

type Memory = { readonly length: number; [element: number]: number };

/** Gives params and states their first values; `view` has the elements of one, `stored` is what stands for a number. */
export function fillPersistent(
  { persistent, program }: ScheduledCase,
  { leaf }: GraphCase,
  view: (value: Value, offset: number) => Memory,
  stored: (element: number, value: Value) => number = (element) => element,
): void {
  for (const value of persistent) {
    const memory = view(value, program.persistent.offsets.get(value)!);
    const data = leaf(roleOf(value), pathOf(value));
    for (let i = 0; i < Math.min(memory.length, data.length); i++) {
      memory[i] = stored(data[i]!, value);
    }
  }
}

/** Rows of the batch in reverse order of the data, so that the gather is tested. */
export function reversedRows({ n }: GraphCase): number[] {
  return Array.from({ length: n }, (_, i) => n - 1 - i);
}

/** Elements of a column that has its rows where `reversedRows` finds them. */
export function reversedColumn(value: Value, test: GraphCase): number[] {
  const data = test.leaf("input", pathOf(value));
  const rowElements = elementsAt(value.shape.slice(1), test.n);
  return reversedRows(test).flatMap((row) =>
    Array.from({ length: rowElements }, (_, i) => data[row * rowElements + i]!),
  );
}

/** Numbers of the step, in order of their slots. */
export function scalarsOf({ leaves }: ScheduledCase, { leaf }: GraphCase): number[] {
  return leaves.flatMap((value) =>
    roleOf(value) === "scalar" ? [leaf("scalar", pathOf(value))[0]!] : [],
  );
}

/** Results and assigned values; `view` has the elements of one in an arena. */
export function valuesByName(
  { grouped, program }: ScheduledCase,
  view: (arena: "results" | "persistent", value: Value, offset: number) => ArrayLike<number>,
): GraphValues {
  const [scheduled] = program.graphs;
  return {
    results: new Map(
      scheduled!.results.map(({ name, value, offset }) => [name, view("results", value, offset)]),
    ),
    assignments: new Map(
      grouped.graph.assignments.map(({ target }) => [
        pathOf(target),
        view("persistent", target, program.persistent.offsets.get(target)!),
      ]),
    ),
  };
}
