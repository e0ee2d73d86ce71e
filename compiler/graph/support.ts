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

/** What was found of the scalars that values are made of, for whoever asks about many values. */
export type KnownSupports = Map<Scalar, Condition>;

/** A condition on the axes of a value; outside of it all elements are zero. */
export function supportOf(value: Value, known: KnownSupports = new Map()): Condition {
  const ofValue = (of: Value): Condition => {
    const body = bodyOf(of);
    return body === undefined ? always : ofScalar(body);
  };
  const ofScalar = (scalar: Scalar): Condition =>
    remembered(known, scalar, () => {
      switch (scalar.kind) {
        case "constant":
          return scalar.value === 0 ? never : always;
        case "load":
          return and(scalar.guard, atLoad(ofValue(scalar.value), scalar));
        case "call":
          return supportOfCall(scalar, ofScalar);
        default:
          return always;
      }
    });
  return ofValue(value);
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

/** What was found of scalars along each axis. */
export type KnownVariations = Map<number, Map<Scalar, Condition>>;

/**
 * A condition on the axes of a value; all elements outside of it that differ by their place along `axis` alone are equal,
 * as the shares of a softmax are where its argument was masked by a number.
 */
export function variationOf(
  value: Value,
  axis: number,
  known: KnownVariations = new Map(),
): Condition {
  const ofValue = (of: Value, along: number): Condition => {
    const body = bodyOf(of);
    return body === undefined ? always : ofScalar(body, along);
  };
  const ofScalar = (scalar: Scalar, along: number): Condition => {
    const here = known.get(along) ?? new Map();
    known.set(along, here);
    return remembered(here, scalar, () => {
      switch (scalar.kind) {
        case "constant":
          return never;
        case "index":
        case "random":
          return dependsOn(scalar.index, along) ? always : never;
        case "condition":
          return conditionAxes(scalar.condition).has(along) ? always : never;
        case "load": {
          const dimension = dimensionAlong(scalar, along);
          if (dimension === null) return never;
          return dimension === undefined
            ? always
            : atLoad(ofValue(scalar.value, dimension), scalar);
        }
        case "gather":
          return always;
        case "cast":
          return ofScalar(scalar.of, along);
        case "call":
          return variationOfCall(scalar, (arg) => ofScalar(arg, along));
      }
    });
  };
  return ofValue(value, axis);
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
