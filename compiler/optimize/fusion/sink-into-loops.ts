/**
 * Products for all steps of a loop at once, that only the loop reads, step by step, are computed in it where they are too
 * large for a cache: a step's part is then used while it is near, and the whole is never in memory. What is small stays
 * outside, where more rows make better tiles.
 *
 *     xw = x @ w; scan t < 200 { z = xw[:, t] + h @ u; … }      becomes      scan t < 200 { z = x[:, t] @ w + h @ u; … }
 */

import { type Affine, axisAffine } from "../../graph/affine.ts";
import { type GraphContext, loadsOf } from "../../graph/context.ts";
import { elementsAt, isFixed, stackedAxis } from "../../graph/extent.ts";
import { closeLoop, openLoop, throughLoops } from "../../graph/loops.ts";
import type { Compute, Graph, LoadScalar, Scan, Value } from "../../graph/node.ts";
import { rewriteGraph, substituteAxes } from "../../graph/rewrite.ts";
import type { TargetDescription } from "../target-description.ts";
import { replaceLoads, workOf } from "./copies.ts";
import { bytesOf } from "./gain.ts";
import { stridedContraction } from "./strided-contraction.ts";

/** What of the second-level cache a step may read of the operand that all rows share. */
const sharedShare = 0.25;

/** Adds nothing; values stay the same bits. */
export function sinkIntoLoops(
  context: GraphContext,
  graph: Graph,
  target: TargetDescription,
): Graph {
  const sink = throughLoops((_, each) =>
    rewriteGraph(context, each, (node, original) =>
      node.kind === "scan" && original.kind === "scan"
        ? sunkInto(context, node, original, each, target)
        : undefined,
    ),
  );
  return sink(context, graph);
}

function sunkInto(
  context: GraphContext,
  scan: Scan,
  original: Scan,
  graph: Graph,
  target: TargetDescription,
): readonly Value[] | undefined {
  const isOwn = (value: Value) => isReadBy(original, value, graph);
  const body = openLoop(context, scan, graph);
  let inside = body.graph;
  for (const [leaf, value] of body.outside) {
    if (!isOwn(value) || !isWorthSinking(value, graph.batchMax, target)) continue;
    const place = placeOf(leaf.values[0], inside);
    if (place === undefined) continue;
    const step = atPlace(context, value.node as Compute, place);
    const at = stackedAxis(value.shape);
    inside = rewriteGraph(context, inside, (node) => {
      if (node.kind !== "compute") return undefined;
      const read = ({ index, guard }: LoadScalar) =>
        context.load(step, index.toSpliced(at, 1), guard);
      return replaceLoads(context, node, (load) =>
        load.value === leaf.values[0] ? read(load) : load,
      ).values;
    });
  }
  if (inside === body.graph) return undefined;
  return closeLoop(context, scan, { ...body, graph: inside }).values;
}

/** Whether a loop alone reads a value, and not as what it carries first. */
function isReadBy(scan: Scan, value: Value, graph: Graph): boolean {
  const kept = [...graph.results, ...graph.assignments];
  return (
    kept.every((other) => other.value !== value) &&
    scan.carries.every(({ init }) => init !== value) &&
    workOf(graph).every((node) => node === scan || !node.operands.includes(value))
  );
}

function isWorthSinking(
  { node, shape, ...value }: Value,
  batchMax: number,
  { cacheBytes, vectorRegisters }: TargetDescription,
): boolean {
  const [first] = shape;
  if (node.kind !== "compute" || first === undefined || isFixed(first)) return false;
  const contraction = stridedContraction(node, batchMax);
  if (contraction === undefined) return false;
  const [, cache] = cacheBytes;
  if (bytesOf({ node, shape, ...value }, batchMax) <= cache) return false;
  if (bytesOf(contraction.run.load.value, batchMax) > sharedShare * cache) return false;
  // Fewer rows than that make poor tiles.
  return elementsAt([first], batchMax) >= vectorRegisters / 2;
}

/** Which place of a value all of a loop's reads are of; undefined if they differ, or are of several. */
function placeOf(leaf: Value, body: Graph): Affine | undefined {
  const at = stackedAxis(leaf.shape);
  const places = new Map<string, Affine>();
  for (const node of workOf(body)) {
    if (!node.operands.includes(leaf)) continue;
    if (node.kind !== "compute") return undefined;
    const loads = loadsOf(node.body).filter(({ value }) => value === leaf);
    if (loads.length === 0) return undefined;
    for (const { index } of loads) places.set(index[at]!.key, index[at]!);
  }
  const [place, ...others] = places.values();
  const [term, ...terms] = place?.terms ?? [];
  const isStep = term?.atom.kind === "step" && Math.abs(term.coefficient) === 1;
  return isStep && terms.length === 0 && others.length === 0 ? place : undefined;
}

/** What a node computes at one place of the axis that steps are stacked along. */
function atPlace(context: GraphContext, node: Compute, place: Affine): Value {
  const { parallel, reduction, reducer, where, body } = node;
  const at = stackedAxis(parallel);
  const replace = (axis: number): Affine =>
    axis === at ? place : axisAffine(axis < at ? axis : axis - 1);
  const step = context.compute({
    parallel: parallel.toSpliced(at, 1),
    reduction,
    reducer,
    where,
    body: substituteAxes(context, body, replace),
  });
  context.inheritOrigins(step, node);
  return step.values[0]!;
}
