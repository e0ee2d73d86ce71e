/**
 * From elements to nodes: the axes that an element depends on are numbered as the node's, conditions that
 * hold everywhere in its box go, and a reduction skips the points at which a load would be out of range.
 */

import {
  type Affine,
  axesOf,
  axisAffine,
  constantAffine,
  substituteAffine,
} from "../graph/affine.ts";
import {
  and,
  type Condition,
  conditionAxes,
  conjuncts,
  simplifyCondition,
  substituteCondition,
} from "../graph/condition.ts";
import { scalarChildren } from "../graph/context.ts";
import { type Extent, sameShape } from "../graph/extent.ts";
import type { Value as GraphValue, Scalar } from "../graph/node.ts";
import type { ReducerName } from "../graph/reducers.ts";
import { mapScalar } from "../graph/rewrite.ts";
import type { Session } from "./session.ts";
import { simplifyAffine } from "./tensors/simplify-affine.ts";
import type { ElementValue } from "./values.ts";

export interface Reduction {
  readonly values: readonly GraphValue[];
  /** The axes around it that the term depends on: those of the result. */
  readonly outer: readonly number[];
}

export function reduceOver(
  session: Session,
  reducer: ReducerName,
  term: ElementValue,
  own: readonly number[],
): Reduction {
  const used = conditionAxes(term.inRange, scalarAxes(term.scalar));
  const outer = [...used].filter((axis) => !own.includes(axis)).sort((a, b) => a - b);
  const space = numbering(session, [...outer, ...own]);
  const where = space.condition(term.inRange);
  const parts = new Set(conjuncts(where).map(({ key }) => key));
  // A load needs no guard of its own where the points that it would guard against are skipped.
  const body = space.scalar(term.scalar, (guard) =>
    and(...conjuncts(guard).filter(({ key }) => !parts.has(key))),
  );
  const { values } = session.context.compute({
    parallel: space.box.slice(0, outer.length),
    reduction: space.box.slice(outer.length),
    where,
    reducer,
    body,
  });
  return { values, outer };
}

/** The tensor over `axes`, or nothing if the element depends on others too. */
export function mapOver(
  session: Session,
  value: ElementValue,
  axes: readonly number[],
): GraphValue | undefined {
  const used = conditionAxes(value.inRange, scalarAxes(value.scalar));
  if ([...used].some((axis) => !axes.includes(axis))) return undefined;
  const space = numbering(session, axes);
  const body = space.scalar(value.scalar, (guard) => guard);
  return (
    wholeLoad(body, space.box) ?? session.context.compute({ parallel: space.box, body }).values[0]
  );
}

/** What a map only copies. */
function wholeLoad(body: Scalar, box: readonly Extent[]): GraphValue | undefined {
  if (body.kind !== "load" || body.guard.kind !== "true") return undefined;
  const isSame = body.index.every((index, d) => index.key === axisAffine(d).key);
  return isSame && sameShape(body.value.shape, box) ? body.value : undefined;
}

function numbering(session: Session, axes: readonly number[]) {
  const { context, batchMax } = session;
  const box = axes.map((axis) => session.axisExtent(axis));
  const places = new Map(axes.map((axis, place) => [axis, axisAffine(place)]));
  const place = (id: number): Affine => places.get(id) ?? constantAffine(0);
  const affine = (a: Affine) => simplifyAffine(substituteAffine(a, place), box, batchMax);
  const condition = (c: Condition) =>
    simplifyCondition(substituteCondition(c, place), box, batchMax);
  return {
    box,
    condition,
    scalar: (scalar: Scalar, guard: (g: Condition) => Condition) =>
      mapScalar(context, scalar, {
        affine,
        condition,
        load: (load) => context.load(load.value, load.index, guard(load.guard)),
      }),
  };
}

/** Whether an element is another number at each point of an index notation, and not just at each step of a loop. */
export function dependsOnAxes({ scalar, inRange, affine, condition }: ElementValue): boolean {
  if (affine !== null) return axesOf(affine).size > 0;
  if (condition !== null) return conditionAxes(condition).size > 0;
  return conditionAxes(inRange, scalarAxes(scalar)).size > 0;
}

/** Every axis that a scalar depends on, through indices, guards and conditions. */
function scalarAxes(root: Scalar): Set<number> {
  const axes = new Set<number>();
  const seen = new Set<Scalar>();
  const visit = (scalar: Scalar): void => {
    if (seen.has(scalar)) return;
    seen.add(scalar);
    if (scalar.kind === "index" || scalar.kind === "random") axesOf(scalar.index, axes);
    if (scalar.kind === "condition") conditionAxes(scalar.condition, axes);
    if (scalar.kind === "load") {
      for (const index of scalar.index) axesOf(index, axes);
      conditionAxes(scalar.guard, axes);
    }
    for (const child of scalarChildren(scalar)) visit(child);
  };
  visit(root);
  return axes;
}
