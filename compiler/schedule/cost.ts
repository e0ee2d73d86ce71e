/**
 * What a group costs, for `explain`, for the head comments of kernels and for cutting work into tasks:
 * operations from the tables' costs, bytes of distinct memory.
 */

import { invariant } from "../diagnostics/diagnostic.ts";
import { axesOf, loopsOf } from "../graph/affine.ts";
import { gathersOf, loadsOf, scalarChildren } from "../graph/context.ts";
import { bytesPerElement } from "../graph/dtype.ts";
import { elementsAt, sizeAt } from "../graph/extent.ts";
import type { Compute, Scalar, Value } from "../graph/node.ts";
import { printNode } from "../graph/print.ts";
import { reducers } from "../graph/reducers.ts";
import { scalarFunctions } from "../graph/scalar-functions.ts";
import type { KernelComment } from "../kernel/ir.ts";
import { runsAlongReduction } from "../optimize/fusion/node-facts.ts";
import { tiledContraction } from "../optimize/fusion/tiled-contraction.ts";
import type { Group } from "../optimize/group.ts";
import type { TargetDescription } from "../optimize/target-description.ts";
import { planOfGroup } from "./contraction-choice.ts";
import { sumSeconds } from "./contraction-time.ts";
import { planCorrelation } from "./correlation-plan.ts";
import type { Surroundings } from "./kernel-builder.ts";
import { latency } from "./register-tiles.ts";
import { isForMatrixUnits } from "./workgroup/matrix-plan.ts";

/** Floating-point operations of a body at one point, shared parts once. */
export function bodyCost(body: Scalar): number {
  let operations = 0;
  const seen = new Set<Scalar>();
  const visit = (scalar: Scalar): void => {
    if (seen.has(scalar)) return;
    seen.add(scalar);
    if (scalar.kind === "call") operations += scalarFunctions[scalar.fn].cost;
    if (scalar.kind === "random") operations += randomCost;
    for (const child of scalarChildren(scalar)) visit(child);
  };
  visit(body);
  return operations;
}

/** Threefry-2x32 of 20 rounds: three operations each, and the key schedule. */
const randomCost = 75;

/** Floating-point operations of a node at N = Nmax. */
function nodeFlops({ parallel, reduction, reducer, body }: Compute, batchMax: number): number {
  const points = elementsAt(parallel, batchMax) * elementsAt(reduction, batchMax);
  return points * (bodyCost(body) + (reducer === null ? 0 : reducers[reducer].cost));
}

/** Bytes of a value at N = Nmax. */
export function valueBytes(value: Value, batchMax: number): number {
  return elementsAt(value.shape, batchMax) * bytesPerElement[value.dtype];
}

export function groupFlops({ stages, scatter }: Group, batchMax: number): number {
  const flops = stages.reduce((sum, stage) => sum + nodeFlops(stage, batchMax), 0);
  if (scatter?.part !== "sums") return flops;
  // Of each element a map is computed at most as often as there are points in the source.
  const { parallel, body } = scatter.node;
  const ofStages = stages.reduce((sum, stage) => sum + bodyCost(stage.body), 0);
  return elementsAt(parallel, batchMax) * (bodyCost(body) + 1 + ofStages);
}

/** Bytes that a group reads and writes at N = Nmax, each tensor once. */
export function groupBytes(group: Group, batchMax: number): number {
  const { scatter } = group;
  if (scatter !== null && scatter.part !== "zeros") {
    const { keys, next, counts } = scatter.memory;
    const links = [keys, next, counts].reduce((sum, { elements }) => sum + 4 * elements, 0);
    if (scatter.part !== "sums") return links;
    const tensors = scatter.node.operands.length + group.reads.length + group.writes.length;
    const [{ dtype }] = scatter.node.values;
    const points = elementsAt(scatter.node.parallel, batchMax);
    return links + tensors * points * bytesPerElement[dtype];
  }
  const read = group.reads.reduce((sum, v) => sum + readBytes(v, group.stages, batchMax), 0);
  return group.writes.reduce((sum, v) => sum + valueBytes(v, batchMax), read);
}

/** Bytes of a value that stages read: of a sequence that a loop goes through, those of one step. */
function readBytes(value: Value, stages: readonly Compute[], batchMax: number): number {
  const readers = stages.filter(({ operands }) => operands.includes(value));
  const loads = readers.flatMap(({ body }) => loadsOf(body)).filter((load) => load.value === value);
  const isWhole = readers.some((stage) => gathersOf(stage.body).some((g) => g.value === value));
  const isOfStep = (d: number) =>
    loads.length > 0 &&
    loads.every(({ index }) => axesOf(index[d]!).size === 0 && loopsOf(index[d]!).size > 0);
  const shape = isWhole ? value.shape : value.shape.filter((_, d) => !isOfStep(d));
  return elementsAt(shape, batchMax) * bytesPerElement[value.dtype];
}

export interface PredictedTime {
  readonly seconds: number;
  /** What the time is spent on. */
  readonly boundBy: "memory" | "arithmetic";
}

/** Seconds of the arithmetic of a group: products that matrix units are for are done by them. */
function computingSeconds(group: Group, batchMax: number, target: TargetDescription): number {
  const { peakFlops, workgroup } = target;
  if (workgroup === null && group.scatter?.part === "links") {
    const { elements } = group.scatter.memory.keys;
    return (elements * linkingLoads * latency) / clockOf(target);
  }
  if (workgroup === null && group.scatter === null) {
    return group.kind === "contraction"
      ? tiledSeconds(group, batchMax, target)
      : rowSeconds(group, batchMax, target);
  }
  const matrix = workgroup?.matrix ?? null;
  if (group.kind !== "contraction" || matrix === null)
    return groupFlops(group, batchMax) / peakFlops;
  return group.stages.reduce((sum, stage) => {
    const contraction = tiledContraction(stage, batchMax);
    const isOfUnits = contraction !== undefined && isForMatrixUnits(contraction, matrix);
    return sum + nodeFlops(stage, batchMax) / (isOfUnits ? matrix.peakFlops : peakFlops);
  }, 0);
}

