/**
 * Step scalars: what a graph computes from hypers, counters and constants alone is one number a step, such as
 * a learning rate with both bias corrections. The trainer computes it in float64, rounds it once and uploads
 * it; in float32 on the device `1 - 0.999^t` would be off by 1e-5, and every element would pay for it.
 */

import { type GraphContext, graphNodes, loadsOf, scalarChildren } from "../graph/context.ts";
import type { Graph, Node, Scalar, Value } from "../graph/node.ts";
import { mapScalar, replaceOperands, replaceValues, rewriteGraph } from "../graph/rewrite.ts";
import { withChildren } from "./rewrite-scalars.ts";

export interface HoistedStepScalars {
  /** Reads `scalar` leaves "0", "1", … of type f32 in place of hypers and counters. */
  readonly graph: Graph;
  /** Their values: results "0", "1", …, each one node over hyper and counter leaves. */
  readonly scalars: Graph;
}

/** Replaces every largest subexpression of hypers, counters and constants by a `scalar` leaf. */
export function hoistStepScalars(context: GraphContext, graph: Graph): HoistedStepScalars {
  const stepNodes = findStepNodes(graph);
  const table = new StepScalarTable(context);
  const rewrite = (scalar: Scalar): Scalar =>
    isStepScalar(scalar, stepNodes) && loadsOf(scalar).length > 0
      ? table.leafFor(scalar)
      : withChildren(scalar, { context }, rewrite);
  // A step scalar that is asked for as a value is written on the device all the same.
  const written = (value: Value): Value =>
    stepNodes.has(value.node)
      ? context.compute({ parallel: [], body: table.leafFor(context.load(value, [])) }).values[0]!
      : value;
  const rewritten = rewriteGraph(context, graph, (node) => {
    if (node.kind === "scan") return replaceOperands(context, node, written).values;
    if (node.kind === "scatter") {
      const { parallel, shape, index, body } = node;
      const moved = { parallel, shape, index: index.map(rewrite), body: rewrite(body) };
      return context.scatter(moved).values;
    }
    if (node.kind !== "compute" || stepNodes.has(node)) return undefined;
    const body = rewrite(node.body);
    return body === node.body ? undefined : context.computeLike(node, body).values;
  });
  return {
    graph:
      table.size === 0 && !hasStepResult(graph, stepNodes)
        ? graph
        : replaceValues(rewritten, written),
    scalars: {
      name: `${graph.name}_scalars`,
      batchMax: graph.batchMax,
      results: table.results(),
      assignments: [],
    },
  };
}

const hasStepResult = ({ results, assignments }: Graph, stepNodes: ReadonlySet<Node>): boolean =>
  [...results, ...assignments].some(({ value }) => stepNodes.has(value.node));

/** Rank-0 nodes that depend on hypers, counters and constants only. */
function findStepNodes(graph: Graph): ReadonlySet<Node> {
  const found = new Set<Node>();
  for (const node of graphNodes(graph)) {
    const isStep =
      node.kind === "leaf"
        ? node.role === "hyper" || node.role === "counter"
        : node.kind === "compute" &&
          node.parallel.length === 0 &&
          node.reducer === null &&
          node.operands.length > 0 &&
          isStepScalar(node.body, found);
    if (isStep) found.add(node);
  }
  return found;
}

/** Whether a scalar depends on nothing but step nodes and constants. */
function isStepScalar(scalar: Scalar, stepNodes: ReadonlySet<Node>): boolean {
  switch (scalar.kind) {
    case "load":
      return stepNodes.has(scalar.value.node) && scalar.guard.kind === "true";
    case "index":
    case "condition":
    case "random":
    case "gather":
      return false;
    default:
      return scalarChildren(scalar).every((child) => isStepScalar(child, stepNodes));
  }
}

/** Numbers distinct step scalars in the order they are met. */
class StepScalarTable {
  readonly #context: GraphContext;
  readonly #values: Value[] = [];

  constructor(context: GraphContext) {
    this.#context = context;
  }

  get size(): number {
    return this.#values.length;
  }

  /** A load of the leaf that stands for this scalar; booleans and integers travel as numbers. */
  leafFor(scalar: Scalar): Scalar {
    const context = this.#context;
    const body = context.cast(this.#overLeaves(scalar), "f32");
    const value = context.compute({ parallel: [], body }).values[0]!;
    if (!this.#values.includes(value)) this.#values.push(value);
    const leaf = context.leaf("scalar", String(this.#values.indexOf(value)), "f32", []);
    return context.cast(context.load(leaf, []), scalar.dtype);
  }

  results(): Graph["results"] {
    return this.#values.map((value, i) => ({ name: String(i), value }));
  }

  /** The scalar with the bodies of step nodes in place of their loads. */
  #overLeaves(scalar: Scalar): Scalar {
    return mapScalar(this.#context, scalar, {
      load: (load) =>
        load.value.node.kind === "compute" ? this.#overLeaves(load.value.node.body) : load,
    });
  }
}
