/**
 * Bounds of a loop from what its points are to satisfy. Where a window reaches beyond a tensor, or only some windows have a
 * place in them, a loop that goes through the points there are tests nothing at each of them.
 */

import {
  type Affine,
  addAffine,
  axesOf,
  axisAffine,
  divAffine,
  make,
  offsetAffine,
  scaleAffine,
  subtractAffine,
} from "../graph/affine.ts";
import { rangeOf } from "../graph/affine-range.ts";
import { and, type Condition, conjuncts } from "../graph/condition.ts";
import { isFixed } from "../graph/extent.ts";
import { constant, literalOf, max, min } from "../kernel/build.ts";
import type { Expression } from "../kernel/ir.ts";
import { differenceIndex, type Point } from "./indexes.ts";
import { extentValue } from "./micro-kernel.ts";

export interface ClippedLoop {
  readonly from: Expression;
  readonly to: Expression;
  /** What is left to be tested at each point. */
  readonly rest: Condition;
}

/** The loop over those places of an axis where `where` may hold. Of `point` the axes in `known` are where they are. */
export function clipLoop(
  where: Condition,
  axis: number,
  known: ReadonlySet<number>,
  point: Point,
): ClippedLoop {
  const { extents, batchMax } = point;
  const extent = extents[axis]!;
  let from: Expression = constant(0);
  let to = extentValue(extent);
  const rest: Condition[] = [];
  for (const part of conjuncts(where)) {
    const bound = boundOf(part, axis, known);
    if (bound === undefined) {
      rest.push(part);
      continue;
    }
    const { min: least, max: most } = rangeOf(bound.place, extents, batchMax);
    const place = () => differenceIndex(bound.place, point);
    if (bound.kind === "from") {
      if (most > 0) from = max(from, place());
    } else if (!isFixed(extent) || least < extent.constant) to = min(to, place());
  }
  return { from, to, rest: and(...rest) };
}

/** Whether a loop over an axis, inside of loops over those in `known`, has bounds by `where`. */
export function isClipped(where: Condition, axis: number, known: ReadonlySet<number>): boolean {
  return conjuncts(where).some((part) => boundOf(part, axis, known) !== undefined);
}

/** The places of an axis where `where` may hold for some of `points`, each run of them with those that it may hold for. */
export function clipLoopForEach<P>(
  where: Condition,
  axis: number,
  known: ReadonlySet<number>,
  points: readonly { readonly of: P; readonly point: Point }[],
): readonly (ClippedLoop & { readonly of: readonly P[] })[] {
  const clipped = points.map(({ of, point }) => ({ of, ...clipLoop(where, axis, known, point) }));
  const bounded = clipped.flatMap(({ of, from, to, rest }) => {
    const [first, end] = [literalOf(from), literalOf(to)];
    return first === undefined || end === undefined ? [] : [{ of, first, end, rest }];
  });
  if (bounded.length < clipped.length) {
    // Those that are known only when the kernel runs are by axes along which the points do not differ.
    const [first] = clipped;
    return [{ ...first!, of: points.map(({ of }) => of) }];
  }
  const ends = [...new Set(bounded.flatMap(({ first, end }) => [first, end]))];
  ends.sort((a, b) => a - b);
  return ends.slice(1).flatMap((end, i) => {
    const there = bounded.filter((each) => each.first <= ends[i]! && each.end >= end);
    const [some] = there;
    if (some === undefined) return [];
    const of = there.map((each) => each.of);
    return [{ from: constant(ends[i]!), to: constant(end), rest: some.rest, of }];
  });
}

/** The first place of an axis where a condition holds, or the one after the last, by the axes in `known`. */
function boundOf(
  condition: Condition,
  axis: number,
  known: ReadonlySet<number>,
): { readonly kind: "from" | "to"; readonly place: Affine } | undefined {
  if (condition.kind !== "nonnegative") return undefined;
  const value = withoutQuotient(condition.value, axis);
  const term = value.terms.find(({ atom }) => atom.kind === "axis" && atom.axis === axis);
  if (term === undefined) return undefined;
  const { coefficient } = term;
  const start = subtractAffine(value, scaleAffine(axisAffine(axis), coefficient));
  if ([...axesOf(start)].some((other) => !known.has(other))) return undefined;
  // start + c·i ≥ 0: i ≥ ⌈−start / c⌉, or i ≤ ⌊start / −c⌋ where c is negative.
  return coefficient > 0
    ? {
        kind: "from",
        place: divAffine(offsetAffine(scaleAffine(start, -1), coefficient - 1), coefficient),
      }
    : { kind: "to", place: offsetAffine(divAffine(start, -coefficient), 1) };
}

/** What is nonnegative where a value is, with no quotient of the axis where that is one term of it. */
function withoutQuotient(value: Affine, axis: number): Affine {
  const term = value.terms.find(({ atom }) => atom.kind === "div" && axesOf(atom.base).has(axis));
  if (term === undefined || Math.abs(term.coefficient) !== 1) return value;
  const { coefficient, atom } = term;
  if (atom.kind !== "div") return value;
  const { base, divisor } = atom;
  const terms = value.terms.filter((other) => other !== term);
  const others = scaleAffine(make(value.constant, value.batch, terms), divisor);
  // ⌊b / d⌋ + r ≥ 0: b + d·r ≥ 0, and r − ⌊b / d⌋ ≥ 0: d·r + d − 1 − b ≥ 0.
  const linear =
    coefficient > 0
      ? addAffine(base, others)
      : offsetAffine(subtractAffine(others, base), divisor - 1);
  return withoutQuotient(linear, axis);
}
