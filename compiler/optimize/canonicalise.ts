/**
 * Canonicalisation, before differentiation: first numbers, then form. Logarithms and variances are brought into
 * stable form here, for no later rule repairs the derivative of one that is not; then bodies are split into
 * contractions, maps and reductions, so that the derivatives of contractions are contractions again.
 */

import type { GraphContext } from "../graph/context.ts";
import { throughLoops } from "../graph/loops.ts";
import type { Graph } from "../graph/node.ts";
import { findMoments } from "./moments.ts";
import { type RuleSet, rewriteNodes } from "./rewrite-nodes.ts";
import { indexRules } from "./rewrite-scalars.ts";
import { logarithmRules } from "./rules/logarithms.ts";
import { normalFormRules } from "./rules/normal-forms.ts";
import { meanRules } from "./rules/reductions.ts";
import { nodeRules, scalarRules } from "./simplify.ts";

const exact = indexRules(scalarRules);
const composing: RuleSet = { scalars: exact, nodes: [nodeRules] };
const stabilising: RuleSet = {
  scalars: indexRules(logarithmRules, scalarRules),
  nodes: [nodeRules],
};
const splitting: RuleSet = {
  scalars: exact,
  nodes: [nodeRules, meanRules, normalFormRules],
};

/** The same values and derivatives; returns the same object if nothing changes. */
export const canonicalise: (context: GraphContext, graph: Graph) => Graph = throughLoops(
  (context, graph) => {
    // Index maps first: a mean with kept dimensions is then read directly, and recognised.
    const composed = rewriteNodes(context, graph, composing);
    const stable = rewriteNodes(context, findMoments(context, composed), stabilising);
    return rewriteNodes(context, stable, splitting);
  },
);
