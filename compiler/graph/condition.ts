/**
 * Conditions on axis values: boolean combinations of affine (in)equalities and divisibilities. They guard
 * loads and select the points of an iteration space; they never depend on data.
 */

import {
  type Affine,
  axesOf,
  evaluateAffine,
  extentAffine,
  loopsOf,
  offsetAffine,
  type Steps,
  scaleAffine,
  substituteAffine,
  subtractAffine,
} from "./affine.ts";
import { rangeOf } from "./affine-range.ts";
import type { Extent } from "./extent.ts";

export type Condition = {
  /** The content, as text: equal keys mean equal conditions. */
  readonly key: string;
} & (
  | { readonly kind: "true" }
  | { readonly kind: "false" }
  /** value ≥ 0 */
  | { readonly kind: "nonnegative"; readonly value: Affine }
  /** value = 0 */
  | { readonly kind: "zero"; readonly value: Affine }
  /** divisor | value */
  | { readonly kind: "divides"; readonly divisor: number; readonly value: Affine }
  | { readonly kind: "not"; readonly of: Condition }
  | { readonly kind: "and"; readonly of: readonly Condition[] }
  | { readonly kind: "or"; readonly of: readonly Condition[] }
);

export const always: Condition = { kind: "true", key: "true" };
export const never: Condition = { kind: "false", key: "false" };

export function nonnegative(value: Affine): Condition {
  if (value.terms.length === 0 && value.batch === 0) return value.constant >= 0 ? always : never;
  return { kind: "nonnegative", value, key: `${value.key}>=0` };
}

export function zero(value: Affine): Condition {
  if (value.terms.length === 0 && value.batch === 0) return value.constant === 0 ? always : never;
  return { kind: "zero", value, key: `${value.key}==0` };
}

export function divides(divisor: number, value: Affine): Condition {
  if (divisor === 1) return always;
  const isMultiple = (c: number) => c % divisor === 0;
  if (isMultiple(value.batch) && value.terms.every((term) => isMultiple(term.coefficient))) {
    return isMultiple(value.constant) ? always : never;
  }
  return { kind: "divides", divisor, value, key: `${divisor}|${value.key}` };
}

export function not(of: Condition): Condition {
  switch (of.kind) {
    case "true":
      return never;
    case "false":
      return always;
    case "not":
      return of.of;
    // not (v >= 0)  =  -v - 1 >= 0
    case "nonnegative":
      return nonnegative(offsetAffine(scaleAffine(of.value, -1), -1));
    default:
      return { kind: "not", of, key: `!(${of.key})` };
  }
}

export function and(...conditions: readonly Condition[]): Condition {
  return combine("and", conditions);
}

export function or(...conditions: readonly Condition[]): Condition {
  return combine("or", conditions);
}

/** The conditions of which all hold where this one does, and only there. */
export function conjuncts(c: Condition): readonly Condition[] {
  if (c.kind === "true") return [];
  return c.kind === "and" ? c.of : [c];
}

function combine(kind: "and" | "or", conditions: readonly Condition[]): Condition {
  const unit = kind === "and" ? always : never;
  const absorbing = kind === "and" ? never : always;
  const others: Condition[] = [];
  for (const condition of conditions) {
    if (condition.kind === absorbing.kind) return absorbing;
    if (condition.kind !== unit.kind) others.push(condition);
  }
  if (others.length === 0) return unit;
  // Mostly so.
  if (others.length === 1) return others[0]!;
  const distinct = new Map<string, Condition>();
  for (const condition of others) {
    if (condition.kind !== kind) distinct.set(condition.key, condition);
    else for (const part of condition.of) distinct.set(part.key, part);
  }
  const of = [...distinct.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  if (of.length === 1) return of[0]!;
  return { kind, of, key: `${kind}(${of.map((part) => part.key).join(",")})` };
}

/** 0 ≤ value < extent. */
export function inRange(value: Affine, extent: Extent): Condition {
  const last = extentAffine({ batch: extent.batch, constant: extent.constant - 1 });
  return and(nonnegative(value), nonnegative(subtractAffine(last, value)));
}

export function evaluateCondition(
  c: Condition,
  point: ArrayLike<number>,
  n: number,
  steps?: Steps,
): boolean {
  switch (c.kind) {
    case "true":
      return true;
    case "false":
      return false;
    case "nonnegative":
      return evaluateAffine(c.value, point, n, steps) >= 0;
    case "zero":
      return evaluateAffine(c.value, point, n, steps) === 0;
    case "divides":
      return evaluateAffine(c.value, point, n, steps) % c.divisor === 0;
    case "not":
      return !evaluateCondition(c.of, point, n, steps);
    case "and":
      return c.of.every((part) => evaluateCondition(part, point, n, steps));
    case "or":
      return c.of.some((part) => evaluateCondition(part, point, n, steps));
  }
}

/** Rebuilds a condition with every affine mapped. */
export function mapCondition(c: Condition, map: (value: Affine) => Affine): Condition {
  switch (c.kind) {
    case "true":
    case "false":
      return c;
    case "nonnegative":
      return nonnegative(map(c.value));
    case "zero":
      return zero(map(c.value));
    case "divides":
      return divides(c.divisor, map(c.value));
    case "not":
      return not(mapCondition(c.of, map));
    case "and":
    case "or":
      return combine(
        c.kind,
        c.of.map((part) => mapCondition(part, map)),
      );
  }
}

export function substituteCondition(c: Condition, replace: (axis: number) => Affine): Condition {
  return mapCondition(c, (value) => substituteAffine(value, replace));
}

/** Drops what holds everywhere in the box, for every 1 ≤ N ≤ nmax, and what holds nowhere. */
export function simplifyCondition(c: Condition, axes: readonly Extent[], nmax: number): Condition {
  switch (c.kind) {
    case "nonnegative": {
      const { min, max } = rangeOf(c.value, axes, nmax);
      return min >= 0 ? always : max < 0 ? never : c;
    }
    case "zero": {
      const { min, max } = rangeOf(c.value, axes, nmax);
      return min === 0 && max === 0 ? always : min > 0 || max < 0 ? never : c;
    }
    case "not":
      return not(simplifyCondition(c.of, axes, nmax));
    case "and":
    case "or":
      return combine(
        c.kind,
        c.of.map((part) => simplifyCondition(part, axes, nmax)),
      );
    default:
      return c;
  }
}

/** Every axis that a condition depends on. */
export function conditionAxes(c: Condition, into: Set<number> = new Set()): Set<number> {
  forAffines(c, (value) => axesOf(value, into));
  return into;
}

/** Every loop whose step a condition depends on. */
export function conditionLoops(c: Condition, into: Set<number> = new Set()): Set<number> {
  forAffines(c, (value) => loopsOf(value, into));
  return into;
}

function forAffines(c: Condition, visit: (value: Affine) => void): void {
  switch (c.kind) {
    case "true":
    case "false":
      return;
    case "nonnegative":
    case "zero":
    case "divides":
      visit(c.value);
      return;
    case "not":
      forAffines(c.of, visit);
      return;
    case "and":
    case "or":
      for (const part of c.of) forAffines(part, visit);
  }
}
