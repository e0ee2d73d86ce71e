/**
 * Cuts the sums of weight gradients of convolutions into chunks of rows, for targets that compute correlations by
 * transformed tiles (`schedule/correlation-transforms.ts`): the sums of all products of a tile are too much for a result
 * with few channels to be cut into tasks, and cut by channels each task would transform the other operand again.
 *
 *     dw[i < 3, …] = sum[n, j < 32] x[n, i + j, …]·dy[n, j, …]   =   sum[s < 4] (sum[n, j < 8] x[n, i + 8·s + j, …]·dy[n, 8·s + j, …])
 */

import type { GraphContext } from "../../graph/context.ts";
import { elementsAt } from "../../graph/extent.ts";
import type { Compute, Graph } from "../../graph/node.ts";
import type { TargetDescription } from "../target-description.ts";
import { correlatedContraction, tilePlaces } from "./correlated-axes.ts";
import { factsOf, type NodeFacts } from "./node-facts.ts";
import { type Chunk, splitSums } from "./split-axis.ts";

/** Chunks beyond which threads gain nothing. */
const mostChunks = 4;

/** What writing and reading the sums of all chunks may be of reading the operands. */
const mostResults = 1 / 8;

/** Needs nothing; regroups sums, so results may differ in rounding. */
export function splitCorrelations(
  context: GraphContext,
  graph: Graph,
  target: TargetDescription,
): Graph {
  const facts = factsOf(context, graph.batchMax, target);
  return splitSums(context, graph, (node) => rowChunk(node, facts, target));
}

/** Rows of a chunk, along which axis; undefined where a sum had better stay whole. */
function rowChunk(
  node: Compute,
  facts: NodeFacts,
  { vectorLanes }: Pick<TargetDescription, "vectorLanes">,
): Chunk | undefined {
  const contraction = facts.contraction(node);
  if (contraction === undefined || contraction.outerAxes.length > 0) return undefined;
  const correlated = correlatedContraction(contraction);
  if (correlated?.taps !== "kept" || correlated.pairs.length !== 2) return undefined;
  const { channels, pairs } = correlated;
  const columns = node.parallel[contraction.vectorAxis]!.constant;
  // Vectors that are not full would leave transforms too much to do.
  if (Math.min(channels, columns) < vectorLanes) return undefined;
  const read = elementsAt(node.reduction, facts.batchMax) * (channels + columns);
  const written = 2 * elementsAt(node.parallel, facts.batchMax);
  const [{ longAxis, length }] = pairs as [(typeof pairs)[number]];
  for (let chunks = mostChunks; chunks > 1; chunks /= 2) {
    const isEven = length % (chunks * tilePlaces) === 0;
    if (isEven && chunks * written <= mostResults * read) {
      return { axis: longAxis, points: length / chunks };
    }
  }
  return undefined;
}
