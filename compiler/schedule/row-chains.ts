/**
 * Kernels that follow each other and have nothing to do with other rows of the batch than their own: a task then takes
 * some rows through all of them, as it does through the iterations of a loop (`row-loops.ts`). What one makes is still in
 * the second-level cache when the next reads it, where results for the whole batch would not be, and threads meet once.
 *
 * Which of them make a chain is a question of cost: chains are chosen so that together they save the most. The less a task
 * has touched before it reads something again, the less of that must come from memory, or from the cache that threads
 * share, which saves little; but each task packs panels and transforms filters for itself, fills its tiles less well, and
 * reads weights again that do not stay near. What stands between, is for all rows alike and touches little, such as the mean of
 * the loss, waits until the chain is done.
 */

import { bytesPerElement } from "../graph/dtype.ts";
import { elementsAt } from "../graph/extent.ts";
import type { Value } from "../graph/node.ts";
import type { Group, GroupedGraph } from "../optimize/group.ts";
import type { GroupCosts } from "./group-costs.ts";
import { bandwidthAt } from "./reuse.ts";
import { hasIndependentRows, hasRows } from "./row-loops.ts";
import { conflictsIn, type RowRun } from "./row-runs.ts";

/** How much of the cache that threads share is counted on: others have some of it, too. */
const sharedShare = 0.5;

/** Tasks that a chain has at least: so many give any small number of threads about as much to do each. */
const fewestTasks = 8;

/** How much more twice as many tasks must be predicted to save: that there are more of them costs something, too. */
const worthOfTasks = 1.1;

/** Runs that tasks take no rows through with their chains as runs that tasks do. */
export function withChains(
  runs: readonly RowRun[],
  { graph: { batchMax }, stored }: Pick<GroupedGraph, "graph" | "stored">,
  costs: GroupCosts,
): readonly RowRun[] {
  if (costs.target.workgroup !== null) return runs;
  const chain = (items: RowRun["items"]) =>
    chained(items, conflictsIn(items, stored), batchMax, costs);
  return runs.flatMap((run) => (run.rows === null ? chain(run.items) : [run]));
}

/** Loops are in no chain: they have tasks of their own. */
function chained(
  items: RowRun["items"],
  conflict: (a: Group, b: Group) => boolean,
  batchMax: number,
  costs: GroupCosts,
): readonly RowRun[] {
  const { cacheBytes } = costs.target;
  const runs: RowRun[] = [];
  let links: Group[] = [];
  let waiting: Group[] = [];
  let inOrder: Group[] = [];
  let others: RowRun["items"][number][] = [];
  const endChain = (): void => {
    const chains = bestChains(links, batchMax, costs);
    let next = 0;
    for (const { first, end, rows } of chains) {
      runs.push({ items: [...others, ...links.slice(next, first)], rows: null });
      runs.push({ items: links.slice(first, end), rows });
      others = [];
      next = end;
    }
    others.push(...(chains.length === 0 ? inOrder : [...links.slice(next), ...waiting]));
    [links, waiting, inOrder] = [[], [], []];
  };
  const canWait = (group: Group) =>
    links.length > 0 && costs.bytes(group, batchMax) <= cacheBytes[0];
  for (const item of items) {
    if (item.kind === "loop") {
      endChain();
      others.push(item);
      continue;
    }
    const isLink = hasIndependentRows(item, batchMax);
    const mustWait = waiting.some((other) => conflict(other, item));
    if (isLink ? mustWait : !canWait(item)) endChain();
    if (isLink) links.push(item);
    else if (links.length > 0) waiting.push(item);
    else {
      others.push(item);
      continue;
    }
    inOrder.push(item);
  }
  endChain();
  runs.push({ items: others, rows: null });
  return runs.filter((run) => run.items.length > 0);
}

/** Groups `first` to `end`, the latter excluded, that tasks of so many rows each go through. */
interface RowChain {
  readonly first: number;
  readonly end: number;
  readonly rows: number;
}

/** The chains within a run of groups that save the most, with rows that are best for all of them. */
function bestChains(
  run: readonly Group[],
  batchMax: number,
  costs: GroupCosts,
): readonly RowChain[] {
  let best: { readonly saved: number; readonly chains: readonly RowChain[] } = {
    saved: 0,
    chains: [],
  };
  const seconds = run.reduce((sum, group) => sum + costs.seconds(group, batchMax), 0);
  const most = run.length === 1 ? 0 : Math.min(batchMax, seconds / costs.target.taskSeconds);
  if (most < fewestTasks) return [];
  const members = membersOf(run, batchMax, costs);
  for (let tasks = fewestTasks; tasks <= most; tasks *= 2) {
    const found = chainsOfRows(members, Math.ceil(batchMax / tasks), batchMax, costs);
    if (found.saved > worthOfTasks * best.saved) best = found;
  }
  return best.chains;
}

