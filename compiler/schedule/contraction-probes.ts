/**
 * Limits of a contraction that data have to confirm. Where a mask puts a number in place of scores, the shares that a
 * softmax makes of it are the same all along a row, and nearly always zero, which indexes alone cannot say. So each task
 * looks at one of them in every row before it begins; if all are zero its tiles pass over them, else over nothing.
 */

import { bareAxis } from "../graph/affine.ts";
import { simplifyCondition, substituteCondition } from "../graph/condition.ts";
import { isFixed, sizeAt } from "../graph/extent.ts";
import {
  add,
  constant,
  load,
  multiply,
  operation,
  place,
  select,
  vectorOf,
} from "../kernel/build.ts";
import type { Expression } from "../kernel/ir.ts";
import { axesOfNode, boxOf, type LinearAccess } from "../optimize/fusion/linear-access.ts";
import { factsOf } from "../optimize/simplify-index.ts";
import { isWorthwhile, type Limit, limitOf } from "./contraction-limits.ts";
import type { ContractionPlan } from "./contraction-plan.ts";
import { scalarIndex } from "./indexes.ts";
import type { KernelBuilder, Surroundings } from "./kernel-builder.ts";

/** Elements of an operand that decide whether a limit holds: all of them have to be zero. */
export interface Probe {
  readonly access: LinearAccess;
  /** They follow each other along this axis of the node, from `from` to `to`, the latter excluded. */
  readonly axis: number;
  readonly from: number;
  readonly to: number;
  /** The axis along which the operand is the same beyond the limit, and the place on it that is looked at. */
  readonly along: number;
  readonly at: number;
}

/** A limit that holds where a bool says so; null for always. */
export interface PlacedLimit extends Limit {
  readonly holds: Expression | null;
}

/** The limits of a contraction beside those known that hold if what an operand is beyond them is zero. */
export function probedLimits(
  plan: ContractionPlan,
  known: readonly Limit[],
  { batchMax, supports }: Pick<Surroundings, "batchMax" | "supports">,
): readonly Limit[] {
  const { contraction, blocks } = plan;
  if (blocks !== null) return [];
  const { broadcast, run, node } = contraction;
  const box = boxOf(node, batchMax);
  const keyOf = ({ start, steps }: Limit) => [start, ...steps].join(" ");
  const seen = new Set(known.map(keyOf));
  return [broadcast, run].flatMap((access) => {
    const { value, index } = access.load;
    return index.flatMap((at, dimension) => {
      const along = bareAxis(at);
      if (along === undefined) return [];
      const varies = substituteCondition(supports.variationOf(value, dimension), (d) => index[d]!);
      const [fact, ...others] = factsOf(simplifyCondition(varies, box.axes, batchMax));
      if (fact?.kind !== "nonnegative" || others.length > 0) return [];
      const limit = limitOf(fact.value, plan, batchMax);
      if (limit === undefined || limit.loop === null || !isWorthwhile(limit, contraction))
        return [];
      const probe = probeOf(limit, access, along, plan, batchMax);
      if (probe === undefined || seen.has(keyOf(limit))) return [];
      seen.add(keyOf(limit));
      return [{ ...limit, probe }];
    });
  });
}

/** What to look at: one element for each place along the other axis of the limit that has any beyond it. */
function probeOf(
  { start, steps }: Limit,
  access: LinearAccess,
  along: number,
  { contraction: { node }, outerAxes }: ContractionPlan,
  batchMax: number,
): Probe | undefined {
  const extents = axesOfNode(node);
  const [axis, ...more] = steps.flatMap((step, d) => (step !== 0 && d !== along ? [d] : []));
  const [length, count] = [extents[along]!, axis === undefined ? undefined : extents[axis]!];
  if (axis === undefined || more.length > 0 || steps[along] === 0) return undefined;
  if (!isFixed(length) || count === undefined || !isFixed(count)) return undefined;
  const moves = access.steps.flatMap((step, d) => (step !== 0 ? [d] : []));
  const isInTask = (d: number) => !outerAxes.includes(d) && sizeAt(extents[d]!, batchMax) > 1;
  if (moves.some((d) => d !== axis && d !== along && isInTask(d))) return undefined;
  const at = steps[along]! < 0 ? length.constant - 1 : 0;
  const isBeyond = (i: number) => start + steps[axis]! * i + steps[along]! * at < 0;
  const beyond = Array.from({ length: count.constant }, (_, i) => i).filter(isBeyond);
  return { access, axis, from: beyond[0]!, to: beyond.at(-1)! + 1, along, at };
}

/** Looks at what decides about limits, for a task at the given parallel axes. */
export function placeLimits(
  builder: KernelBuilder,
  limits: readonly Limit[],
  parallel: readonly Expression[],
): readonly PlacedLimit[] {
  return limits.map((limit) => {
    const { probe } = limit;
    return { ...limit, holds: probe === null ? null : allZero(builder, probe, parallel) };
  });
}

function allZero(
  builder: KernelBuilder,
  { access, axis, from, to, along, at }: Probe,
  parallel: readonly Expression[],
): Expression {
  const { batchMax } = builder;
  const buffer = builder.buffer(access.load.value, "read");
  const first = scalarIndex(access.start, { extents: [], batchMax, axes: [], vector: null });
  const corner = parallel.reduce(
    (sum, value, d) =>
      d === axis || d === along ? sum : add(sum, multiply(value, constant(access.steps[d]!))),
    add(first, constant(at * access.steps[along]!)),
  );
  const start = builder.let("probe_start", corner);
  const found = builder.mutable("nonzero", constant(0));
  builder.loop("probe", constant(from), constant(to), (i) => {
    const index = add(start, multiply(i, constant(access.steps[axis]!)));
    const element = load(place(buffer, index), vectorOf("f32", 1));
    const isNonzero = operation("notEqual", element, constant(0, "f32"));
    builder.assign(found.name, add(found.value, select(isNonzero, constant(1), constant(0))));
  });
  return builder.let("all_zero", operation("equal", found.value, constant(0)));
}
