/**
 * On which side of products and of sums over the rows each value stands: what is read on a later one than it is made on
 * has to go through memory, as the values of a forward pass that its backward pass reads, or is computed there again.
 */

import { axisAffine } from "../../graph/affine.ts";
import { type GraphContext, gathersOf, loadsOf, visitScalars } from "../../graph/context.ts";
import { elementsAt } from "../../graph/extent.ts";
import { minimumCut, type NumberedValues, numberValues } from "../../graph/minimum-cut.ts";
import type { Graph, Scalar, Value } from "../../graph/node.ts";
import { scalarFunctions } from "../../graph/scalar-functions.ts";
import type { TargetDescription } from "../target-description.ts";
import { type Work, workOf } from "./copies.ts";
import { bytesOf } from "./gain.ts";
import { axesOfNode } from "./linear-access.ts";
import { factsOf, type NodeFacts } from "./node-facts.ts";

/** What of the peak elementwise code reaches, which has no fused multiply-adds and waits for what it loads. */
const elementwiseShare = 1 / 8;

/** How many more points than a value has elements its reader may have, to compute it at each. */
const mostReads = 2;

export interface CheapestCut extends NumberedValues {
  /** Values that cannot be computed again, or are in memory whatever is chosen, by number. */
  readonly sources: readonly number[];
  /** Values to keep, from which all that is wanted can be computed again. */
  readonly cut: ReadonlySet<number>;
}

export class Sides {
  /** Operations on an element that take as long as to write and read one more. */
  readonly budget: number;
  readonly #batchMax: number;
  readonly #facts: NodeFacts;
  /** Products and sums over the rows that a node comes after. */
  readonly #depth = new Map<Work, number>();
  /** Values that are in memory whatever is chosen. */
  readonly #stored = new Set<Value>();

  constructor(context: GraphContext, graph: Graph, target: TargetDescription) {
    this.#batchMax = graph.batchMax;
    this.#facts = factsOf(context, graph.batchMax, target);
    const secondsPerByte = 1 / target.memoryBandwidth;
    this.budget = 2 * 4 * secondsPerByte * target.peakFlops * elementwiseShare;
    const nodes = workOf(graph);
    for (const node of nodes) this.#measure(node);
    for (const { value } of [...graph.results, ...graph.assignments]) this.#stored.add(value);
    for (const node of nodes) for (const value of this.#directReads(node)) this.#stored.add(value);
  }

  depthOf(node: Work): number {
    return this.#depth.get(node)!;
  }

  isBeyond({ node }: Value, reader: Work): boolean {
    return this.depthOf(reader) > (this.#depth.get(node as Work) ?? 0);
  }

  /** Whether a value is in memory whatever is chosen. */
  isStored(value: Value): boolean {
    return value.node.kind === "leaf" || this.#stored.has(value);
  }

  canRecompute({ node }: Value): boolean {
    return (
      node.kind === "compute" &&
      node.reducer === null &&
      gathersOf(node.body).length === 0 &&
      operationsOf(node.body) <= this.budget
    );
  }

  /** What to keep of all that `wanted` is made of: the fewest bytes, written and read, or read only. */
  cheapestCut(wanted: readonly Value[]): CheapestCut {
    const isSource = (value: Value) => this.#stored.has(value) || !this.canRecompute(value);
    const numbered = numberValues(wanted, (value) => (isSource(value) ? [] : madeFrom(value)));
    const { values, edges, sinks } = numbered;
    const sources = values.flatMap((value, at) => (isSource(value) ? [at] : []));
    const costs = values.map(
      (value) => (this.isStored(value) ? 1 : 2) * bytesOf(value, this.#batchMax),
    );
    return { ...numbered, sources, cut: minimumCut({ costs, edges, sources, sinks }) };
  }

  #measure(node: Work): void {
    let depth = this.#isBarrier(node) ? 1 : 0;
    const before = depth;
    for (const { node: maker } of node.operands) {
      depth = Math.max(depth, before + (this.#depth.get(maker as Work) ?? 0));
    }
    this.#depth.set(node, depth);
  }

  /** Whether a node runs over other rows than what it reads, or in tiles of its own. */
  #isBarrier(node: Work): boolean {
    if (node.kind !== "compute") return true;
    if (node.reducer === null) return false;
    if (this.#facts.isContraction(node)) return true;
    const [row] = node.parallel;
    return (
      row === undefined ||
      !loadsOf(node.body).every(({ index }) => index[0]?.key === axisAffine(0).key)
    );
  }

  /** Values that a node needs in memory: what it does not load point by point, nor could compute again in a sum over rows. */
  #directReads(node: Work): readonly Value[] {
    if (node.kind !== "compute" || this.#facts.isContraction(node)) return node.operands;
    const points = elementsAt(axesOfNode(node), this.#batchMax);
    const isAcross = this.#isBarrier(node);
    const isDirect = (value: Value) =>
      points > mostReads * elementsAt(value.shape, this.#batchMax) ||
      (isAcross && !this.canRecompute(value));
    const gathered = gathersOf(node.body).map(({ value }) => value);
    return [...gathered, ...node.operands.filter(isDirect)];
  }
}

/** What a value is computed from. */
export function madeFrom({ node }: Value): readonly Value[] {
  return node.kind === "compute" ? node.operands : [];
}

/** Floating-point operations of a body. */
export function operationsOf(body: Scalar): number {
  let operations = 0;
  visitScalars(body, (scalar) => {
    if (scalar.kind === "call") operations += scalarFunctions[scalar.fn].cost;
    else if (scalar.kind === "cast" || scalar.kind === "condition") operations++;
    else if (scalar.kind === "random") operations += randomOperations;
  });
  return operations;
}

/** A block of Threefry is about as much. */
const randomOperations = 60;