/** The best way to cut a run into chains and groups that stay alone: for each end the best first group of the last chain. */
function chainsOfRows(run: readonly Member[], rows: number, batchMax: number, costs: GroupCosts) {
  const { target } = costs;
  const links = linksOf(run, rows, batchMax, costs);
  const best = [{ saved: 0, chains: [] as readonly RowChain[] }];
  for (let end = 1; end <= run.length; end++) {
    let choice = best[end - 1]!;
    let saved = -target.launchSeconds;
    let bytes = 0;
    let sharedBytes = 0;
    const shared = new Set<Value>();
    for (let first = end - 1; first >= 0; first--) {
      const link = links[first]!;
      saved += link.saved + target.launchSeconds;
      for (const { reader, seconds } of link.passed) if (reader < end) saved += seconds;
      bytes += link.bytes;
      for (const value of link.shared) {
        if (shared.has(value)) continue;
        shared.add(value);
        sharedBytes += sizeOf(value, batchMax);
      }
      const isNear = bytes <= target.cacheBytes[1];
      const again = isNear ? 0 : ((batchMax / rows) * sharedBytes) / bandwidthAt(bytes, target);
      const total = best[first]!.saved + saved - again;
      if (first < end - 1 && total > choice.saved) {
        choice = { saved: total, chains: [...best[first]!.chains, { first, end, rows }] };
      }
    }
    best.push(choice);
  }
  return best.at(-1)!;
}

/** A group as a part of chains. */
interface Link {
  /** Seconds that its products take less in tasks of a chain; usually negative. */
  readonly saved: number;
  /** What it leaves in the cache for the next that touches it, and the seconds that saves. */
  readonly passed: readonly { readonly reader: number; readonly seconds: number }[];
  /** Bytes that it touches in one task. */
  readonly bytes: number;
  /** What it reads for all rows alike. */
  readonly shared: readonly Value[];
}

/** What holds of a group whatever chains it is in. */
interface Member {
  readonly group: Group;
  /** Values of which each row of the batch has its own part, and the number of the next member that touches them too. */
  readonly touchedAgain: readonly { readonly value: Value; readonly next: number }[];
  /** Bytes that it touches for the whole batch. */
  readonly bytes: number;
  /** Seconds of its products for the whole batch. */
  readonly productSeconds: number;
}

function membersOf(run: readonly Group[], batchMax: number, costs: GroupCosts): readonly Member[] {
  const nextOf = new Map<Value, number>();
  const fromLast = run.toReversed().map((group, behind) => {
    const touched = [...new Set([...group.reads, ...group.writes].filter(hasRows))];
    const touchedAgain = touched.flatMap((value) => {
      const next = nextOf.get(value);
      return next === undefined ? [] : [{ value, next }];
    });
    for (const value of touched) nextOf.set(value, run.length - 1 - behind);
    return {
      group,
      touchedAgain,
      bytes: costs.bytes(group, batchMax),
      productSeconds: costs.productSeconds(group, batchMax),
    };
  });
  return fromLast.reverse();
}

function linksOf(
  run: readonly Member[],
  rows: number,
  batchMax: number,
  costs: GroupCosts,
): readonly Link[] {
  const { target } = costs;
  const { cacheBytes, cacheBandwidth } = target;
  const inTask = run.map(({ group }) => costs.bytes(group, rows));
  const inAll = run.map(({ bytes }) => bytes);
  // Between the touches of an element there is the rest of the one group before it, or of the other after it. Pages lie
  // where they happen to in the cache: what is touched pushes out a like share of all that is there.
  const nearShare = (bytes: readonly number[], from: number, to: number) => {
    const touched = Math.max(bytes[from]!, bytes[to]!) + between(bytes, from, to);
    return Math.max(0, 1 - touched / cacheBytes[1]);
  };
  // Without tasks of a chain all else of the batch is touched before the reader touches an element.
  const bandwidthOf = (from: number, to: number) =>
    bandwidthAt((between(inAll, from, to) + inAll[to]!) / sharedShare, target);
  return run.map(({ group, touchedAgain, productSeconds: whole }, at) => {
    const passed = touchedAgain.flatMap(({ value, next }) => {
      const nearer = nearShare(inTask, at, next) - nearShare(inAll, at, next);
      const perByte = 1 / bandwidthOf(at, next) - 1 / cacheBandwidth;
      return nearer > 0
        ? [{ reader: next, seconds: nearer * sizeOf(value, batchMax) * perByte }]
        : [];
    });
    return {
      saved: whole - (batchMax / rows) * costs.productSecondsWithinTask(group, rows),
      passed,
      bytes: inTask[at]!,
      shared: group.reads.filter((value) => !hasRows(value)),
    };
  });
}

/** Bytes of what is touched after one and before another. */
function between(bytes: readonly number[], from: number, to: number): number {
  return bytes.slice(from + 1, to).reduce((a, b) => a + b, 0);
}

function sizeOf({ shape, dtype }: Value, batchMax: number): number {
  return elementsAt(shape, batchMax) * bytesPerElement[dtype];
}
