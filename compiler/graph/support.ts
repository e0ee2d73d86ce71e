/**
 * Where a tensor may differ from zero, or vary along an axis, as far as indexes alone say: a triangle of what a causal
 * mask leaves, or the inside of what is padded. Like differentiation, it takes zero times anything for zero.
 */

import { type Affine, axesOf, bareAxis } from "./affine.ts";
import {
  always,
  and,
  type Condition,
  conditionAxes,
  never,
  not,
  or,
  substituteCondition,
} from "./condition.ts";
import type { LoadScalar, Scalar, Value } from "./node.ts";

/** What was found of the scalars that values are made of is kept, for whoever asks about many values. */
export class Supports {
  readonly #supports = new Map<Scalar, Condition>();
  /** By axis. */
  readonly #variations = new Map<number, Map<Scalar, Condition>>();

  /** A condition on the axes of a value; outside of it all elements are zero. */
  supportOf(value: Value): Condition {
    const body = bodyOf(value);
    return body === undefined ? always : this.#supportOfScalar(body);
  }

  #supportOfScalar(scalar: Scalar): Condition {
    return remembered(this.#supports, scalar, () => {
      switch (scalar.kind) {
        case "constant":
          return scalar.value === 0 ? never : always;
        case "load":
          return and(scalar.guard, atLoad(this.supportOf(scalar.value), scalar));
        case "call":
          return supportOfCall(scalar, (arg) => this.#supportOfScalar(arg));
        default:
          return always;
      }
    });
  }

  /**
   * A condition on the axes of a value; all elements outside of it that differ by their place along `axis` alone are equal,
   * as the shares of a softmax are where its argument was masked by a number.
   */
  variationOf(value: Value, axis: number): Condition {
    const body = bodyOf(value);
    return body === undefined ? always : this.#variationOfScalar(body, axis);
  }

  #variationOfScalar(scalar: Scalar, axis: number): Condition {
    const known = this.#variations.get(axis) ?? new Map<Scalar, Condition>();
    this.#variations.set(axis, known);
    return remembered(known, scalar, () => {
      switch (scalar.kind) {
        case "constant":
          return never;
        case "index":
        case "random":
          return dependsOn(scalar.index, axis) ? always : never;
        case "condition":
          return conditionAxes(scalar.condition).has(axis) ? always : never;
        case "load": {
          const dimension = dimensionAlong(scalar, axis);
          if (dimension === null) return never;
          return dimension === undefined
            ? always
            : atLoad(this.variationOf(scalar.value, dimension), scalar);
        }
        case "gather":
          return always;
        case "cast":
          return this.#variationOfScalar(scalar.of, axis);
        case "call":
          return variationOfCall(scalar, (arg) => this.#variationOfScalar(arg, axis));
      }
    });
  }
}

function supportOfCall(
  { fn, args }: Scalar & { readonly kind: "call" },
  supportOf: (scalar: Scalar) => Condition,
): Condition {
  const [a, b, c] = args as [Scalar, Scalar, Scalar];
  switch (fn) {
    case "select":
      if (a.kind !== "condition") return or(supportOf(b), supportOf(c));
      return or(and(a.condition, supportOf(b)), and(not(a.condition), supportOf(c)));
    case "multiply":
      return and(supportOf(a), supportOf(b));
    case "divide":
    case "negate":
      return supportOf(a);
    case "add":
    case "subtract":
      return or(supportOf(a), supportOf(b));
    default:
      return always;
  }
}

function variationOfCall(
  { fn, args }: Scalar & { readonly kind: "call" },
  variationOf: (scalar: Scalar) => Condition,
): Condition {
  const [chosen, a, b] = args;
  if (fn !== "select" || chosen?.kind !== "condition") return or(...args.map(variationOf));
  if (variationOf(b!).kind === "false") return chosen.condition;
  return variationOf(a!).kind === "false" ? not(chosen.condition) : always;
}

/** Which dimension of its value a load moves in with an axis, step by step; null for none, undefined if otherwise. */
function dimensionAlong({ index, guard }: LoadScalar, axis: number): number | null | undefined {
  if (conditionAxes(guard).has(axis)) return undefined;
  const [dimension, ...others] = index.flatMap((at, d) => (dependsOn(at, axis) ? [d] : []));
  if (dimension === undefined) return null;
  return others.length === 0 && bareAxis(index[dimension]!) === axis ? dimension : undefined;
}

/** The body of a map, whose axes are those of its value; nothing is known of others. */
function bodyOf({ node, shape }: Value): Scalar | undefined {
  const isMap = node.kind === "compute" && node.reducer === null;
  return isMap && node.parallel.length === shape.length ? node.body : undefined;
}

/** A condition on the axes of a loaded value in terms of those of who loads it. */
function atLoad(condition: Condition, { index }: LoadScalar): Condition {
  return substituteCondition(condition, (d) => index[d]!);
}

function remembered(
  known: Map<Scalar, Condition>,
  scalar: Scalar,
  ask: () => Condition,
): Condition {
  const before = known.get(scalar);
  if (before !== undefined) return before;
  const found = ask();
  known.set(scalar, found);
  return found;
}

function dependsOn(index: Affine, axis: number): boolean {
  return axesOf(index).has(axis);
}
