/**
 * Strided products by phase. Where a product reads by quotients and remainders of one of its parallel axes, as the
 * gradient of a strided convolution does, that axis is split into both: indexes are then even, and no point
 * multiplies what its stride leaves out. Of an axis that has points in the sum in one phase only, the others are left
 * out.
 *
 *     y[a] = … x[(a + c) div s − j]·k[s·j + (a + c) mod s]   →   z[u, f] = … x[u − j]·k[s·j + f];  y[a] = z[(a + c) div s, (a + c) mod s]
 */

import {
  type Affine,
  addAffine,
  axisAffine,
  bareAxis,
  constantAffine,
  divAffine,
  isQuotient,
  modAffine,
  offsetAffine,
  scaleAffine,
  substituteAffine,
  zeroAffine,
} from "../../graph/affine.ts";
import {
  always,
  and,
  type Condition,
  divides,
  mapCondition,
  substituteCondition,
} from "../../graph/condition.ts";
import { type ComputeContent, type GraphContext, loadsOf } from "../../graph/context.ts";
import { type Extent, fixed, isFixed } from "../../graph/extent.ts";
import type { Compute } from "../../graph/node.ts";
import { mapScalar } from "../../graph/rewrite.ts";
import { type Box, factsOf, simplifyAffine } from "../simplify-index.ts";

/** The sum over split axes, some points of which belong to no point of the node. */
export interface SplitPhases {
  readonly content: Required<Pick<ComputeContent, "reduction" | "where" | "reducer">> &
    ComputeContent;
  /** Where each point of the node finds its result. */
  readonly places: readonly Affine[];
  /** The points of the node that have one; all others sum nothing. */
  readonly exists: Condition;
}

/** Splits all parallel axes that are read so; its loads may be out of range at points that belong to none. */
export function splitPhases(context: GraphContext, node: Compute, batchMax: number): SplitPhases {
  const { parallel, reduction, where, reducer, body } = node;
  let split: SplitPhases = {
    content: { parallel, reduction, where, reducer, body },
    places: parallel.map((_, axis) => axisAffine(axis)),
    exists: always,
  };
  // Once for each axis: what is divided in several ways would be split for ever.
  for (let splits = 0; splits < parallel.length; splits++) {
    const phase = findPhase(split);
    if (phase === undefined) break;
    split = splitAxis(context, split, phase, batchMax);
  }
  return split;
}

interface Phase {
  readonly axis: number;
  readonly divisor: number;
  /** What is added to the axis before it is divided. */
  readonly offset: number;
}

function findPhase({ content: { parallel, body } }: SplitPhases): Phase | undefined {
  for (const load of loadsOf(body)) {
    for (const index of load.index) {
      for (const { atom } of index.terms) {
        if (!isQuotient(atom)) continue;
        const [term, ...others] = atom.base.terms;
        if (others.length > 0 || atom.base.batch !== 0 || term?.coefficient !== 1) continue;
        if (term.atom.kind !== "axis") continue;
        const { axis } = term.atom;
        const extent = parallel[axis];
        if (extent !== undefined && isFixed(extent)) {
          return { axis, divisor: atom.divisor, offset: atom.base.constant };
        }
      }
    }
  }
  return undefined;
}

function splitAxis(
  context: GraphContext,
  { content, places, exists }: SplitPhases,
  { axis, divisor, offset: divided }: Phase,
  batchMax: number,
): SplitPhases {
  // Two phases are (a + 1) div 2 = u + f and (a + 1) mod 2 = 1 − f of a = 2·u + f, too: no point then belongs to none.
  const only = onlyPhase(content.where, axis, divisor, divided);
  const { constant: length } = content.parallel[axis]!;
  const isEven = only === null && divisor === 2 && length % 2 === 0;
  const offset = isEven ? 0 : divided;
  const whole = Math.floor(offset / divisor);
  // Quotients of the axis run from `whole` on.
  const count = Math.floor((length - 1 + offset) / divisor) - whole + 1;
  // Of the axis as it was, with the phase added: divisor·u + f.
  const replaced = (phase: Affine): ((other: number) => Affine) => {
    const joined = addAffine(scaleAffine(axisAffine(axis), divisor), phase);
    return (other) => {
      if (other < axis) return axisAffine(other);
      if (other > axis) return axisAffine(other + 1);
      return offsetAffine(joined, whole * divisor - offset);
    };
  };
  const parallel: readonly Extent[] = [
    ...content.parallel.slice(0, axis),
    fixed(count),
    fixed(only === null ? divisor : 1),
    ...content.parallel.slice(axis + 1),
  ];
  const replace = replaced(only === null ? axisAffine(axis + 1) : constantAffine(only));
  const box: Box = { axes: [...parallel, ...content.reduction], batchMax };
  const affine = (a: Affine): Affine => simplifyAffine(substituteAffine(a, replace), box);
  const condition = (c: Condition): Condition =>
    mapCondition(substituteCondition(c, replace), (a) => simplifyAffine(a, box));
  const shifted = offsetAffine(places[axis]!, offset);
  return {
    content: {
      ...content,
      parallel,
      where: condition(content.where),
      body: mapScalar(context, content.body, { affine, condition }),
    },
    places: [
      ...places.slice(0, axis),
      offsetAffine(divAffine(shifted, divisor), -whole),
      only === null ? modAffine(shifted, divisor) : zeroAffine,
      ...places.slice(axis + 1),
    ],
    exists: only === null ? exists : and(exists, divides(divisor, offsetAffine(shifted, -only))),
  };
}

/** The one remainder of an axis and an offset that a condition leaves, or null if it may leave more. */
function onlyPhase(where: Condition, axis: number, divisor: number, offset: number): number | null {
  for (const fact of factsOf(where)) {
    if (fact.kind !== "divides" || fact.divisor !== divisor) continue;
    if (bareAxis(offsetAffine(fact.value, -fact.value.constant)) !== axis) continue;
    return (((offset - fact.value.constant) % divisor) + divisor) % divisor;
  }
  return null;
}
