/**
 * The driver of node rules: walks the graph until no rule fires. Each node's body is first rewritten by the
 * scalar rules, then the first node rule that applies gives what takes its place; what rules make is visited on
 * the next walk.
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

/** Rules that are applied together. */
export interface RuleSet {
  readonly scalars: RuleIndex;
  readonly nodes: readonly NodeRule[];
}

/** What is known of nodes, whatever graph they are in. */
class KnownNodes {
  /** What a walk makes of them. */
  readonly rewritten: Rewritten = new Map();
  /** Those on which no rule fires. */
  readonly settled = new Set<Node>();
}

export function rewriteNodes(context: GraphContext, graph: Graph, rules: RuleSet): Graph {
  const { batchMax } = graph;
  const scope: NodeScope = { context, batchMax };
  const { settled, rewritten } = context.memory(rules, batchMax, () => new KnownNodes());
  const fired = new Set<string>();
  const rewrite = (node: Node): readonly Value[] | undefined => {
    if (settled.has(node)) return undefined;
    if (node.kind === "scatter") {
      const simpler = simplifyScatter(node, scope, rules.scalars);
      if (simpler === node) settled.add(node);
      else fired.add("scalar rules");
      return simpler.values;
    }
    if (node.kind !== "compute") return undefined;
    const simpler = simplifyBody(node, scope, rules.scalars);
    if (simpler !== node) fired.add("scalar rules");
    for (const rule of rules.nodes) {
      const values = rule.apply(simpler, scope);
      if (values === undefined || isSame(values, simpler)) continue;
      fired.add(rule.name);
      return values;
    }
    settled.add(simpler);
    return simpler === node ? undefined : simpler.values;
  };
  let current = graph;
  for (let walk = 0; walk < walkLimit; walk++) {
    const next = rewriteGraph(context, current, rewrite, rewritten);
    if (next === current) return current;
    current = next;
  }
  throw new InvariantError(`the rules ${[...fired].join(", ")} do not come to an end`);
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

function simplifyBody(node: Compute, scope: NodeScope, rules: RuleIndex): Compute {
  const body = rewriteScalar(node.body, bodyScope(node, scope), rules);
  if (body === node.body) return node;
  const { parallel, reduction, where, reducer } = node;
  return scope.context.compute({ parallel, reduction, where, reducer, body });
}
