/**
 * Chooses what is kept for later kernels and what they compute again. A map that is read on both sides of a product or
 * of a sum over the rows, as the forward pass's are by the backward pass, has to go through memory; often a few values
 * that it is computed from have to as well, or are smaller, and then the readers beyond compute it again from those.
 * Which values to keep is a cheapest cut between what cannot be computed again and what is read beyond, as in Jain et
 * al., "Checkmate" (2020), and in PyTorch's partitioner of forward and backward graphs.
 *
 *     c = x − mean;  n = c · scale;  …  g = f · c   →   g = f · (x − mean), where x is kept anyway
 */

import { type GraphContext, loadsOf } from "../../graph/context.ts";
import type { Compute, Graph, LoadScalar, Scalar, Value } from "../../graph/node.ts";
import { mapScalar, rewriteGraph } from "../../graph/rewrite.ts";
import { simplifyAffine } from "../simplify-index.ts";
import type { TargetDescription } from "../target-description.ts";
import { type Work, workOf } from "./copies.ts";
import { bodyAt, guarded } from "./inline-maps.ts";
import { boxOf } from "./linear-access.ts";
import { madeFrom, operationsOf, Sides } from "./sides.ts";

/** How many times the operations that one value may cost a chain of them may. */
const longestChain = 4;

/** Needs nothing; values stay the same bits. */
export function recomputeMaps(
  context: GraphContext,
  graph: Graph,
  target: TargetDescription,
): Graph {
  const choice = new Choice(context, graph, target);
  const now = new Map<Value, Value>();
  const current = (value: Value): Value => now.get(value) ?? value;
  const reload = (load: LoadScalar) => context.loadFrom(load, current(load.value));
  const recomputed = (load: LoadScalar): Scalar => {
    const { body } = load.value.node as Compute;
    const element = mapScalar(context, bodyAt(context, body, load), {
      load: (inner) => (choice.isKept(inner.value) ? reload(inner) : recomputed(inner)),
    });
    return guarded(context, load, element);
  };
  const bodyOf = (node: Compute): Scalar => {
    const body = mapScalar(context, node.body, {
      load: (load) => (choice.isRecomputed(load, node) ? recomputed(load) : reload(load)),
      gather: ({ value, index }) => context.gather(current(value), index),
    });
    // Of reshaped values the places mostly cancel, and lanes then read one run.
    const box = boxOf(node, graph.batchMax);
    return mapScalar(context, body, { affine: (place) => simplifyAffine(place, box) });
  };
  return rewriteGraph(context, graph, (node, original) => {
    const made =
      original.kind === "compute" && choice.recomputes(original)
        ? context.computeLike(original, bodyOf(original))
        : node;
    original.values.forEach((value, i) => {
      now.set(value, made.values[i]!);
    });
    return made === node ? undefined : made.values;
  });
}

/** Which values readers beyond a product compute again. */
class Choice {
  readonly #sides: Sides;
  /** Values that are computed again instead of being read beyond. */
  readonly #again = new Set<Value>();
  /** Values on the way from what is kept to those. */
  readonly #onTheWay = new Set<Value>();

  constructor(context: GraphContext, graph: Graph, target: TargetDescription) {
    this.#sides = new Sides(context, graph, target);
    this.#choose(this.#readBeyond(workOf(graph)));
  }

  isKept(value: Value): boolean {
    return !this.#onTheWay.has(value);
  }

  isRecomputed({ value }: Pick<LoadScalar, "value">, reader: Compute): boolean {
    return this.#again.has(value) && this.#sides.isBeyond(value, reader);
  }

  recomputes(node: Compute): boolean {
    return loadsOf(node.body).some((load) => this.isRecomputed(load, node));
  }

  /** Maps that are read beyond a product, and not by readers of one depth only, which could make them. */
  #readBeyond(nodes: readonly Work[]): readonly Value[] {
    const depths = new Map<Value, Set<number>>();
    for (const node of nodes) {
      for (const value of node.operands) {
        const known = depths.get(value) ?? new Set();
        depths.set(value, known.add(this.#sides.depthOf(node)));
      }
    }
    return [...depths].flatMap(([value, at]) => {
      const { node } = value;
      if (node.kind !== "compute" || at.size < 2) return [];
      return this.#sides.canRecompute(value) && !this.#sides.isStored(value) ? [value] : [];
    });
  }

  #choose(wanted: readonly Value[]): void {
    const { values, number, sinks, sources, cut } = this.#sides.cheapestCut(wanted);
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
      if (cut.has(at) || count(at) > longestChain * this.#sides.budget) continue;
      this.#again.add(values[at]!);
      const mark = (v: number): void => {
        if (cut.has(v) || from.has(v)) return;
        this.#onTheWay.add(values[v]!);
        for (const operand of madeFrom(values[v]!)) mark(number.get(operand)!);
      };
      mark(at);
    }
  }
}
