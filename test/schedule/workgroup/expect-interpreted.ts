/** Whether kernels computed what the float64 interpreter did. */

import { expect } from "vitest";
import type { Interpretation } from "../../../compiler/graph/interpret.ts";

/** By name of the result, and by path of the target. */
export interface Computed {
  readonly results: ReadonlyMap<string, ArrayLike<number>>;
  readonly assignments: ReadonlyMap<string, ArrayLike<number>>;
}

/** `tolerance` is relative where elements are larger than 1, and absolute where they are not. */
export function expectInterpreted(
  wanted: Pick<Interpretation, "results" | "assignments">,
  { results, assignments }: Computed,
  tolerance: number,
): void {
  for (const [name, data] of wanted.results) expectNear(name, results.get(name)!, data, tolerance);
  for (const { target, data } of wanted.assignments) {
    const path = target.node.kind === "leaf" ? target.node.path : "";
    expectNear(path, assignments.get(path)!, data, tolerance);
  }
}

function expectNear(
  name: string,
  found: ArrayLike<number>,
  wanted: ArrayLike<number>,
  tolerance: number,
): void {
  expect(found.length, name).toBe(wanted.length);
  for (let i = 0; i < wanted.length; i++) {
    const error = Math.abs(found[i]! - wanted[i]!);
    // NaN is near nothing.
    const isNear = error < tolerance * Math.max(1, Math.abs(wanted[i]!));
    if (!isNear) expect.fail(`${name}[${i}] is ${found[i]}, not ${wanted[i]}`);
  }
}
