/**
 * The driver of scalar rules: rewrites a body bottom up, each scalar once, until no rule fires. A body that no
 * rule changes comes back as the same object.
 */

import { InvariantError } from "../diagnostics/diagnostic.ts";
import type { Scalar } from "../graph/node.ts";
import type { Root, ScalarRule, Scope } from "./rules/rule.ts";

/** Rules by the root that they match, in the order of their lists. */
export type RuleIndex = ReadonlyMap<Root, readonly ScalarRule[]>;

export function indexRules(...lists: readonly (readonly ScalarRule[])[]): RuleIndex {
  const index = new Map<Root, ScalarRule[]>();
  for (const rule of lists.flat()) {
    for (const root of rule.roots) {
      const known = index.get(root);
      if (known === undefined) index.set(root, [rule]);
      else known.push(rule);
    }
  }
  return index;
}

/** More rewrites of one scalar than any chain of rules can need. */
const stepLimit = 200;

export function rewriteScalar(body: Scalar, scope: Scope, rules: RuleIndex): Scalar {
  const rewritten = new Map<Scalar, Scalar>();
  const rewrite = (scalar: Scalar): Scalar => {
    const known = rewritten.get(scalar);
    if (known !== undefined) return known;
    let current = scalar;
    const fired: string[] = [];
    for (;;) {
      const inner = withChildren(current, scope, rewrite);
      const [rule, next] = applyFirst(inner, scope, rules);
      if (rule === undefined) {
        current = inner;
        break;
      }
      fired.push(rule.name);
      if (fired.length > stepLimit) {
        const still = [...new Set(fired.slice(-20))].join(", ");
        throw new InvariantError(`the rules ${still} do not come to an end`);
      }
      current = next;
    }
    rewritten.set(scalar, current);
    rewritten.set(current, current);
    return current;
  };
  return rewrite(body);
}

function applyFirst(
  scalar: Scalar,
  scope: Scope,
  rules: RuleIndex,
): [ScalarRule, Scalar] | [undefined, Scalar] {
  const root: Root = scalar.kind === "call" ? scalar.fn : scalar.kind;
  for (const rule of rules.get(root) ?? []) {
    const next = rule.apply(scalar, scope);
    if (next !== undefined && next !== scalar) return [rule, next];
  }
  return [undefined, scalar];
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
      const args = scalar.args.map(rewrite);
      const isSame = args.every((arg, i) => arg === scalar.args[i]);
      return isSame ? scalar : context.call(scalar.fn, ...args);
    }
    case "gather": {
      const index = scalar.index.map(rewrite);
      const isSame = index.every((i, d) => i === scalar.index[d]);
      return isSame ? scalar : context.gather(scalar.value, index);
    }
    default:
      return scalar;
  }
}
