/** A body as a product: what normal forms are made from. */

import { always, and, type Condition, not } from "../../graph/condition.ts";
import type { GraphContext } from "../../graph/context.ts";
import type { Scalar } from "../../graph/node.ts";
import { scalarAxes } from "./node-rule.ts";
import { isConstant } from "./rule.ts";

/** A factor of a product, or of its divisor. */
export interface Factor {
  readonly scalar: Scalar;
  readonly inverse: boolean;
  readonly axes: ReadonlySet<number>;
}

/** sign · Π factors, 0 where `condition` does not hold. */
export interface Product {
  readonly negative: boolean;
  readonly condition: Condition;
  readonly factors: readonly Factor[];
}

/** Takes ·, /, −, squares of products and choices by the axes apart. */
export function factorsOf(body: Scalar): Product {
  let negative = false;
  let condition: Condition = always;
  const factors: Factor[] = [];
  const visit = (scalar: Scalar, inverse: boolean): void => {
    if (scalar.kind === "call") {
      const [x, y, z] = scalar.args;
      switch (scalar.fn) {
        case "multiply":
          visit(x!, inverse);
          visit(y!, inverse);
          return;
        case "divide":
          visit(x!, inverse);
          visit(y!, !inverse);
          return;
        case "reciprocal":
          visit(x!, !inverse);
          return;
        case "negate":
          negative = !negative;
          visit(x!, inverse);
          return;
        case "select": {
          if (inverse || x!.kind !== "condition") break;
          const isFirst = isConstant(z!, 0);
          if (!isFirst && !isConstant(y!, 0)) break;
          condition = and(condition, isFirst ? x!.condition : not(x!.condition));
          visit(isFirst ? y! : z!, inverse);
          return;
        }
        default:
      }
    }
    if (!inverse && scalar.kind === "cast" && scalar.of.kind === "condition") {
      condition = and(condition, scalar.of.condition);
      return;
    }
    factors.push({ scalar, inverse, axes: scalarAxes(scalar) });
  };
  visit(body, false);
  return { negative, condition, factors };
}

/** The product of factors, in their order; a 1 if there are none. */
export function productOf(
  context: GraphContext,
  factors: readonly Factor[],
  dtype: Scalar["dtype"],
): Scalar {
  const multiply = (parts: readonly Factor[]): Scalar | undefined =>
    parts.length === 0
      ? undefined
      : parts.map((f) => f.scalar).reduce((a, b) => context.call("multiply", a, b));
  const above = multiply(factors.filter((factor) => !factor.inverse));
  const below = multiply(factors.filter((factor) => factor.inverse));
  if (below === undefined) return above ?? context.constant(1, dtype);
  return above === undefined
    ? context.call("reciprocal", below)
    : context.call("divide", above, below);
}
