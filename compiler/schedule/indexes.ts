/**
 * Index expressions and conditions of a graph as kernel IR, at a point of an iteration space: one value for
 * each axis, of which one may run over the lanes of a vector.
 */

import {
  type Affine,
  type Atom,
  addAffine,
  atomAffine,
  axesOf,
  axisAffine,
  constantAffine,
  extentAffine,
  isQuotient,
  offsetAffine,
  scaleAffine,
  substituteAffine,
  subtractAffine,
} from "../graph/affine.ts";
import { rangeOf } from "../graph/affine-range.ts";
import { type Condition, simplifyCondition, substituteCondition } from "../graph/condition.ts";
import { type Extent, fixed } from "../graph/extent.ts";
import {
  add,
  broadcast,
  constant,
  floorQuotient,
  floorRemainder,
  literalOf,
  multiply,
  operation,
  quotient,
  ramp,
  remainder,
  subtract,
  symbol,
} from "../kernel/build.ts";
import type { Expression } from "../kernel/ir.ts";
import { joinRemainders, simplifyAffine, simplifyGuard } from "../optimize/simplify-index.ts";
import { stepVariable } from "./step-parameters.ts";

export interface Point {
  /** Extents of the axes, for what is known about the signs of indexes. */
  readonly extents: readonly Extent[];
  /** The largest N. */
  readonly batchMax: number;
  /** The value of each axis in i32 with one lane: that of lane 0. */
  readonly axes: readonly Expression[];
  /** The axis that grows by one from lane to lane. */
  readonly vector: {
    readonly axis: number;
    readonly lanes: number;
    /** Whether lane 0 is at a multiple of the lanes. */
    readonly isAligned?: boolean;
  } | null;
  /**
   * The axes of the iteration space as functions of `axes`, where these are others: neighbouring axes joined into one.
   * What runs through memory then does so without being taken apart and put together again.
   */
  readonly joined?: readonly Affine[];
}

/** An affine of the iteration space in terms of the point's axes. */
export function inAxes(a: Affine, { joined, extents, batchMax }: Point): Affine {
  if (joined === undefined) return a;
  const substituted = substituteAffine(a, (axis) => joined[axis]!);
  const box = { axes: extents, batchMax };
  return joinRemainders(simplifyAffine(substituted, box), box);
}

/** An affine in lane 0. */
export function scalarIndex(a: Affine, point: Point): Expression {
  return lowerAffine(inAxes(a, point), point, (axis) => point.axes[axis]!);
}

/** An affine in lane 0, what is taken away after the rest: 28 − i rather than −i + 28. */
export function differenceIndex(a: Affine, point: Point): Expression {
  const [left, right] = splitSigns(inAxes(a, point));
  return subtract(scalarIndex(left, point), scalarIndex(right, point));
}

/** An affine in all lanes; one lane where it is the same in all. */
export function vectorIndex(a: Affine, point: Point): Expression {
  const step = laneStep(a, point);
  if (step === 0 || point.vector === null) return scalarIndex(a, point);
  const { axis: vectorAxis, lanes } = point.vector;
  if (step !== null) {
    return add(broadcast(scalarIndex(a, point), lanes), multiply(ramp(lanes), constant(step)));
  }
  return lowerAffine(a, point, (axis) =>
    axis === vectorAxis ? add(broadcast(point.axes[axis]!, lanes), ramp(lanes)) : point.axes[axis]!,
  );
}

/** By how much an affine grows from lane to lane; null if it does not grow evenly. */
export function laneStep(a: Affine, point: Point): number | null {
  if (point.vector === null) return 0;
  const { axis, isAligned } = point.vector;
  let step = 0;
  for (const { coefficient, atom } of a.terms) {
    if (atom.kind === "axis") {
      if (atom.axis === axis) step = coefficient;
    } else if (axesOf(atomAffine(atom)).has(axis)) {
      const places = isAligned === true ? lanePlaces(a, point) : null;
      const [, second = 0] = places ?? [];
      return places?.every((at, lane) => at === lane * second) === true ? second : null;
    }
  }
  return step;
}

