/**
 * Rounds the operands of products to the type that a target's matrix units take, where the program allows it: each
 * value that such products read gets a copy in memory, made by a map that is fused into what makes the value. What
 * only products read is then kept in half the bytes, and is copied to shared memory as it lies.
 *
 *     %3: f32[N, 784] = f32(%0[i0, i1]) / 255.0
 *     %4: f32[N, 512] = sum[i2 < 784] %3[i0, i2] * %1[i2, i1]
 *
 * becomes
 *
 *     %3: f32[N, 784] = f32(%0[i0, i1]) / 255.0
 *     %4: bf16[N, 784] = bf16(%3[i0, i1])
 *     %5: bf16[784, 512] = bf16(%1[i0, i1])
 *     %6: f32[N, 512] = sum[i2 < 784] f32(%4[i0, i2]) * f32(%5[i2, i1])
 *
 * Where a copy does not pay, an element is rounded where it is read: `f32(bf16(%1[i2, i1]))`. Products and sums stay in
 * f32. In tf32, which is kept as f32, schedules round what they multiply.
 */

import { type GraphContext, graphNodes } from "../graph/context.ts";
import { elementsAt, sizeAt } from "../graph/extent.ts";
import type { NarrowFloat } from "../graph/narrow-floats.ts";
import type { Compute, Graph, LoadScalar, Node, Scalar, Value } from "../graph/node.ts";
import { rewriteGraph } from "../graph/rewrite.ts";
import { compareCopies } from "./compare-copies.ts";
import { identityIndex } from "./fusion/copies.ts";
import { bodyAt } from "./fusion/inline-maps.ts";
import { isColumn } from "./fusion/linear-access.ts";
import { factorsOf } from "./fusion/prepare-products.ts";
import { type TiledContraction, tiledContraction } from "./fusion/tiled-contraction.ts";
import { mayRunInRows } from "./fusion/workgroup-rows.ts";
import type { MatrixUnits, TargetDescription } from "./target-description.ts";

/** Extents below which most of what matrix units multiply would be zeros: those of one unit, but half of its rows. */
const leastRows = 8;
const leastColumns = 8;
const leastSum: { readonly [O in MatrixUnits["operands"]]: number } = {
  tf32: 8,
  bf16: 16,
  f16: 16,
};

/** Rows or columns that matrix schedules compute from one reading of the other operand. */
const usualTile = 128;

/** Readings of four bytes an element that cost what copying does, which reads four and writes two, then two a reading. */
const freeReadings = 3;

/**
 * Needs a graph whose sums of products are contractions. Adds maps, and lets contractions read them; results change by
 * the rounding of factors. Returns the same object where the target has no units for narrow floats.
 */
export function roundOperands(
  context: GraphContext,
  graph: Graph,
  target: TargetDescription,
): Graph {
  const units = target.workgroup?.matrix ?? null;
  if (units === null || units.operands === "tf32") return graph;
  const dtype = units.operands;
  const plans = planCopies(context, graph, dtype, target);
  const rounded = rewriteGraph(context, graph, (node, original) => {
    const plan = plans.get(original);
    if (node.kind !== "compute" || plan === undefined) return undefined;
    const factors = operandsOf(node)!.map((load, i) => {
      const { moves, isCopied } = plan[i]!;
      const source = movesOf(context, load)[moves]!;
      return isCopied ? copiedFactor(context, source, dtype) : roundedFactor(context, load, dtype);
    });
    return withFactors(context, node, factors).values;
  });
  return dtype === "bf16" ? compareCopies(context, rounded) : rounded;
}

/** Whether an operand is copied, and after how many maps that only move elements have been passed over. */
interface CopyPlan {
  readonly moves: number;
  readonly isCopied: boolean;
}

/** An operand of a contraction that is worth rounding for. */
interface Operand {
  /** The load, and what it reads through maps that only move elements. */
  readonly chain: readonly LoadScalar[];
  /** How often a schedule in tiles reads it all. */
  readonly readings: number;
  /** Whether the product may run row by row, fused with what makes the rows: then it reads what is near by. */
  readonly isOfRows: boolean;
}

/**
 * What to copy for each contraction that fills matrix units. One copy of an image serves where it is read padded and
 * where it is not, but all of a tensor is not copied for the sake of few elements. Params that are small or seldom read
 * are read as they are: nothing makes them, so that their copy is a kernel of its own.
 */
