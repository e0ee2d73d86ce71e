/**
 * Joins neighbouring axes of maps that run through memory as one: an image of 28 × 28 bytes becomes a run of
 * 784. Longer runs fill vectors and need fewer loops. Readers index the joined axis, and where they had
 * split it to read the map they now read it as they run.
 *
 *     %2: f32[N, 28, 28] = f32(%0[i0, i1, i2]) / 255.0
 *     %3: f32[N, 10] = sum[i2 < 784] %2[i0, i2 div 28, i2 mod 28] * %1[i2, i1]
 *
 * becomes
 *
 *     %2: f32[N, 784] = f32(%0[i0, i1 div 28, i1 mod 28]) / 255.0
 *     %3: f32[N, 10] = sum[i2 < 784] %2[i0, i2] * %1[i2, i1]
 */

import {
  type Affine,
  addAffine,
  axisAffine,
  divAffine,
  modAffine,
  scaleAffine,
} from "../../graph/affine.ts";
import { type GraphContext, graphNodes, loadsOf, scalarChildren } from "../../graph/context.ts";
import { type Extent, fixed, isFixed, sameShape } from "../../graph/extent.ts";
import { isNarrowFloat } from "../../graph/narrow-floats.ts";
import type { Compute, Graph, LoadScalar, Scalar, Value } from "../../graph/node.ts";
import { substituteAxes } from "../../graph/rewrite.ts";
import { type Box, linearOffset, quotients, simplifyAffine } from "../simplify-index.ts";
import { type Joined, withJoinedAxes } from "./joined-axes.ts";
import { boxOf, isColumn } from "./linear-access.ts";
import { isIdentity } from "./places.ts";

/**
 * Needs nothing; values stay the same bits; results and assigned values keep their shapes. Only maps whose
 * readers all split a joined axis are changed, so that maps which run beside others go on to. Rounded copies of what
 * products and other reductions make stay as they are, to be stored by the same kernel.
 */
export function flattenMaps(context: GraphContext, graph: Graph): Graph {
  // A map that a flattened one reads has become such a map itself.
  let current = graph;
  for (;;) {
    const next = flattenOnce(context, current);
    if (next === current) return current;
    current = next;
  }
}

/** A load with the iteration space that it stands in. */
interface Read {
  readonly load: LoadScalar;
  readonly box: Box;
}

function flattenOnce(context: GraphContext, graph: Graph): Graph {
  const reads = readsByValue(graph);
  return withJoinedAxes(context, graph, (map, { values }) => {
    const readers = reads.get(values[0]!) ?? [];
    if (map.reducer !== null || !readers.every(isSplit)) return undefined;
    if (isNarrowFloat(map.values[0]!.dtype) && runsBesideReducer(map)) return undefined;
    const flat = flattenMap(context, map, graph.batchMax);
    return flat !== undefined && simplifies(flat, readers) ? flat : undefined;
  });
}

function readsByValue(graph: Graph): ReadonlyMap<Value, readonly Read[]> {
  const reads = new Map<Value, Read[]>();
  for (const node of graphNodes(graph)) {
    if (node.kind !== "compute") continue;
    const box = boxOf(node, graph.batchMax);
    for (const load of loadsOf(node.body)) {
      const known = reads.get(load.value) ?? [];
      reads.set(load.value, known);
      known.push({ load, box });
    }
  }
  return reads;
}

/** Whether a map reads at its own point what a reduction over the same points makes, be it through other maps. */
function runsBesideReducer(map: Compute, seen = new Set<Compute>()): boolean {
  return loadsOf(map.body).some((load) => {
    const { node } = load.value;
    if (node.kind !== "compute" || seen.has(node) || !sameShape(node.parallel, map.parallel)) {
      return false;
    }
    seen.add(node);
    return isIdentity(load) && (node.reducer !== null || runsBesideReducer(node, seen));
  });
}

/** Whether a load splits an axis of its own to find its place. */
function isSplit({ load }: Read): boolean {
  return load.index.some((place) => quotients(place) > 0);
}

function simplifies({ join }: Joined, reads: readonly Read[]): boolean {
  const count = (index: readonly Affine[], box: Box) =>
    index.reduce((sum, place) => sum + quotients(simplifyAffine(place, box)), 0);
  return reads.every(({ load, box }) => count(join(load.index), box) < count(load.index, box));
}

function flattenMap(context: GraphContext, node: Compute, batchMax: number): Joined | undefined {
  let body = node.body;
  let shape = node.parallel;
  let join = (index: readonly Affine[]): readonly Affine[] => index;
  for (let axis = shape.length - 2; axis >= 0; axis--) {
    const [outer, inner] = [shape[axis]!, shape[axis + 1]!];
    if (!isFixed(outer) || !isFixed(inner)) continue;
    const width = inner.constant;
    const joined: readonly Extent[] = shape.toSpliced(axis, 2, fixed(outer.constant * width));
    const candidate = substituteAxes(context, body, (old) => {
      if (old === axis) return divAffine(axisAffine(axis), width);
      if (old === axis + 1) return modAffine(axisAffine(axis), width);
      return axisAffine(old > axis ? old - 1 : old);
    });
    if (!runsEvenly(candidate, { axes: joined, batchMax })) continue;
    body = candidate;
    shape = joined;
    const before = join;
    const at = axis;
    join = (index) => {
      const old = before(index);
      const place = addAffine(scaleAffine(old[at]!, width), old[at + 1]!);
      return old.toSpliced(at, 2, place);
    };
  }
  if (shape === node.parallel) return undefined;
  const flat = context.compute({ parallel: shape, body });
  context.inheritOrigins(flat, node);
  return { value: flat.values[0]!, join };
}

/** Whether every load is still a linear run of memory, and nothing else depends on how an axis was split. */
function runsEvenly(body: Scalar, box: Box): boolean {
  const seen = new Set<Scalar>();
  const visit = (scalar: Scalar): boolean => {
    if (seen.has(scalar)) return true;
    seen.add(scalar);
    if (scalar.kind === "load") return isEvenLoad(scalar, box);
    if (scalar.kind === "random") return quotients(simplifyAffine(scalar.index, box)) === 0;
    if (scalar.kind === "index" || scalar.kind === "condition") return false;
    return scalarChildren(scalar).every(visit);
  };
  return visit(body);
}

function isEvenLoad({ value, index, guard }: LoadScalar, box: Box): boolean {
  if (guard.kind !== "true") return false;
  const within = isColumn(value) ? index.slice(1) : index;
  const shape = isColumn(value) ? value.shape.slice(1) : value.shape;
  if (isColumn(value) && quotients(simplifyAffine(index[0]!, box)) > 0) return false;
  return quotients(linearOffset(within, shape, box)) === 0;
}
