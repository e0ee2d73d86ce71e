/**
 * The driver of scalar rules: rewrites a body bottom up, each scalar once, until no rule fires. A body that no
 * rule changes comes back as the same object.
 */

import { InvariantError } from "../diagnostics/diagnostic.ts";
import { mapItems } from "../graph/context.ts";
import type { Scalar } from "../graph/node.ts";
import type { Root, ScalarRule, Scope } from "./rules/rule.ts";

/** The rules of one list by the root that they match, in the order of the list. */
export interface IndexedRules {
  /** The list itself: what is remembered of it holds wherever it is used. */
  readonly list: readonly ScalarRule[];
  readonly byRoot: ReadonlyMap<Root, readonly ScalarRule[]>;
}

/** Lists of rules, the rules of earlier ones being tried first. */
export type RuleIndex = readonly IndexedRules[];

export function indexRules(...lists: readonly (readonly ScalarRule[])[]): RuleIndex {
  return lists.map((list) => {
    const byRoot = new Map<Root, ScalarRule[]>();
    for (const rule of list) {
      for (const root of rule.roots) {
        const known = byRoot.get(root);
        if (known === undefined) byRoot.set(root, [rule]);
        else known.push(rule);
      }
    }
    return { list, byRoot };
  });
}

/** More rewrites of one scalar than any chain of rules can need. */
const stepLimit = 200;

/**
 * The body, rewritten. `open` are those of the rules that may fire on scalars of the body itself: the others are known to
 * leave all of them alone, and are tried on what is made of them only.
 */
export function rewriteScalar(
  body: Scalar,
  scope: Scope,
  rules: RuleIndex,
  open: RuleIndex = rules,
): Scalar {
  if (open.length === 0) return body;
  const rewritten = new Map<Scalar, Scalar>();
  const fired: string[] = [];
  const rewrite = (scalar: Scalar, candidates: RuleIndex): Scalar => {
    const known = rewritten.get(scalar);
    if (known !== undefined) return known;
    let current = scalar;
    let tried = candidates;
    for (let step = 0; ; step++) {
      const inner = withChildren(current, scope, tried === open ? rewriteOwn : rewriteNew);
      if (inner !== current) tried = rules;
      const next = applyFirst(inner, scope, tried, fired);
      current = next ?? inner;
      if (next === undefined) break;
      if (step >= stepLimit) {
        const still = [...new Set(fired.slice(-20))].join(", ");
        throw new InvariantError(`the rules ${still} do not come to an end`);
      }
      tried = rules;
    }
    rewritten.set(scalar, current);
    rewritten.set(current, current);
    return current;
  };
  const rewriteOwn = (scalar: Scalar): Scalar => rewrite(scalar, open);
  const rewriteNew = (scalar: Scalar): Scalar => rewrite(scalar, rules);
  return rewriteOwn(body);
}

/** What the first rule that fires makes of a scalar; its name goes to `fired`. */
function applyFirst(
  scalar: Scalar,
  scope: Scope,
  rules: RuleIndex,
  fired: string[],
): Scalar | undefined {
  const root: Root = scalar.kind === "call" ? scalar.fn : scalar.kind;
  for (let list = 0; list < rules.length; list++) {
    const ofRoot = rules[list]!.byRoot.get(root);
    if (ofRoot === undefined) continue;
    for (let i = 0; i < ofRoot.length; i++) {
      const rule = ofRoot[i]!;
      const next = rule.apply(scalar, scope);
      if (next === undefined || next === scalar) continue;
      fired.push(rule.name);
      return next;
    }
  }
  return undefined;
}

/** The scalar over rewritten children; the same object if none changed. */
export function withChildren(
  scalar: Scalar,
  { context }: Pick<Scope, "context">,
  rewrite: (child: Scalar) => Scalar,
): Scalar {
  switch (scalar.kind) {
    case "cast": {
      const of = rewrite(scalar.of);
      return of === scalar.of ? scalar : context.cast(of, scalar.dtype);
    }
    case "call": {
      const args = mapItems(scalar.args, rewrite);
      return args === scalar.args ? scalar : context.apply(scalar.fn, args);
    }
    case "gather": {
      const index = mapItems(scalar.index, rewrite);
      return index === scalar.index ? scalar : context.gather(scalar.value, index);
    }
    default:
      return scalar;
  }
}