/**
 * Where the lanes of an aligned vector are in an affine, from that of lane 0 on; null where that depends on where the vector
 * is. A quotient by a multiple of the lanes is one for all of them, and one by a divisor of the lanes repeats itself.
 */
export function lanePlaces(a: Affine, point: Point): readonly number[] | null {
  const { vector } = point;
  if (vector === null || vector.isAligned !== true) return null;
  const { axis, lanes } = vector;
  const places = new Array<number>(lanes).fill(0);
  for (const { coefficient, atom } of a.terms) {
    if (!axesOf(atomAffine(atom)).has(axis)) continue;
    if (isQuotient(atom) && !isEvenBase(atom, axis, lanes)) {
      // A quotient of what is one for all lanes.
      if (lanePlaces(atom.base, point)?.every((place) => place === 0) !== true) return null;
      continue;
    }
    for (let lane = 0; lane < lanes; lane++) places[lane]! += coefficient * placeOf(atom, lane);
  }
  return places;
}

function placeOf(atom: Atom, lane: number): number {
  if (atom.kind === "mod") return lane % atom.divisor;
  return atom.kind === "div" ? Math.floor(lane / atom.divisor) : lane;
}

/** Whether what is divided runs along the lanes, and is at lane 0 a multiple of the divisor or of the lanes, if they divide it. */
function isEvenBase(
  { base, divisor }: { readonly base: Affine; readonly divisor: number },
  axis: number,
  lanes: number,
): boolean {
  const unit = divisor % lanes === 0 ? lanes : divisor;
  if (lanes % unit !== 0) return false;
  const others = base.terms.filter(({ atom }) => atom.kind !== "axis" || atom.axis !== axis);
  const own = base.terms.find(({ atom }) => atom.kind === "axis" && atom.axis === axis);
  return (
    own?.coefficient === 1 &&
    base.constant % unit === 0 &&
    base.batch % unit === 0 &&
    others.every(
      ({ coefficient, atom }) => coefficient % unit === 0 && !axesOf(atomAffine(atom)).has(axis),
    )
  );
}

function lowerAffine(a: Affine, point: Point, axisValue: (axis: number) => Expression): Expression {
  let sum: Expression | null = null;
  const push = (value: Expression, coefficient: number): void => {
    if (sum === null) sum = multiply(value, constant(coefficient));
    else if (coefficient < 0) sum = subtract(sum, multiply(value, constant(-coefficient)));
    else sum = add(sum, multiply(value, constant(coefficient)));
  };
  // Terms with larger strides first, as one writes them.
  const terms = [...a.terms].sort((x, y) => y.coefficient - x.coefficient);
  if (a.batch !== 0) push(symbol("n"), a.batch);
  for (const { coefficient, atom } of terms) {
    push(lowerAtom(atom, point, axisValue), coefficient);
  }
  return sum === null ? constant(a.constant) : add(sum, constant(a.constant));
}

function lowerAtom(atom: Atom, point: Point, axisValue: (axis: number) => Expression): Expression {
  if (atom.kind === "axis") return axisValue(atom.axis);
  if (atom.kind === "step") return stepVariable(atom.loop);
  const base = lowerAffine(atom.base, point, axisValue);
  const isNonnegative = rangeOf(atom.base, point.extents, point.batchMax).min >= 0;
  if (atom.kind === "div") {
    return isNonnegative ? quotient(base, atom.divisor) : floorQuotient(base, atom.divisor);
  }
  return isNonnegative ? remainder(base, atom.divisor) : floorRemainder(base, atom.divisor);
}

/** A condition as a bool, one lane or as many as the vector; null if it always holds, a literal if it never does. */
export function conditionValue(condition: Condition, at: Point): Expression | null {
  const { joined, ...point } = at;
  const simple =
    joined === undefined
      ? decidedAt(simplifyCondition(condition, point.extents, point.batchMax), point)
      : simplifyGuard(
          substituteCondition(condition, (axis) => joined[axis]!),
          { axes: point.extents, batchMax: point.batchMax },
        );
  return simple.kind === "true" ? null : lowerCondition(simple, point);
}

