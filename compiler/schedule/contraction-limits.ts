/**
 * Points of a contraction that a tile can pass over. Indexes alone may say that an operand is zero there, as the
 * gradient of scores under a causal mask is, or that nobody reads the sum, as scores are only read where the mask lets
 * them through. Where such a half-space cuts the box, each tile goes through the part of the sum that it reaches.
 *
 *     sum[s < 128] a[t, s]·b[s, d],  a = 0 where s > t:   the tile of rows t < 12 sums over s < 12
 */

import { type Affine, constantValue } from "../graph/affine.ts";
import {
  and,
  type Condition,
  never,
  not,
  or,
  simplifyCondition,
  substituteCondition,
} from "../graph/condition.ts";
import { isFixed } from "../graph/extent.ts";
import type { Compute, Scalar, Value } from "../graph/node.ts";
import {
  add,
  constant,
  floorQuotient,
  less,
  max,
  min,
  multiply,
  select,
  subtract,
} from "../kernel/build.ts";
import type { Expression } from "../kernel/ir.ts";
import { axesOfNode, boxOf, linearSteps } from "../optimize/fusion/linear-access.ts";
import type { StridedContraction } from "../optimize/fusion/strided-contraction.ts";
import { factsOf } from "../optimize/simplify-index.ts";
import type { ContractionPlan } from "./contraction-plan.ts";
import type { PlacedLimit, Probe } from "./contraction-probes.ts";
import { type Moved, movedAlong, type SumLoop, unmoved } from "./contraction-sums.ts";
import type { KernelBuilder, Surroundings } from "./kernel-builder.ts";
import { countOf } from "./micro-kernel.ts";

/** Products count only where Σ steps[axis]·axis + start ≥ 0; the axes are those of the contraction's node. */
export interface Limit {
  readonly start: number;
  readonly steps: readonly number[];
  /** Which of the plan's loops of the sum it ends or lets begin later; null if it decides about whole sums. */
  readonly loop: number | null;
  /** What has to be zero for it to hold; null if nothing has. */
  readonly probe: Probe | null;
}

/** What of the box a limit has to rule out to be worth asking for at every tile. */
const leastShare = 1 / 8;

/** The limits of a contraction whose sum only `readers` read, at their own points; null if others read it. */
export function limitsOf(
  plan: ContractionPlan,
  readers: readonly Compute[] | null,
  { batchMax, supports }: Pick<Surroundings, "batchMax" | "supports">,
): readonly Limit[] {
  const { contraction, blocks } = plan;
  if (blocks !== null) return [];
  const { node, broadcast, run } = contraction;
  const nonzero = [broadcast, run].map(({ load: { value, index } }) =>
    substituteCondition(supports.supportOf(value), (axis) => index[axis]!),
  );
  const [sum] = node.values;
  const read = readers?.map(({ body }) => whereRead(body, sum!)) ?? [];
  const counts = and(...nonzero, ...(readers === null ? [] : [or(...read)]));
  const box = boxOf(node, batchMax);
  return factsOf(simplifyCondition(counts, box.axes, batchMax)).flatMap((fact) => {
    if (fact.kind !== "nonnegative") return [];
    const limit = limitOf(fact.value, plan, batchMax);
    return limit === undefined || !isWorthwhile(limit, contraction) ? [] : [limit];
  });
}

/** Where a body reads a value. */
function whereRead(body: Scalar, value: Value): Condition {
  switch (body.kind) {
    case "load":
      return body.value === value ? body.guard : never;
    case "cast":
      return whereRead(body.of, value);
    case "call": {
      const [chosen, a, b] = body.args;
      if (body.fn !== "select" || chosen?.kind !== "condition") {
        return or(...body.args.map((arg) => whereRead(arg, value)));
      }
      const { condition } = chosen;
      return or(and(condition, whereRead(a!, value)), and(not(condition), whereRead(b!, value)));
    }
    default:
      return never;
  }
}

/** An affine that is to be nonnegative as a limit, if it depends on one loop of the sum at most. */
export function limitOf(
  value: Affine,
  { contraction: { node, sumAxes }, sums }: ContractionPlan,
  batchMax: number,
): Limit | undefined {
  const linear = linearSteps(value, boxOf(node, batchMax));
  const start = linear && constantValue(linear.start);
  if (linear === undefined || start === undefined) return undefined;
  const { steps } = linear;
  const summed = sumAxes.filter((axis) => steps[axis] !== 0);
  if (summed.length === 0) return { start, steps, loop: null, probe: null };
  const loop = sums.findIndex(({ axis }) => axis === summed[0]);
  return summed.length === 1 && loop >= 0 ? { start, steps, loop, probe: null } : undefined;
}

/** Whether a limit rules out enough of the box, by the middles of the axes' quarters. */
export function isWorthwhile({ start, steps }: Limit, { node }: StridedContraction): boolean {
  const extents = axesOfNode(node);
  let sums: readonly number[] = [start];
  for (const [axis, step] of steps.entries()) {
    const extent = extents[axis]!;
    if (step === 0) continue;
    if (!isFixed(extent)) return false;
    const places = [1, 3, 5, 7].map((eighth) => (eighth / 8) * (extent.constant - 1));
    sums = sums.flatMap((sum) => places.map((place) => sum + step * place));
  }
  return sums.filter((sum) => sum < 0).length >= leastShare * sums.length;
}

/** A tile by its corner and its size. */
export interface TileBox {
  /** The parallel axes at its first row and column. */
  readonly axes: readonly Expression[];
  readonly rows: number;
  readonly columns: number;
}

/** The loops of a sum as far as a tile goes through them, and how far the operands have moved at the first step. */
export interface LimitedSums {
  readonly sums: readonly SumLoop[];
  readonly moved: Moved;
}

/** `sums` are the loops of the plan, perhaps through another panel. */
export function limitSums(
  builder: KernelBuilder,
  { contraction: { vectorAxis }, rowAxis }: ContractionPlan,
  limits: readonly PlacedLimit[],
  { axes, rows, columns }: TileBox,
  sums: readonly SumLoop[],
): LimitedSums {
  /** The most that a limit's value comes to in the tile at step 0 of its loop. */
  const reachOf = ({ start, steps }: Limit): Expression => {
    const within = Math.max(0, steps[vectorAxis]!) * (columns - 1);
    const below = rowAxis === null ? 0 : Math.max(0, steps[rowAxis]!) * (rows - 1);
    const corner = axes.reduce(
      (sum, at, axis) => add(sum, multiply(at, constant(steps[axis]!))),
      constant(start + within + below),
    );
    return builder.let("reach", corner);
  };
  let moved = unmoved;
  const limited = sums.map((loop, i) => {
    const size = countOf(loop);
    let [from, to]: [Expression, Expression] = [constant(0), size];
    for (const limit of limits) {
      const where = (bound: Expression, without: Expression) =>
        limit.holds === null ? bound : select(limit.holds, bound, without);
      if (limit.loop === null && i === 0) {
        to = select(less(reachOf(limit), constant(0)), constant(0), to);
      } else if (limit.loop === i) {
        const step = limit.steps[loop.axis!]!;
        const reach = floorQuotient(reachOf(limit), Math.abs(step));
        if (step < 0) to = where(min(to, add(reach, constant(1))), to);
        else from = where(max(from, subtract(constant(0), reach)), from);
      }
    }
    if (from.kind === "constant" && to === size) return loop;
    const first = builder.let("first_step", from);
    moved = movedAlong(moved, loop, first);
    return { ...loop, count: builder.let("steps", subtract(to, first)) };
  });
  return { sums: limited, moved };
}
