/**
 * Simplification of a whole graph: everything that makes it smaller or brings it into normal form without
 * changing what it computes. Dead nodes vanish by being unreachable, equal ones by being the same object.
 */

import type { GraphContext } from "../graph/context.ts";
import { throughLoops } from "../graph/loops.ts";
import type { Graph } from "../graph/node.ts";
import { pruneLoops } from "../graph/prune-loops.ts";
import { hoistInvariants } from "./hoist-invariants.ts";
import { type RuleSet, rewriteNodes } from "./rewrite-nodes.ts";
import { indexRules } from "./rewrite-scalars.ts";
import { afterDifferentiationRules } from "./rules/after-differentiation.ts";
import { arithmeticRules } from "./rules/arithmetic.ts";
import { conversionRules } from "./rules/conversion.ts";
import { elementaryRules } from "./rules/elementary.ts";
import { indexMapRules } from "./rules/index-maps.ts";
import { logicRules } from "./rules/logic.ts";
import { normalFormRules } from "./rules/normal-forms.ts";
import { meanRules, reductionRules } from "./rules/reductions.ts";

/** Scalar rules that also keep derivatives. */
export const scalarRules = [
  ...conversionRules,
  ...arithmeticRules,
  ...elementaryRules,
  ...logicRules,
];

/** Node rules that hold before and after differentiation. */
export const nodeRules = [...reductionRules, ...indexMapRules];

const simplifying: RuleSet = {
  scalars: indexRules(afterDifferentiationRules, scalarRules),
  nodes: [nodeRules, meanRules, normalFormRules],
  atOnce: true,
};

/**
 * After differentiation: the same values from a smaller graph, whose sums are contractions or plain reductions.
 * Regroups sums and products as real arithmetic allows; returns the same object if nothing changes.
 */
export function simplify(context: GraphContext, graph: Graph): Graph {
  return pruneLoops(context, simplifyThroughLoops(context, graph));
}

const simplifyThroughLoops = throughLoops((context, graph) => {
  const settled = rewriteNodes(context, graph, simplifying);
  const hoisted = hoistInvariants(context, settled);
  return hoisted === settled ? settled : rewriteNodes(context, hoisted, simplifying);
});