/** What is left of a condition where some axes stand at literals: true or false, or the condition as it was. */
function decidedAt(condition: Condition, { extents, axes, vector, batchMax }: Point): Condition {
  const places = axes.map(literalOf);
  const lanesOf = (axis: number) => (axis === vector?.axis ? vector.lanes : 1);
  const here = substituteCondition(condition, (axis) => {
    const place = places[axis];
    if (place === undefined) return axisAffine(axis);
    return lanesOf(axis) === 1 ? constantAffine(place) : offsetAffine(axisAffine(axis), place);
  });
  const within = extents.map((extent, axis) =>
    places[axis] === undefined ? extent : fixed(lanesOf(axis)),
  );
  const decided = simplifyCondition(here, within, batchMax);
  return decided.kind === "true" || decided.kind === "false" ? decided : condition;
}

function lowerCondition(c: Condition, point: Point): Expression {
  switch (c.kind) {
    case "true":
    case "false":
      return constant(c.kind === "true" ? 1 : 0, "bool");
    case "nonnegative":
      return comparison("greaterEqual", c.value, point);
    case "zero":
      return comparison("equal", c.value, point);
    case "divides": {
      const value = vectorIndex(c.value, point);
      return operation("equal", floorRemainder(value, c.divisor), constant(0));
    }
    case "not":
      return operation("not", lowerCondition(c.of, point));
    case "and":
    case "or":
      return c.of
        .map((part) => lowerCondition(part, point))
        .reduce((a, b) => operation(c.kind, a, b));
  }
}

/** value ≥ 0 or value = 0, with negative terms on the right side: i < 28 rather than 27 − i ≥ 0. */
function comparison(kind: "greaterEqual" | "equal", value: Affine, point: Point): Expression {
  const [left, right] = splitSigns(value);
  if (left.terms.length === 0 && left.batch === 0) {
    // constant ≥ right  ⇔  right < constant + 1
    if (kind === "equal") {
      return operation("equal", vectorIndex(right, point), constant(left.constant));
    }
    return operation("less", vectorIndex(right, point), constant(left.constant + 1));
  }
  return operation(kind, vectorIndex(left, point), vectorIndex(right, point));
}

/** value = left − right, with positive coefficients in both. */
function splitSigns(value: Affine): [left: Affine, right: Affine] {
  let right = extentAffine({ batch: Math.max(0, -value.batch), constant: 0 });
  for (const term of value.terms) {
    if (term.coefficient < 0) {
      const single: Affine = { ...extentAffine({ batch: 0, constant: 0 }), terms: [term] };
      right = subtractAffine(right, single);
    }
  }
  if (value.constant < 0 && right.terms.length === 0 && right.batch === 0) {
    right = extentAffine({ batch: 0, constant: -value.constant });
  }
  return [addAffine(value, right), right];
}

/** Joins m·⌊x / m⌋ + (x mod m) back to x, as flattening what was split gives. */
export function recombine(a: Affine): Affine {
  for (const quotientTerm of a.terms) {
    const { atom, coefficient } = quotientTerm;
    if (atom.kind !== "div" || coefficient % atom.divisor !== 0) continue;
    const unit = coefficient / atom.divisor;
    const partner = a.terms.find(
      (term) =>
        term.atom.kind === "mod" &&
        term.atom.divisor === atom.divisor &&
        term.atom.base.key === atom.base.key &&
        term.coefficient === unit,
    );
    if (partner === undefined) continue;
    const rest: Affine = {
      ...a,
      terms: a.terms.filter((t) => t !== quotientTerm && t !== partner),
    };
    return recombine(addAffine(rest, scaleAffine(atom.base, unit)));
  }
  return a;
}
