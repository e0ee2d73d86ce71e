/**
 * Forms fusion groups. Every node starts as a group of its own; then, as long as there is one, the legal merge
 * of largest predicted gain is made, ties by node order. A merge is legal if the stages together have a
 * structure that a schedule can run (`structure.ts`) and no path leaves the merged group and comes back.
 */

import type { GraphContext } from "../../graph/context.ts";
import { openLoop, throughLoops } from "../../graph/loops.ts";
import type { Compute, Graph, Scan, Scatter, Value } from "../../graph/node.ts";
import type { Group, GroupedGraph, GroupedLoop, Scope } from "../group.ts";
import type { TargetDescription } from "../target-description.ts";
import { addUpInLoops } from "./add-up-in-loops.ts";
import { CandidateQueue } from "./candidate-queue.ts";
import { isWork, type Work } from "./copies.ts";
import { countBuffers } from "./count-buffers.ts";
import { countValues } from "./count-values.ts";
import { cropSums } from "./crop-sums.ts";
import { divideBytes } from "./divide-bytes.ts";
import {
  type Candidate,
  type Draft,
  type Item,
  isOfNumbers,
  type SoloDraft,
  savedBy,
} from "./drafts.ts";
import { flattenMaps } from "./flatten-maps.ts";
import { Gain } from "./gain.ts";
import { inlineMaps } from "./inline-maps.ts";
import { joinRowAxes } from "./join-row-axes.ts";
import { joinShortAxes } from "./join-short-axes.ts";
import { layOutOperands } from "./lay-out-operands.ts";
import { limitColumns } from "./limit-columns.ts";
import { moveIntoShifts } from "./move-into-shifts.ts";
import { factsOf } from "./node-facts.ts";
import { type Order, Precedence, sortTopologically } from "./order.ts";
import { padOperands } from "./pad-operands.ts";
import { assignPlaces, type PlacedGraph, readersIn } from "./places.ts";
import { prepareProducts } from "./prepare-products.ts";
import { recomputeMaps } from "./recompute-maps.ts";
import { saveSlopes } from "./save-slopes.ts";
import { scatterGroups, type Unnumbered } from "./scatter-groups.ts";
import { sharePadding } from "./share-padding.ts";
import { sinkIntoLoops } from "./sink-into-loops.ts";
import { sparseUpdates } from "./sparse-updates.ts";
import { splitContractions } from "./split-contractions.ts";
import { splitReductions } from "./split-reductions.ts";
import { setOfOne, unionOf } from "./stage-sets.ts";
import { type Joint, jointOf, type StructureOptions, structureOfNode } from "./structure.ts";

export interface GroupingOptions {
  /** False leaves every node a group of its own: the baseline that fused code is measured and checked by. */
  readonly fusion: boolean;
}

/**
 * Cuts a graph into groups. Needs a canonical, differentiated graph; adds identity maps, and with fusion moves
 * cheap maps into their readers and cuts sums over the batch in two. Values stay the same up to the rounding of regrouped sums.
 */
export function formGroups(
  context: GraphContext,
  graph: Graph,
  target: TargetDescription,
  options: GroupingOptions,
): GroupedGraph {
  // On the bodies of loops first: what is made there and does not depend on the loop is then made before it.
  const prepare = throughLoops((_, each) => prepared(context, each, target, options));
  const byRows = options.fusion && target.workgroup === null;
  const inLoops = () => addUpInLoops(context, sinkIntoLoops(context, graph, target), target);
  const ready = byRows
    ? countValues(context, prepare(context, inLoops()))
    : prepare(context, graph);
  // Workgroups copy operands into memory of their own as they lie.
  const laidOut = target.workgroup === null ? layOutOperands(context, ready) : ready;
  return groupsOf(context, laidOut, target, options);
}

function prepared(
  context: GraphContext,
  graph: Graph,
  target: TargetDescription,
  { fusion }: GroupingOptions,
): Graph {
  const ready = prepareProducts(context, cropSums(context, graph), target);
  // Workgroups copy operands into memory of their own as they go, zeros included.
  const dense =
    target.workgroup === null ? sharePadding(context, padOperands(context, ready)) : ready;
  let current = flattenMaps(context, divideBytes(context, dense));
  if (target.workgroup === null) current = joinShortAxes(context, current, target);
  current = splitContractions(context, current, target);
  if (target.workgroup === null) current = joinRowAxes(context, current);
  if (target.workgroup === null) current = saveSlopes(context, current, target);
  if (fusion) {
    current = inlineMaps(context, current, target);
    if (target.workgroup === null) {
      current = moveIntoShifts(context, recomputeMaps(context, current, target));
    }
    current = splitReductions(context, current, target);
  }
  return target.workgroup === null ? current : limitColumns(context, current, target.workgroup);
}