function planCopies(
  context: GraphContext,
  graph: Graph,
  dtype: NarrowFloat,
  target: TargetDescription,
): ReadonlyMap<Node, readonly CopyPlan[]> {
  const { batchMax } = graph;
  const operands = new Map<Node, readonly Operand[]>();
  for (const node of graphNodes(graph)) {
    if (node.kind !== "compute") continue;
    const own = plannedOperands(context, node, dtype, batchMax, target);
    if (own !== undefined) operands.set(node, own);
  }
  const all = [...operands.values()].flat().filter(({ isOfRows }) => !isOfRows);
  const elements = ({ shape }: Value) => elementsAt(shape, batchMax);
  const isWorthAll = ({ value }: LoadScalar): boolean => {
    const readers = all.filter(({ chain }) => chain.some((load) => load.value === value));
    const wanted = new Set(readers.map(({ chain }) => chain[0]!.value));
    return elements(value) <= 2 * [...wanted].reduce((sum, each) => sum + elements(each), 0);
  };
  const placed = new Map(
    all.map((operand) => {
      const { chain } = operand;
      return [operand, chain.findLastIndex((load, i) => i === 0 || isWorthAll(load))] as const;
    }),
  );
  const saves = (value: Value): boolean => {
    const readers = all.filter((each) => each.chain[placed.get(each)!]!.value === value);
    const readings = readers.reduce((sum, each) => sum + each.readings, 0);
    const savedBytes = 2 * elements(value) * (readings - freeReadings);
    return savedBytes / target.cacheBandwidth > target.launchSeconds;
  };
  const planOf = (operand: Operand): CopyPlan => {
    const { chain, isOfRows } = operand;
    const moves = placed.get(operand) ?? 0;
    const { value } = chain[moves]!;
    if (isColumn(value) || value.dtype !== "f32") return { moves, isCopied: true };
    const isMade = value.node.kind === "compute";
    return { moves, isCopied: !isOfRows && (isMade || saves(value)) };
  };
  return new Map([...operands].map(([node, own]) => [node, own.map(planOf)]));
}

/** The operands of a contraction that matrix units can compute; undefined for other nodes. */
function plannedOperands(
  context: GraphContext,
  node: Compute,
  dtype: NarrowFloat,
  batchMax: number,
  target: TargetDescription,
): readonly Operand[] | undefined {
  const tiles = unitTiles(context, node, dtype, batchMax);
  if (tiles === undefined) return undefined;
  const left = tiles.left().value.node;
  const isOfRows = mayRunInRows(node, batchMax, target);
  return operandsOf(node)!.map((load) => {
    const isLeft = left.kind === "compute" && left.operands.includes(load.value);
    const across = sizeAt((isLeft ? tiles.columns : tiles.rows).extent, batchMax);
    const readings = Math.ceil(across / usualTile);
    return { chain: movesOf(context, load), readings, isOfRows };
  });
}

/** A node in tiles if it is a product that fills those of matrix units, once its operands lie in memory. */
export function unitTiles(
  context: GraphContext,
  node: Compute,
  operands: MatrixUnits["operands"],
  batchMax: number,
): TiledContraction | undefined {
  const type = operands === "tf32" ? "f32" : operands;
  const copies = operandsOf(node)?.map((load) => copiedFactor(context, load, type));
  const tiles = copies && tiledContraction(withFactors(context, node, copies), batchMax);
  if (tiles === undefined) return undefined;
  const isFull =
    sizeAt(tiles.rows.extent, batchMax) >= leastRows &&
    sizeAt(tiles.columns.extent, batchMax) >= leastColumns &&
    sizeAt(tiles.sum.extent, batchMax) >= leastSum[operands];
  return isFull ? tiles : undefined;
}

/** The loads whose product a node sums up in f32, conversions aside. */
function operandsOf(node: Compute): readonly LoadScalar[] | undefined {
  if (node.body.dtype !== "f32") return undefined;
  return factorsOf(node)?.map(
    (factor) => (factor.kind === "cast" ? factor.of : factor) as LoadScalar,
  );
}

/** A load, and what it reads through maps that only move elements: as it is, through one, through two… */
function movesOf(context: GraphContext, load: LoadScalar): readonly LoadScalar[] {
  const chain = [load];
  for (let last = load; ; ) {
    const map = last.value.node;
    if (map.kind !== "compute" || map.reducer !== null || map.body.kind !== "load") return chain;
    const next = bodyAt(context, map.body, last);
    if (next.kind !== "load") return chain;
    chain.push(next);
    last = next;
  }
}

function roundedFactor(context: GraphContext, load: LoadScalar, dtype: NarrowFloat): Scalar {
  return context.cast(context.cast(load, dtype), "f32");
}

/** An element of a copy of all that a load reads from, widened. */
function copiedFactor(
  context: GraphContext,
  { value, index, guard }: LoadScalar,
  dtype: NarrowFloat | "f32",
): Scalar {
  const whole = context.load(value, identityIndex(value.shape.length));
  const body = context.cast(context.cast(whole, "f32"), dtype);
  const copy = context.standingFor(value.node, () =>
    context.compute({ parallel: value.shape, body }),
  );
  return context.cast(context.load(copy.values[0]!, index, guard), "f32");
}

/** The same sum of a product of others. */
export function withFactors(
  context: GraphContext,
  { parallel, reduction, where, reducer }: Compute,
  factors: readonly Scalar[],
): Compute {
  const body = context.call("multiply", ...factors);
  return context.compute({ parallel, reduction, where, reducer, body });
}
