/**
 * Cuts long sums of products with small results in two, for targets that run many workgroups at once: chunks of the sum
 * as further points of the result, then a sum of the chunks, with which the maps on the result are fused. Weight
 * gradients over large batches and layers of few outputs then keep all of the device busy.
 *
 *     sum[k < 4096] a[m, k]·b[k, n]   =   sum[s < 16] (sum[r < 256] a[m, 256·s + r]·b[256·s + r, n])
 *
 * Chunks are literals of the description and of shapes at Nmax, so the order of a sum never depends on the device.
 */

import type { GraphContext } from "../../graph/context.ts";
import { elementsAt, sizeAt } from "../../graph/extent.ts";
import type { Compute, Graph, Value } from "../../graph/node.ts";
import { rewriteGraph } from "../../graph/rewrite.ts";
import type { TargetDescription } from "../target-description.ts";
import { splitAxis } from "./split-axis.ts";
import { splitCorrelations } from "./split-correlations.ts";
import { splitLongSums } from "./split-long-sums.ts";
import { tiledContraction } from "./tiled-contraction.ts";

/** Points of a chunk below which there is too little to do in one. */
const shortestChunk = 64;

/** Bytes of all chunks' results beyond which they are rather not made. */
const mostBytes = 1 << 24;

/** Needs nothing; regroups sums, so results may differ in rounding. */
export function splitContractions(
  context: GraphContext,
  graph: Graph,
  target: TargetDescription,
): Graph {
  if (target.workgroup === null) {
    const cut = target.winograd ? splitCorrelations(context, graph, target) : graph;
    return splitLongSums(context, cut, target);
  }
  return rewriteGraph(context, graph, (node) => {
    if (node.kind !== "compute") return undefined;
    if (tiledContraction(node, graph.batchMax) === undefined) return undefined;
    const step = (target.workgroup?.matrix ?? null) === null ? panelStep : matrixPanelStep;
    return split(context, node, chunksOf(node, graph.batchMax, target), step, graph.batchMax);
  });
}

/** Into about how many chunks the sum of a contraction is best cut: a power of two. */
export function chunksOf(
  { parallel, reduction }: Pick<Compute, "parallel" | "reduction">,
  batchMax: number,
  target: TargetDescription,
): number {
  const outputs = elementsAt(parallel, batchMax);
  const points = elementsAt(reduction, batchMax);
  const longest = Math.max(...reduction.map((extent) => sizeAt(extent, batchMax)));
  let best = 1;
  let least = leastGain * predictedSeconds(outputs, points, 1, target);
  for (let chunks = 2; chunks <= longest; chunks *= 2) {
    if (points / chunks < shortestChunk || 4 * chunks * outputs > mostBytes) break;
    const seconds = predictedSeconds(outputs, points, chunks, target);
    if (seconds < least) {
      least = seconds;
      best = chunks;
    }
  }
  return best;
}

/** What of its time a sum may take at most when it is cut, to be worth another kernel. */
const leastGain = 0.75;

/** Threads that fill one of the places where workgroups run, and outputs of each in small tiles. */
const fillingThreads = 128;
const outputsPerThread = 4;

/** Seconds for a panel of so many points of the sum where nothing else runs meanwhile. */
const plainPanel = { seconds: 0.5e-6, points: 32 };
/** The same where two panels are copied while threads compute with a third. */
const copiedPanel = { seconds: 0.25e-6, points: 32 };
/** The same where matrix units multiply, of longer panels that are asked for three ahead. */
const unitsPanel = { seconds: 0.17e-6, points: 64 };

function predictedSeconds(
  outputs: number,
  points: number,
  chunks: number,
  { peakFlops, memoryBandwidth, launchSeconds, workgroup }: TargetDescription,
): number {
  const threads = (outputs * chunks) / outputsPerThread;
  const busy = Math.min(1, threads / (workgroup!.concurrency * fillingThreads));
  const { matrix, asynchronousCopies } = workgroup!;
  const arithmetic = (2 * outputs * points) / ((matrix?.peakFlops ?? peakFlops) * busy);
  const panel = matrix !== null ? unitsPanel : asynchronousCopies ? copiedPanel : plainPanel;
  const waiting = (points / chunks / panel.points) * panel.seconds;
  if (chunks === 1) return arithmetic + waiting;
  return arithmetic + waiting + launchSeconds + (8 * chunks * outputs) / memoryBandwidth;
}

/**
 * Chunks of whole panels, but the last: then their elements are read by fours, and no panel is copied for a few. Panels
 * for matrix units that read shared memory are of 64 halves, and have to end with the chunk.
 */
const panelStep = 16;
const matrixPanelStep = 64;

function split(
  context: GraphContext,
  node: Compute,
  wanted: number,
  step: number,
  batchMax: number,
): readonly Value[] | undefined {
  if (wanted === 1) return undefined;
  const { parallel, reduction } = node;
  const sizes = reduction.map((extent) => sizeAt(extent, batchMax));
  const size = Math.max(...sizes);
  const least = Math.ceil(size / wanted);
  const points = least < step ? least : Math.ceil(least / step) * step;
  const axis = parallel.length + sizes.indexOf(size);
  return splitAxis(context, node, { axis, points }, batchMax);
}