function groupsOf(
  context: GraphContext,
  graph: Graph,
  target: TargetDescription,
  options: GroupingOptions,
  areParts = false,
): GroupedGraph {
  const placed = assignPlaces(context, graph, { areParts });
  const former = new GroupFormer(context, placed, target, options);
  if (options.fusion) former.mergeGreedily();
  return former.finish((scan) => {
    const { graph: body, outside } = openLoop(context, scan, placed.graph);
    const grouped = groupsOf(context, body, target, options, true);
    return { kind: "loop", scan, body: grouped, outside };
  });
}

/** Operands shared by siblings count as saved from this size; smaller ones stay in the cache anyway. */
const leastSharedBytes = 1024;

class GroupFormer {
  readonly #placed: PlacedGraph;
  readonly #target: TargetDescription;
  readonly #options: StructureOptions;
  readonly #readers: ReadonlyMap<Value, readonly Work[]>;
  /** Values that must be in memory at the end of the step. */
  readonly #kept: ReadonlySet<Value>;
  readonly #precedence: Precedence<Draft | SoloDraft>;
  readonly #drafts = new Map<number, Draft>();
  readonly #solos: readonly SoloDraft[];
  readonly #draftOf = new Map<Work, Draft | SoloDraft>();
  /** Neighbours that cannot be merged. */
  readonly #refused: { readonly first: Draft; readonly second: Draft; readonly why: string }[] = [];
  #nextId: number;

