/** What a body costs, by the table of scalar functions. */

import type { Scalar } from "./node.ts";
import { scalarFunctions } from "./scalar-functions.ts";
import { scalarChildren } from "./traversal.ts";

/** Floating-point operations of a body, a shared scalar once. */
export function scalarCost(scalar: Scalar, seen: Set<Scalar> = new Set()): number {
  if (seen.has(scalar)) return 0;
  seen.add(scalar);
  const children = scalarChildren(scalar).reduce((sum, child) => sum + scalarCost(child, seen), 0);
  if (scalar.kind === "call") return children + scalarFunctions[scalar.fn].cost;
  // Threefry's twenty rounds
  return scalar.kind === "random" ? children + 60 : children;
}
