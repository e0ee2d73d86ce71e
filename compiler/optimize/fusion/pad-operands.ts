/**
 * Products that read outside of an operand, and there nothing, read a copy of it with zeros around instead: register
 * tiles want operands that are there at every point. The copy costs a pass over the operand, the guards would cost
 * the tiles.
 *
 *     y[i] = sum[j < 3] x[i + j - 1]{0 <= i + j - 1 < 8}·k[j]   →   p[q < 10] = x[q - 1]{…};  y[i] = sum[j < 3] p[i + j]·k[j]
 */

import { type Affine, axisAffine, bareAxis, offsetAffine } from "../../graph/affine.ts";
import { rangeOf } from "../../graph/affine-range.ts";
import { always, and, type Condition, inRange } from "../../graph/condition.ts";
import type { GraphContext } from "../../graph/context.ts";
import { type Extent, elementsAt, fixed, isFixed, sameExtent } from "../../graph/extent.ts";
import type { Compute, Graph, LoadScalar } from "../../graph/node.ts";
import { implies } from "../../graph/prove.ts";
import { rewriteGraph } from "../../graph/rewrite.ts";
import { axesOfNode } from "./linear-access.ts";
import { factsOf } from "./node-facts.ts";
import { factorsOf } from "./prepare-products.ts";
import { type SplitPhases, splitPhases } from "./split-phases.ts";

/** How much larger than the operand its copy may be, and what an element of a larger one must be multiplied at least. */
const largestGrowth = 4;
const leastUses = 16;

/** Needs nothing; sums gain products with zeros, which no finite sum notices. */
export function padOperands(context: GraphContext, graph: Graph): Graph {
  const { batchMax } = graph;
  const facts = factsOf(context, batchMax, { workgroup: null });
  return rewriteGraph(context, graph, (node) => {
    if (node.kind !== "compute" || factorsOf(node) === undefined) return undefined;
    if (facts.contraction(node) !== undefined) return undefined;
    const { content, places, exists } = splitPhases(context, node, batchMax);
    const padded = withPaddedOperands(context, content, batchMax);
    if (padded === undefined || facts.contraction(padded) === undefined) return undefined;
    if (content.parallel.length === node.parallel.length) return padded.values;
    context.inheritOrigins(padded, node);
    const body = context.load(padded.values[0]!, places, exists);
    return context.compute({ parallel: node.parallel, body }).values;
  });
}

/** The same sum without conditions, if all that they leave out lies outside of an operand. */
function withPaddedOperands(
  context: GraphContext,
  node: SplitPhases["content"],
  batchMax: number,
): Compute | undefined {
  const factors = factorsOf(node);
  if (factors === undefined || !factors.every((factor) => factor.kind === "load")) return undefined;
  const conditions = and(node.where, ...factors.map(({ guard }) => guard));
  const inside = and(...factors.map(isInside));
  if (!implies(inside, conditions, axesOfNode(node), batchMax)) return undefined;
  const ready = factors.map((factor) => paddedOperand(context, node, factor, batchMax));
  if (!ready.every((factor) => factor !== undefined)) return undefined;
  const { parallel, reduction, reducer } = node;
  const body = context.call("multiply", ...ready);
  return context.compute({ parallel, reduction, where: always, reducer, body });
}

function isInside({ value, index }: LoadScalar): Condition {
  return and(...index.map((place, d) => inRange(place, value.shape[d]!)));
}

/** An unguarded load of the operand, or of a copy as large as the places that are read. */
function paddedOperand(
  context: GraphContext,
  node: SplitPhases["content"],
  { value, index }: LoadScalar,
  batchMax: number,
): LoadScalar | undefined {
  const axes = axesOfNode(node);
  const before: number[] = [];
  const shape: Extent[] = [];
  let growth = 1;
  for (const [d, extent] of value.shape.entries()) {
    if (!isFixed(extent)) {
      const along = bareAxis(index[d]!);
      // Mostly so, and then without a proof.
      const isWhole = along !== undefined && sameExtent(axes[along]!, extent);
      if (!isWhole && !implies(always, inRange(index[d]!, extent), axes, batchMax)) {
        return undefined;
      }
      before.push(0);
      shape.push(extent);
      continue;
    }
    const { min, max } = rangeOf(index[d]!, axes, batchMax);
    before.push(Math.max(0, -min));
    const size = before[d]! + Math.max(extent.constant, max + 1);
    growth *= size / extent.constant;
    shape.push(fixed(size));
  }
  if (growth === 1) return context.load(value, index);
  const uses = elementsAt(axes, batchMax) / elementsAt(shape, batchMax);
  if (growth > largestGrowth && uses < leastUses) return undefined;
  const inner = before.map((count, d): Affine => offsetAffine(axisAffine(d), -count));
  const isWider = (d: number) => !sameExtent(shape[d]!, value.shape[d]!);
  const guard = and(
    ...inner.map((place, d) => (isWider(d) ? inRange(place, value.shape[d]!) : always)),
  );
  const copy = context.compute({ parallel: shape, body: context.load(value, inner, guard) });
  context.inheritOrigins(copy, value.node);
  return context.load(
    copy.values[0]!,
    index.map((place, d) => offsetAffine(place, before[d]!)),
  );
}
