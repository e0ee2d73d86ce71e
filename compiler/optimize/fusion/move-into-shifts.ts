/**
 * Moves maps into the one map that reads them, where it reads them elsewhere than at its own points: one kernel could
 * make both only by way of memory, as where zeros are set around an image. However much a map computes, that is no more
 * than before but for the points of its reader that are none of its own.
 *
 *     x[i] = f(…);  p[q] = max(x[q - 1]{…}, 0)   →   p[q] = max(f(…){…}, 0)
 */

import { axesOf, axisAffine, subtractAffine } from "../../graph/affine.ts";
import { always, and, conditionAxes } from "../../graph/condition.ts";
import { type GraphContext, gathersOf, graphNodes, loadsOf } from "../../graph/context.ts";
import { elementsAt, sameExtent, sameShape } from "../../graph/extent.ts";
import type { Compute, Graph, LoadScalar, Scalar, Value } from "../../graph/node.ts";
import { mapScalar, rewriteGraph } from "../../graph/rewrite.ts";
import { replaceLoads } from "./copies.ts";
import { bodyAt, guarded } from "./inline-maps.ts";
import { isIdentity } from "./places.ts";

/** A reader has fewer points than so many times those of the map: the others compute it for nothing. */
const mostPoints = 2;

/** Needs nothing; values stay the same bits. */
export function moveIntoShifts(context: GraphContext, graph: Graph): Graph {
  const readOnce = valuesReadOnce(graph);
  /** Those of them that maps make, as they are now. */
  const movable = new Map<Value, Compute>();
  const elementAt = ({ value, index, guard }: LoadScalar): Scalar => {
    const { parallel, body } = movable.get(value)!;
    const within = conditionAxes(guard);
    const own = new Set(
      loadsOf(body)
        .filter((load) => isIdentity(load) && load.guard.kind === "true")
        .filter((load) => movable.has(load.value) && sameShape(load.value.shape, parallel))
        .map((load) => load.value),
    );
    return mapScalar(context, bodyAt(context, body, { index, guard: always }), {
      load: (load) => {
        // What does not depend on where the guard holds is there in any case; a bare load carries the guard itself.
        const isFree = body.kind !== "load" && !load.index.some((at) => meets(axesOf(at), within));
        const inside = isFree ? load.guard : and(load.guard, guard);
        const read = context.load(load.value, load.index, inside);
        return own.has(load.value) ? elementAt(read) : read;
      },
    });
  };
  return rewriteGraph(context, graph, (node, original) => {
    if (node.kind !== "compute" || node.reducer !== null) return undefined;
    const made = node.operands.some((value) => movable.has(value))
      ? replaceLoads(context, node, (load) =>
          movable.has(load.value) && isShift(load, node, graph.batchMax)
            ? guarded(context, load, elementAt(load))
            : load,
        )
      : node;
    if (readOnce.has(original.values[0]!) && gathersOf(made.body).length === 0) {
      movable.set(made.values[0]!, made);
    }
    return made.values;
  });
}

function meets(some: ReadonlySet<number>, others: ReadonlySet<number>): boolean {
  return [...some].some((axis) => others.has(axis));
}

/** Values that one load in all of a graph reads, and nothing else. */
function valuesReadOnce(graph: Graph): ReadonlySet<Value> {
  const reads = new Map<Value, number>();
  const count = (value: Value, times: number) => reads.set(value, (reads.get(value) ?? 0) + times);
  const kept = [...graph.results, ...graph.assignments];
  for (const { value } of kept) count(value, 2);
  for (const node of graphNodes(graph)) {
    if (node.kind === "leaf") continue;
    if (node.kind === "compute") {
      for (const { value } of loadsOf(node.body)) count(value, 1);
      for (const { value } of gathersOf(node.body)) count(value, 2);
    } else for (const value of node.operands) count(value, 2);
  }
  return new Set([...reads].filter(([, times]) => times === 1).map(([value]) => value));
}

/** Whether a map's own points are those that a load reads, moved along some dimensions but the last. */
function isShift(load: LoadScalar, { parallel }: Compute, batchMax: number): boolean {
  const { value, index } = load;
  if (index.length !== parallel.length || isIdentity(load)) return false;
  const moves = index.map((place, d) => subtractAffine(place, axisAffine(d)));
  if (!moves.every(({ terms, batch }) => terms.length === 0 && batch === 0)) return false;
  if (moves.at(-1)!.constant !== 0 || !sameExtent(value.shape.at(-1)!, parallel.at(-1)!)) {
    return false;
  }
  return elementsAt(parallel, batchMax) < mostPoints * elementsAt(value.shape, batchMax);
}
