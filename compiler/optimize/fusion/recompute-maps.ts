/**
 * Chooses what is kept for later kernels and what they compute again. A map that is read on both sides of a product or
 * of a sum over the rows, as the forward pass's are by the backward pass, has to go through memory; often a few values
 * that it is computed from have to as well, or are smaller, and then the readers beyond compute it again from those.
 * Which values to keep is a cheapest cut between what cannot be computed again and what is read beyond, as in Jain et
 * al., "Checkmate" (2020), and in PyTorch's partitioner of forward and backward graphs.
 *
 *     c = x − mean;  n = c · scale;  …  g = f · c   →   g = f · (x − mean), where x is kept anyway
 */

import { axisAffine } from "../../graph/affine.ts";
import { type GraphContext, gathersOf, loadsOf, visitScalars } from "../../graph/context.ts";
import { elementsAt } from "../../graph/extent.ts";
import { minimumCut, numberValues } from "../../graph/minimum-cut.ts";
import type { Compute, Graph, LoadScalar, Scalar, Value } from "../../graph/node.ts";
import { mapScalar, rewriteGraph } from "../../graph/rewrite.ts";
import { scalarFunctions } from "../../graph/scalar-functions.ts";
import type { TargetDescription } from "../target-description.ts";
import { type Work, workOf } from "./copies.ts";
import { bytesOf } from "./gain.ts";
import { bodyAt, guarded } from "./inline-maps.ts";
import { axesOfNode } from "./linear-access.ts";
import { NodeFacts } from "./structure.ts";

/** What of the peak elementwise code reaches, which has no fused multiply-adds and waits for what it loads. */
const elementwiseShare = 1 / 8;

/** How many times the operations that one value may cost a chain of them may. */
const longestChain = 4;

/** How many more points than a value has elements its reader may have, to compute it at each. */
const mostReads = 2;

/** Needs nothing; values stay the same bits. */
export function recomputeMaps(
  context: GraphContext,
  graph: Graph,
  target: TargetDescription,
): Graph {
  const choice = new Choice(graph, target);
  const now = new Map<Value, Value>();
  const current = (value: Value): Value => now.get(value) ?? value;
  const reload = ({ value, index, guard }: LoadScalar) =>
    context.load(current(value), index, guard);
  const recomputed = (load: LoadScalar): Scalar => {
    const { body } = load.value.node as Compute;
    const element = mapScalar(context, bodyAt(context, body, load), {
      load: (inner) => (choice.isKept(inner.value) ? reload(inner) : recomputed(inner)),
    });
    return guarded(context, load, element);
  };
  return rewriteGraph(context, graph, (node, original) => {
    const made =
      original.kind === "compute" && choice.recomputes(original)
        ? context.compute({
            ...original,
            body: mapScalar(context, original.body, {
              load: (load) =>
                choice.isRecomputed(load, original) ? recomputed(load) : reload(load),
              gather: ({ value, index }) => context.gather(current(value), index),
            }),
          })
        : node;
    original.values.forEach((value, i) => {
      now.set(value, made.values[i]!);
    });
    return made === node ? undefined : made.values;
  });
}

/** Which values readers beyond a product compute again. */
class Choice {
  readonly #batchMax: number;
  readonly #facts: NodeFacts;
  /** Operations on an element that take as long as to write and read one more. */
  readonly #budget: number;
  /** Products and sums over the rows that a node comes after. */
  readonly #depth = new Map<Work, number>();
  /** Values that are in memory whatever is chosen. */
  readonly #stored = new Set<Value>();
  /** Values that are computed again instead of being read beyond. */
  readonly #again = new Set<Value>();
  /** Values on the way from what is kept to those. */
  readonly #onTheWay = new Set<Value>();

  constructor(graph: Graph, target: TargetDescription) {
    this.#batchMax = graph.batchMax;
    this.#facts = new NodeFacts(graph.batchMax, target);
    const secondsPerByte = 1 / target.memoryBandwidth;
    this.#budget = 2 * 4 * secondsPerByte * target.peakFlops * elementwiseShare;
    const nodes = workOf(graph);
    for (const node of nodes) this.#measure(node);
    for (const { value } of [...graph.results, ...graph.assignments]) this.#stored.add(value);
    for (const node of nodes) for (const value of this.#directReads(node)) this.#stored.add(value);
    this.#choose(this.#readBeyond(nodes));
  }

  isKept(value: Value): boolean {
    return !this.#onTheWay.has(value);
  }

  isRecomputed({ value }: Pick<LoadScalar, "value">, reader: Compute): boolean {
    return this.#again.has(value) && this.#isBeyond(value, reader);
  }

  recomputes(node: Compute): boolean {
    return loadsOf(node.body).some((load) => this.isRecomputed(load, node));
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
      (isAcross && !this.#canRecompute(value));
    const gathered = gathersOf(node.body).map(({ value }) => value);
    return [...gathered, ...node.operands.filter(isDirect)];
  }

  #isBeyond({ node }: Value, reader: Compute): boolean {
    return this.#depth.get(reader)! > (this.#depth.get(node as Work) ?? 0);
  }

  /** Maps that are read beyond a product, and not by readers of one depth only, which could make them. */
  #readBeyond(nodes: readonly Work[]): readonly Value[] {
    const depths = new Map<Value, Set<number>>();
    for (const node of nodes) {
      for (const value of node.operands) {
        const known = depths.get(value) ?? new Set();
        depths.set(value, known.add(this.#depth.get(node)!));
      }
    }
    return [...depths].flatMap(([value, at]) => {
      const { node } = value;
      if (node.kind !== "compute" || at.size < 2) return [];
      return this.#canRecompute(value) && !this.#stored.has(value) ? [value] : [];
    });
  }

  #canRecompute({ node }: Value): boolean {
    return (
      node.kind === "compute" &&
      node.reducer === null &&
      gathersOf(node.body).length === 0 &&
      operationsOf(node.body) <= this.#budget
    );
  }

  #choose(wanted: readonly Value[]): void {
    const isSource = (value: Value) => this.#stored.has(value) || !this.#canRecompute(value);
    const { values, number, edges, sinks } = numberValues(wanted, (value) =>
      isSource(value) ? [] : operandsOf(value),
    );
    const sources = values.flatMap((value, at) => (isSource(value) ? [at] : []));
    const isInMemory = (value: Value) => value.node.kind === "leaf" || this.#stored.has(value);
    const costs = values.map(
      (value) => (isInMemory(value) ? 1 : 2) * bytesOf(value, this.#batchMax),
    );
    const cut = minimumCut({ costs, edges, sources, sinks });
    const from = new Set(sources);
    const operations = values.map(() => 0);
    const count = (at: number): number => {
      const value = values[at]!;
      if (cut.has(at) || from.has(at)) return 0;
      const { node } = value as { node: Compute };
      operations[at] ||= node.operands.reduce(
        (sum, operand) => sum + count(number.get(operand)!),
        operationsOf(node.body),
      );
      return operations[at];
    };
    for (const at of sinks) {
      if (cut.has(at) || count(at) > longestChain * this.#budget) continue;
      this.#again.add(values[at]!);
      const mark = (v: number): void => {
        if (cut.has(v) || from.has(v)) return;
        this.#onTheWay.add(values[v]!);
        for (const operand of operandsOf(values[v]!)) mark(number.get(operand)!);
      };
      mark(at);
    }
  }
}

function operandsOf({ node }: Value): readonly Value[] {
  return node.kind === "compute" ? node.operands : [];
}

/** Floating-point operations of a body. */
function operationsOf(body: Scalar): number {
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
