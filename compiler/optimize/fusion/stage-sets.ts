/**
 * Stages that may share a kernel. What holds of a set is kept with it, so that a merge asks only how two sets go
 * together: far more merges are tried than made.
 */

import { type Shape, sameExtent, sameShape } from "../../graph/extent.ts";
import type { Compute, LoadScalar, Value } from "../../graph/node.ts";
import type { Work } from "./copies.ts";
import type { NodeFacts } from "./node-facts.ts";

/** A load of a value that a stage of the same set makes. */
export interface InnerLoad {
  readonly reader: Compute;
  readonly load: LoadScalar;
}

export interface StageSet {
  /** In the order of nodes. */
  readonly stages: readonly Compute[];
  /** Stages that reduce. */
  readonly anchors: readonly Compute[];
  /** All that its stages make, in their order. */
  readonly makes: readonly Value[];
  /** All that its stages read. */
  readonly reads: ReadonlySet<Value>;
  /** Those of them that data say where to read in; mostly none. */
  readonly gathers: readonly Value[];
  readonly inner: readonly InnerLoad[];
  /** The parallel axes of all stages, or null where they differ. */
  readonly box: Shape | null;
  /** Leading axes that all stages share and within which each reads the others. */
  readonly rows: Shape;
  /** Whether every stage reads the others at its own point alone. */
  readonly isAtOwnPoints: boolean;
  readonly overwrites: readonly Overwrite[];
  /** Whether one overwrites what another reads. */
  readonly overwritesOwn: boolean;
}

/** A stage whose value is stored where another value is. */
interface Overwrite {
  readonly writer: Compute;
  readonly target: Value;
}

export interface StageFacts {
  readonly facts: NodeFacts;
  /** Assigned values and where they are stored. */
  readonly stored: ReadonlyMap<Value, Value>;
  /** Of each node in the order of nodes. */
  readonly position: ReadonlyMap<Work, number>;
}

export function setOfOne(
  node: Compute,
  { stored, facts }: Pick<StageFacts, "stored" | "facts">,
): StageSet {
  return {
    stages: [node],
    anchors: node.reducer === null ? [] : [node],
    makes: node.values,
    reads: new Set(node.operands),
    gathers: facts.gathers(node).map(({ value }) => value),
    inner: [],
    box: node.parallel,
    rows: node.parallel,
    isAtOwnPoints: true,
    overwrites: node.values.flatMap((value) => {
      const target = stored.get(value);
      return target === undefined ? [] : [{ writer: node, target }];
    }),
    overwritesOwn: false,
  };
}

/** Two sets side by side. */
export interface StagePair
  extends Pick<StageSet, "box" | "rows" | "isAtOwnPoints" | "overwritesOwn"> {
  readonly first: StageSet;
  readonly second: StageSet;
  /** Loads of one from values of the other. */
  readonly between: readonly InnerLoad[];
}

/** Whether one gathers from what the other makes. */
export function gathersBetween(first: StageSet, second: StageSet): boolean {
  return (
    first.gathers.some((value) => second.makes.includes(value)) ||
    second.gathers.some((value) => first.makes.includes(value))
  );
}

/** Whether stages run over the same points, or share the first of their axes at least. */
export function shareAxes(first: StageSet, second: StageSet): boolean {
  return isSameBox(first, second) || sharedAxes(first.rows, second.rows) > 0;
}

/** Needs sets that can each be a group, and neither of which gathers from what the other makes. */
export function pairOf(
  first: StageSet,
  second: StageSet,
  { facts }: Pick<StageFacts, "facts">,
): StagePair {
  const between: InnerLoad[] = [];
  addLoads(between, first, second, facts);
  addLoads(between, second, first, facts);
  let depth = sharedAxes(first.rows, second.rows);
  let isAtOwnPoints = first.isAtOwnPoints && second.isAtOwnPoints;
  for (const { load } of between) {
    const own = facts.identityDepth(load);
    depth = Math.min(depth, own);
    isAtOwnPoints &&= own === load.value.shape.length;
  }
  return {
    first,
    second,
    between,
    box: isSameBox(first, second) ? first.box : null,
    rows: first.rows.slice(0, depth),
    isAtOwnPoints,
    overwritesOwn:
      first.overwritesOwn ||
      second.overwritesOwn ||
      overwritesRead(first, second) ||
      overwritesRead(second, first),
  };
}

/** What two sets are as one. */
export function unionOf(pair: StagePair, order: Pick<StageFacts, "position">): StageSet {
  const { first, second, box, rows, isAtOwnPoints, overwritesOwn } = pair;
  const stages = stagesOf(pair, order);
  return {
    stages,
    anchors: [...first.anchors, ...second.anchors],
    makes: stages.flatMap(({ values }) => values),
    reads: new Set(stages.flatMap(({ operands }) => operands)),
    gathers: [...first.gathers, ...second.gathers],
    inner: innerOf(pair),
    box,
    rows,
    isAtOwnPoints,
    overwrites: [...first.overwrites, ...second.overwrites],
    overwritesOwn,
  };
}

/** Loads of values that the stages of both make. */
export function innerOf({ first, second, between }: StagePair): readonly InnerLoad[] {
  return [...first.inner, ...second.inner, ...between];
}

/** The stages of both in the order of nodes. */
export function stagesOf(
  { first, second }: Pick<StagePair, "first" | "second">,
  { position }: Pick<StageFacts, "position">,
): readonly Compute[] {
  const stages: Compute[] = [];
  let next = 0;
  for (const stage of first.stages) {
    const at = position.get(stage)!;
    for (; next < second.stages.length; next++) {
      const other = second.stages[next]!;
      if (position.get(other)! > at) break;
      stages.push(other);
    }
    stages.push(stage);
  }
  stages.push(...second.stages.slice(next));
  return stages;
}

/** Adds what the stages of one set load from those of another. */
function addLoads(loads: InnerLoad[], makers: StageSet, readers: StageSet, facts: NodeFacts): void {
  const { makes } = makers;
  for (let i = 0; i < makes.length; i++) {
    const value = makes[i]!;
    if (!readers.reads.has(value)) continue;
    for (const reader of readers.stages) {
      if (!reader.operands.includes(value)) continue;
      for (const load of facts.loads(reader)) {
        if (load.value === value) loads.push({ reader, load });
      }
    }
  }
}

function isSameBox({ box }: StageSet, other: StageSet): boolean {
  return box !== null && other.box !== null && sameShape(box, other.box);
}

function overwritesRead({ overwrites }: StageSet, { reads }: StageSet): boolean {
  return overwrites.some(({ target }) => reads.has(target));
}

/** How many leading axes two shapes have in common. */
function sharedAxes(a: Shape, b: Shape): number {
  let depth = 0;
  while (depth < a.length && depth < b.length && sameExtent(a[depth]!, b[depth]!)) depth++;
  return depth;
}
