/**
 * Where a tensor may differ from zero, as far as indexes alone say: a triangle of what a causal mask leaves, or the
 * inside of what is padded. Like differentiation, it takes zero times anything for zero.
 */

import { always, and, type Condition, never, not, or, substituteCondition } from "./condition.ts";
import type { Scalar, Value } from "./node.ts";

/** A condition on the axes of a value; outside of it all elements are zero. */
export function supportOf({ node, shape }: Value): Condition {
  const isMap = node.kind === "compute" && node.reducer === null;
  return isMap && node.parallel.length === shape.length ? supportOfScalar(node.body) : always;
}

function supportOfScalar(scalar: Scalar): Condition {
  switch (scalar.kind) {
    case "constant":
      return scalar.value === 0 ? never : always;
    case "load": {
      const { value, index, guard } = scalar;
      return and(
        guard,
        substituteCondition(supportOf(value), (axis) => index[axis]!),
      );
    }
    case "call": {
      const { fn, args } = scalar;
      const [a, b, c] = args as [Scalar, Scalar, Scalar];
      switch (fn) {
        case "select":
          if (a.kind !== "condition") return or(supportOfScalar(b), supportOfScalar(c));
          return or(
            and(a.condition, supportOfScalar(b)),
            and(not(a.condition), supportOfScalar(c)),
          );
        case "multiply":
          return and(supportOfScalar(a), supportOfScalar(b));
        case "divide":
        case "negate":
          return supportOfScalar(a);
        case "add":
        case "subtract":
          return or(supportOfScalar(a), supportOfScalar(b));
        default:
          return always;
      }
    }
    default:
      return always;
  }
}
