/**
 * The driver of node rules: walks the graph until no rule fires. Each node's body is first rewritten by the
 * scalar rules, then the first node rule that applies gives what takes its place; what rules make is visited on
 * the next walk, or at once where a set of rules says so.
 */

import { InvariantError } from "../diagnostics/diagnostic.ts";
import { always } from "../graph/condition.ts";
import type { GraphContext } from "../graph/context.ts";
import type { Compute, Graph, Node, Scalar, Scatter, Value } from "../graph/node.ts";
import { type Rewritten, rewriteGraph, scalarMapper } from "../graph/rewrite.ts";
import { type RuleIndex, rewriteScalar } from "./rewrite-scalars.ts";
import { composeLoad } from "./rules/index-maps.ts";
import { bodyScope, type NodeRule, type NodeScope } from "./rules/node-rule.ts";

/** More walks than any nest of rules can need. */
const walkLimit = 100;

/** Rules that are applied together. What is found of a list in one set holds in every other that has it. */
export interface RuleSet {
  readonly scalars: RuleIndex;
  /** Lists, the rules of earlier ones being tried first. */
  readonly nodes: readonly (readonly NodeRule[])[];
  /**
   * Whether what a rule makes in place of a node is rewritten at once, and not on the next walk: all that depends on it is
   * then rebuilt once. Nodes are made in another order, and in that order they stand in kernels.
   */
  readonly atOnce?: true;
}

/** The nodes that a list of rules leaves alone: in every graph, as rules look at a node and what it is computed from. */
type LeftAlone = Set<Node>;

/** What a set of rules does to nodes, whatever graph they are in. */
class KnownNodes {
  /** What a walk makes of them. */
  readonly rewritten: Rewritten = new Map();
  /** Those on which no rule fires. */
  readonly settled = new Set<Node>();
}

export function rewriteNodes(context: GraphContext, graph: Graph, rules: RuleSet): Graph {
  const { batchMax } = graph;
  const scope: NodeScope = { context, batchMax };
  const memory = (of: object): LeftAlone =>
    context.memory(of, batchMax, (): LeftAlone => new Set<Node>());
  const { settled, rewritten } = context.memory(rules, batchMax, () => new KnownNodes());
  const ofScalars = rules.scalars.map((indexed) => ({
    indexed,
    leftAlone: memory(indexed.list),
    seesOperands: indexed.list.some((rule) => rule.seesOperands),
  }));
  const ofNodes = rules.nodes.map((list) => ({ list, leftAlone: memory(list) }));
  const alike = new Renamings();
  const fired = new Set<string>();

  /** What is known of a node that does the same to other operands. */
  const inherit = (node: Compute, original: Compute): void => {
    if (!alike.isRenamed(node, original)) return;
    for (const { leftAlone, seesOperands } of ofScalars) {
      if (!seesOperands && leftAlone.has(original)) leftAlone.add(node);
    }
    if (!alike.readsAlike(node, original)) return;
    for (const { leftAlone } of ofNodes) if (leftAlone.has(original)) leftAlone.add(node);
  };
  const simplifyBody = (node: Compute): Compute => {
    if (ofScalars.every(({ leftAlone }) => leftAlone.has(node))) return node;
    const open = ofScalars.filter(({ leftAlone }) => !leftAlone.has(node));
    const lists = open.length === ofScalars.length ? rules.scalars : open.map((o) => o.indexed);
    const body = rewriteScalar(node.body, bodyScope(node, scope), rules.scalars, lists);
    const simpler = body === node.body ? node : context.computeLike(node, body);
    for (const { leftAlone } of ofScalars) leftAlone.add(simpler);
    return simpler;
  };
  const rewriteOnce = (node: Node, original: Node): readonly Value[] | undefined => {
    if (settled.has(node)) return undefined;
    if (node.kind === "scatter") {
      const simpler = simplifyScatter(node, scope, rules.scalars);
      if (simpler === node) settled.add(node);
      else fired.add("scalar rules");
      return simpler.values;
    }
    if (node.kind !== "compute") return undefined;
    if (node !== original) inherit(node, original as Compute);
    const simpler = simplifyBody(node);
    if (simpler !== node) fired.add("scalar rules");
    for (const { list, leftAlone } of ofNodes) {
      if (leftAlone.has(simpler)) continue;
      for (let i = 0; i < list.length; i++) {
        const rule = list[i]!;
        const values = rule.apply(simpler, scope);
        if (values === undefined || isSame(values, simpler)) continue;
        fired.add(rule.name);
        return values;
      }
      leftAlone.add(simpler);
    }
    settled.add(simpler);
    return simpler === node ? undefined : simpler.values;
  };
  const rewrite = (node: Node, original: Node): readonly Value[] | undefined => {
    let values = rewriteOnce(node, original);
    if (!rules.atOnce) return values;
    for (let step = 0; step < walkLimit && values !== undefined; step++) {
      const made: Node = values[0]!.node;
      if (made.kind !== "compute" || !isSame(values, made)) break;
      const next = context.standingFor(made, () => rewriteOnce(made, made));
      if (next === undefined) break;
      for (const value of next) {
        if (value.node.kind !== "leaf") context.inheritOrigins(value.node, made);
      }
      values = next;
    }
    return values;
  };
  let current = graph;
  for (let walk = 0; walk < walkLimit; walk++) {
    const next = rewriteGraph(context, current, rewrite, rewritten);
    if (next === current) return current;
    current = next;
  }
  throw new InvariantError(`the rules ${[...fired].join(", ")} do not come to an end`);
}

/**
 * Which nodes were rebuilt over other operands and are the same but for these. A rule that looks no further than at types and
 * shapes of operands, and at which of them are one, does to the one what it does to the other.
 */
class Renamings {
  readonly #originals = new Map<Node, Node>();

  /** Whether the body is that of the original with other operands, each its own. */
  isRenamed(node: Compute, original: Compute): boolean {
    // Bodies list operands in one order, so as many operands means that none have become one.
    if (node.operands.length !== original.operands.length) return false;
    this.#originals.set(node, original);
    return true;
  }

  /** Whether the operands also look alike to a node rule. */
  readsAlike(node: Compute, original: Compute): boolean {
    return node.operands.every(({ node: other, result }, i) => {
      const before = original.operands[i]!;
      if (other === before.node) return result === before.result;
      return (
        (isOpaque(other) && isOpaque(before.node)) || this.#originals.get(other) === before.node
      );
    });
  }
}

/** Whether node rules of its readers see no more of a node than its values' types and shapes. */
function isOpaque(node: Node): boolean {
  return node.kind === "compute" ? node.reducer !== null : node.kind !== "scan";
}

const isSame = (values: readonly Value[], node: Compute): boolean =>
  values.every((value, i) => value === node.values[i]);

/** A scatter with simpler scalars, which load what index maps load. */
function simplifyScatter(node: Scatter, scope: NodeScope, rules: RuleIndex): Scatter {
  const { parallel, shape } = node;
  const at = { ...scope, axes: parallel, where: always };
  const compose = scalarMapper(scope.context, { load: (load) => composeLoad(load, scope) ?? load });
  const simpler = (scalar: Scalar) => rewriteScalar(compose(scalar), at, rules);
  return scope.context.scatter({
    parallel,
    shape,
    index: node.index.map(simpler),
    body: simpler(node.body),
  });
}