/** Of a key the row that had it last, what that row has, the first row with it, and how many: each is waited for. */
const linkingLoads = 4;

/** Cycles a second. */
function clockOf({ peakFlops, vectorLanes, multiplyAdds }: TargetDescription): number {
  return peakFlops / (2 * vectorLanes * multiplyAdds);
}

/**
 * Seconds of register tiles and of the maps on them. What the maps read and write is waited for, as they come between the
 * sums of one tile and those of the next.
 */
function tiledSeconds(group: Group, batchMax: number, target: TargetDescription): number {
  const chosen = planOfGroup(group, batchMax, target);
  invariant(chosen !== undefined, "a contraction group without a strided contraction");
  const { plan } = chosen;
  const maps = group.stages.filter((stage) => stage !== plan.contraction.node);
  const flops = maps.reduce((sum, map) => sum + nodeFlops(map, batchMax), 0);
  const read = group.reads.filter((value) => maps.some(({ operands }) => operands.includes(value)));
  const readTotal = read.reduce((sum, v) => sum + readBytes(v, maps, batchMax), 0);
  const bytes = group.writes.reduce((sum, v) => sum + valueBytes(v, batchMax), readTotal);
  const moving = bytes / bandwidthOf(groupBytes(group, batchMax), target);
  const correlation = planCorrelation(plan.contraction, batchMax, target);
  const sums = correlation?.seconds ?? sumSeconds(plan, batchMax, target);
  return sums + flops / target.peakFlops + moving;
}

/**
 * Seconds of maps and reductions row by row, and of a contraction whose tiles hold whole rows. Vectors count as whole; an
 * operation that is no multiply-add takes as long as one; and every reduction along a row is waited for.
 */
function rowSeconds(group: Group, batchMax: number, target: TargetDescription): number {
  const { vectorLanes, peakFlops } = target;
  const chosen = planOfGroup(group, batchMax, target);
  const maps = group.stages.filter((stage) => stage !== chosen?.plan.contraction.node);
  const depth = group.kind === "rows" ? group.tileSpace.length : 0;
  const operations = maps.reduce((sum, map) => {
    const row = runsAlongReduction(map, batchMax) ? map.reduction : map.parallel.slice(depth);
    const points = row.map((extent) => sizeAt(extent, batchMax)).findLast((size) => size > 1) ?? 1;
    const whole = Math.ceil(points / vectorLanes) * vectorLanes;
    return sum + (nodeFlops(map, batchMax) * whole) / points;
  }, 0);
  const rows = group.kind === "rows" ? elementsAt(group.tileSpace, batchMax) : 0;
  const reduced = maps.filter(({ reducer }) => reducer !== null);
  const waits = reduced.reduce(
    (sum, { body }) => sum + 2 * Math.log2(vectorLanes) + Math.min(bodyCost(body), longestWait),
    0,
  );
  const sums = chosen === undefined ? 0 : sumSeconds(chosen.plan, batchMax, target);
  return sums + (2 * operations) / peakFlops + (rows * waits * latency) / clockOf(target);
}

/** Operations in a chain, beyond which a processor has found others to do. */
const longestWait = 16;

/** Bytes a second of work that touches so many: what does not fit the second-level cache comes from memory. */
function bandwidthOf(bytes: number, target: TargetDescription): number {
  const { cacheBytes, cacheBandwidth, memoryBandwidth } = target;
  return bytes <= cacheBytes[1] ? cacheBandwidth : memoryBandwidth;
}

/**
 * What the device takes (of the CPU, one thread), by the slower of arithmetic and memory. `known` are the seconds of moving
 * memory, where it is known how near the step has it.
 */
export function predictedTime(
  group: Group,
  batchMax: number,
  target: TargetDescription,
  known: number | null = null,
): PredictedTime {
  const bytes = groupBytes(group, batchMax);
  const moving = known ?? bytes / bandwidthOf(bytes, target);
  const computing = computingSeconds(group, batchMax, target);
  return moving > computing
    ? { seconds: moving, boundBy: "memory" }
    : { seconds: computing, boundBy: "arithmetic" };
}

export function predictedSeconds(
  group: Group,
  batchMax: number,
  target: TargetDescription,
): number {
  return predictedTime(group, batchMax, target).seconds;
}

/** A name from the values that others see: what a reader of the model would look for. */
export function nameOfGroup(group: Group, { nameOf }: Surroundings): string {
  const { scatter } = group;
  if (scatter !== null && scatter.part !== "sums") {
    return `${nameOf(scatter.node.values[0])}_${scatter.part}`;
  }
  const names = [...new Set(group.writes.map(nameOf))];
  return names.slice(0, 3).join("_") + (names.length > 3 ? "_and_more" : "");
}

export function commentOf(group: Group, { nameOf, batchMax }: Surroundings): KernelComment {
  return {
    lines: [
      ...(group.scatter === null
        ? []
        : [`${group.scatter.part} of ${printNode(group.scatter.node, nameOf)}`]),
      ...group.stages.map((stage) => printNode(stage, nameOf)),
    ],
    sources: [],
    flops: groupFlops(group, batchMax),
    bytes: groupBytes(group, batchMax),
  };
}