  constructor(
    context: GraphContext,
    placed: PlacedGraph,
    target: TargetDescription,
    { fusion }: GroupingOptions,
  ) {
    this.#placed = placed;
    this.#target = target;
    const { nodes } = placed.order;
    const { batchMax } = placed.graph;
    this.#options = {
      target,
      batchMax,
      stored: placed.stored,
      facts: factsOf(context, batchMax, target),
      position: new Map(nodes.map((node, i) => [node, i])),
    };
    this.#readers = readersIn(nodes);
    this.#kept = new Set([
      ...placed.stored.keys(),
      ...placed.graph.results.map(({ value }) => value),
    ]);
    const sparse = fusion
      ? sparseUpdates(context, {
          order: placed.order,
          stored: placed.stored,
          kept: this.#kept,
          readersOf: (value) => this.#readers.get(value) ?? [],
        })
      : new Map<Scatter, readonly Compute[]>();
    const updatesOf = (node: Scan | Scatter) =>
      node.kind === "scatter" ? (sparse.get(node) ?? []) : [];
    this.#nextId = nodes.length;
    this.#solos = nodes.flatMap((solo, id) =>
      solo.kind === "compute" ? [] : [{ id, position: id, solo, updates: updatesOf(solo) }],
    );
    for (const draft of this.#solos) {
      for (const node of [draft.solo, ...draft.updates]) this.#draftOf.set(node, draft);
    }
    nodes.forEach((node, id) => {
      if (node.kind !== "compute" || this.#draftOf.has(node)) return;
      const set = setOfOne(node, this.#options);
      const structure = structureOfNode(set, this.#options);
      this.#add({ ...set, id, position: id, structure, saved: { values: 0, bytes: 0 } });
    });
    this.#precedence = new Precedence([...this.#drafts.values(), ...this.#solos]);
    this.#addEdges(placed.order);
  }

  #addEdges({ nodes, successors }: Order): void {
    nodes.forEach((node, i) => {
      const from = this.#draftOf.get(node)!;
      for (const j of successors[i]!) {
        this.#precedence.addEdge(from, this.#draftOf.get(nodes[j]!)!);
      }
    });
  }

  #add(draft: Draft): void {
    this.#drafts.set(draft.id, draft);
    for (const stage of draft.stages) this.#draftOf.set(stage, draft);
  }

  mergeGreedily(): void {
    const neighbours = this.#neighbours();
    const candidates = new CandidateQueue(
      [...neighbours].flatMap(([first, others]) =>
        [...others]
          .filter((second) => first.id < second.id)
          .map((second) => this.#candidate(first, second)),
      ),
    );
    for (;;) {
      const merge = this.#takeBest(candidates);
      if (merge === undefined) return;
      const [best, joint] = merge;
      const { first, second } = best;
      const merged: Draft = {
        ...unionOf(joint.pair, this.#options),
        id: this.#nextId++,
        position: Math.min(first.position, second.position),
        structure: joint.structure,
        saved: savedBy(best),
      };
      this.#drafts.delete(first.id);
      this.#drafts.delete(second.id);
      this.#precedence.merge(first, second, merged);
      this.#add(merged);
      const around = neighbours.get(first)!;
      for (const other of neighbours.get(second)!) around.add(other);
      around.delete(first);
      around.delete(second);
      neighbours.set(merged, around);
      for (const other of around) {
        const theirs = neighbours.get(other)!;
        theirs.delete(first);
        theirs.delete(second);
        theirs.add(merged);
      }
      for (const other of around) candidates.add(this.#candidate(other, merged));
    }
  }

  #candidate(a: Draft, b: Draft): Candidate {
    const isInOrder = a.position < b.position;
    const first = isInOrder ? a : b;
    const second = isInOrder ? b : a;
    return { first, second, gain: this.#gain(first, second) };
  }

  /**
   * The best of the candidates whose drafts are still there and that is legal. Drafts never change, and a path between
   * two stays as long as they do: what is refused needs no second try. Most are gone before their turn comes, so that
   * only then it is asked whether they are legal.
   */
  #takeBest(candidates: CandidateQueue): readonly [Candidate, Joint] | undefined {
    for (let best = candidates.take(); best !== undefined; best = candidates.take()) {
      const { first, second } = best;
      if (!this.#drafts.has(first.id) || !this.#drafts.has(second.id)) continue;
      const joint = this.#joint(first, second);
      if (typeof joint !== "string") return [best, joint];
      this.#refused.push({ first, second, why: joint });
    }
    return undefined;
  }

  /** The drafts as one, or why they cannot be. */
  #joint(first: Draft, second: Draft): Joint | string {
    const joint = jointOf(first, second, this.#options);
    if ("refusal" in joint) return joint.refusal;
    const lack = this.#lackOfBuffers(joint);
    if (lack !== undefined) return lack;
    return this.#precedence.canMerge(first, second)
      ? joint
      : "another kernel has to run between them";
  }

  /**
   * For each draft those that a value passes to or from, that read the same large value, or that compute
   * single numbers as it does.
   */
  #neighbours(): Map<Draft, Set<Draft>> {
    const neighbours = new Map(
      [...this.#drafts.values()].map((draft) => [draft, new Set<Draft>()]),
    );
    const join = (drafts: readonly Draft[]): void => {
      for (const a of drafts) {
        const ofA = neighbours.get(a)!;
        for (let i = 0; i < drafts.length; i++) if (drafts[i] !== a) ofA.add(drafts[i]!);
      }
    };
    join([...this.#drafts.values()].filter(isOfNumbers));
    for (const [value, readers] of this.#readers) {
      const drafts = readers.flatMap((reader) => this.#draftOfStage(reader) ?? []);
      const maker = isWork(value.node) ? this.#draftOfStage(value.node) : undefined;
      if (this.#options.facts.bytesOf(value) >= leastSharedBytes) join(drafts);
      if (maker === undefined) continue;
      for (const reader of drafts) if (reader !== maker) join([maker, reader]);
    }
    return neighbours;
  }

  /** The draft that a node is a stage of; loops and scatters are of none. */
  #draftOfStage(node: Work): Draft | undefined {
    const draft = this.#draftOf.get(node)!;
    return "solo" in draft ? undefined : draft;
  }

  /** Why stages have more in memory than one kernel can reach, if they have. */
  #lackOfBuffers({ pair, structure }: Joint): string | undefined {
    const { workgroup } = this.#target;
    if (workgroup === null) return undefined;
    const stages = [...pair.first.stages, ...pair.second.stages];
    const inside = new Set<Work>(stages);
    const isGlobal = (value: Value) => this.#isGlobal(value, (reader) => inside.has(reader));
    const buffers = countBuffers(stages, structure, isGlobal, this.#options);
    if (buffers <= workgroup.buffers) return undefined;
    return `together they need ${buffers} buffers, and a kernel has at most ${workgroup.buffers}`;
  }

  /** Whether a value has to be in memory if its maker runs together with those inside. */
  #isGlobal(value: Value, isInside: (reader: Work) => boolean): boolean {
    const readers = this.#readers.get(value) ?? [];
    return this.#kept.has(value) || !readers.every(isInside);
  }

  #gain(first: Draft, second: Draft): Gain {
    const { facts } = this.#options;
    const gain = new Gain(this.#target);
    first.reads.forEach((value) => {
      if (second.reads.has(value)) gain.add(facts.bytesOf(value), false);
    });
    const isInside = (reader: Work): boolean => {
      const draft = this.#draftOf.get(reader);
      return draft === first || draft === second;
    };
    this.#addPassing(gain, first, second, isInside);
    this.#addPassing(gain, second, first, isInside);
    return gain;
  }

  /** Adds what one draft makes and the other reads. */
  #addPassing(gain: Gain, from: Draft, to: Draft, isInside: (reader: Work) => boolean): void {
    const { makes } = from;
    for (let i = 0; i < makes.length; i++) {
      const value = makes[i]!;
      if (!to.reads.has(value)) continue;
      gain.add(this.#options.facts.bytesOf(value), !this.#isGlobal(value, isInside));
    }
  }

  /**
   * Drafts in an order of execution: by the longest path that leads to them, so that drafts which could run at
   * the same time stand side by side, then by order of nodes.
   */
  #inLevels(): readonly (Draft | SoloDraft)[] {
    const drafts = [...this.#drafts.values(), ...this.#solos].sort(
      (a, b) => a.position - b.position,
    );
    const number = new Map(drafts.map((draft, i) => [draft, i]));
    const successors = drafts.map(
      (draft) => new Set([...this.#precedence.successors(draft)].map((next) => number.get(next)!)),
    );
    const levels = drafts.map(() => 0);
    for (const i of sortTopologically(successors)!) {
      for (const j of successors[i]!) levels[j] = Math.max(levels[j]!, levels[i]! + 1);
    }
    const level = (draft: Draft | SoloDraft) => levels[number.get(draft)!]!;
    return drafts.sort((a, b) => level(a) - level(b) || a.position - b.position);
  }

  finish(openLoop: (scan: Scan) => GroupedLoop): GroupedGraph {
    const items = this.#inLevels().flatMap((draft): Item[] => {
      if (!("solo" in draft)) return [{ draft: draft.id, group: this.#group(draft) }];
      const { id, solo, updates } = draft;
      if (solo.kind === "scan") return [{ loop: solo }];
      const isKept = (value: Value) => this.#kept.has(value);
      const { batchMax } = this.#options;
      const groups = scatterGroups(solo, updates, isKept, batchMax, this.#target);
      return groups.map((group) => ({ draft: id, group }));
    });
    const kernels = items.filter((item) => "group" in item);
    const apart = this.#apart(kernels.map(({ draft }) => draft));
    const groups = kernels.map(({ group }, index) => ({ ...group, index, apart: apart[index]! }));
    let next = 0;
    return {
      graph: this.#placed.graph,
      order: items.map((item) => ("loop" in item ? openLoop(item.loop) : groups[next++]!)),
      groups,
      stored: this.#placed.stored,
    };
  }

  #group(draft: Draft): Unnumbered {
    const inside = new Set<Work>(draft.stages);
    const scopes = new Map<Value, Scope>();
    for (const value of draft.stages.flatMap((stage) => stage.values)) {
      const readers = this.#readers.get(value) ?? [];
      const isLocal = !this.#isGlobal(value, (reader) => inside.has(reader));
      const near = draft.structure.kind === "rows" ? "tile" : "register";
      scopes.set(
        value,
        isLocal && (readers.length > 0 || draft.stages.length > 1) ? near : "global",
      );
    }
    const reads = new Set<Value>();
    for (const stage of draft.stages) {
      for (const value of stage.operands) if (!scopes.has(value)) reads.add(value);
    }
    const writes = [...scopes].filter(([, scope]) => scope === "global").map(([value]) => value);
    return {
      kind: draft.structure.kind,
      tileSpace: draft.structure.tileSpace,
      stages: draft.stages,
      scatter: null,
      scopes,
      reads: [...reads],
      writes,
      saved: draft.saved,
    };
  }

  /** For each group why its neighbours are not part of it: all merges of what is left were refused. `order` are their drafts. */
  #apart(order: readonly number[]): Group["apart"][] {
    const number = new Map(order.map((draft, index) => [draft, index]));
    const apart: { group: number; why: string }[][] = order.map(() => []);
    for (const { why, ...refused } of this.#refused) {
      const first = number.get(refused.first.id);
      const second = number.get(refused.second.id);
      if (first === undefined || second === undefined) continue;
      apart[first]!.push({ group: second, why });
      apart[second]!.push({ group: first, why });
    }
    return apart.map((neighbours) => neighbours.sort((a, b) => a.group - b.group));
  }
}
