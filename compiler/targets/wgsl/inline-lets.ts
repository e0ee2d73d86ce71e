/**
 * Puts values that are used once where they are used, and names of names in their place, so that kernels are shorter
 * and read like formulas:
 *
 *     let a = x[i]; let b = a * 2.0f; y[i] = b + 1.0f;      becomes      y[i] = x[i] * 2.0f + 1.0f;
 *
 * Nothing is computed more often than before: values stay within their block, and bounds of loops are left alone.
 * Loads are not moved over stores, barriers, conditions and loops, as those may change what is loaded, and as schedules
 * begin loads early on purpose; values of mutables are not moved over their assignments.
 */

import type { Expression, Statement } from "../../kernel/ir.ts";
import {
  expressionChildren,
  mapChildren,
  rebuildStatements,
  statementExpressions,
  walkExpressions,
  walkStatements,
} from "../../kernel/rewrite.ts";

/** Nodes of an expression that is still read at a glance; larger ones keep their names. */
const readableNodes = 24;

interface Names {
  readonly uses: ReadonlyMap<string, number>;
  readonly mutables: ReadonlySet<string>;
}

/** A kernel's body; names are unique. */
export function inlineLets(body: readonly Statement[]): Statement[] {
  const statements = propagateNames(body);
  const uses = new Map<string, number>();
  walkStatements(
    statements,
    () => {},
    (e) => {
      if (e.kind === "variable") uses.set(e.name, (uses.get(e.name) ?? 0) + 1);
    },
  );
  return inlineBlock(statements, { uses, mutables: mutablesOf(statements) });
}

function mutablesOf(body: readonly Statement[]): ReadonlySet<string> {
  const names = new Set<string>();
  walkStatements(body, (s) => {
    if (s.kind === "mutable") names.add(s.name);
  });
  return names;
}

/** `let a = b;` goes, and what reads a reads b, unless that changes. */
function propagateNames(body: readonly Statement[]): Statement[] {
  const mutables = mutablesOf(body);
  const known = new Map<string, Expression>();
  const rewrite = (e: Expression): Expression =>
    e.kind === "variable" ? (known.get(e.name) ?? e) : mapChildren(e, rewrite);
  return rebuildStatements(body, rewrite, (s) => {
    if (s.kind !== "let") return s;
    const { value } = s;
    const isName =
      value.kind === "symbol" || (value.kind === "variable" && !mutables.has(value.name));
    if (!isName) return s;
    known.set(s.name, value);
    return [];
  });
}

/** A value that waits for its use. */
interface Waiting {
  readonly definition: Statement;
  readonly value: Expression;
  readonly loads: boolean;
  readonly reads: ReadonlySet<string>;
}

function inlineBlock(block: readonly Statement[], names: Names): Statement[] {
  const usedHere = new Set(block.flatMap((s) => [...inlinablePlaces(s)]));
  const waiting = new Map<string, Waiting>();
  const result: Statement[] = [];
  const replace = (e: Expression): Expression => {
    if (e.kind === "variable") {
      const value = waiting.get(e.name)?.value;
      if (value !== undefined) waiting.delete(e.name);
      return value ?? e;
    }
    return e.kind === "shuffle" ? e : mapChildren(e, replace);
  };
  const settle = (isChanged: (value: Waiting) => boolean): void => {
    for (const [name, value] of waiting) {
      if (!isChanged(value)) continue;
      result.push(value.definition);
      waiting.delete(name);
    }
  };
  for (const before of block) {
    const s = withExpressions(before, replace, names);
    if (s.kind === "let" && names.uses.get(s.name) === 1 && usedHere.has(s.name)) {
      const value = waitingFor(s, s.value, names.mutables);
      if (value !== null) {
        waiting.set(s.name, value);
        continue;
      }
    }
    const { isMemory, assigned } = effectsOf(s);
    settle(({ loads, reads }) => (isMemory && loads) || assigned.some((name) => reads.has(name)));
    result.push(s);
  }
  settle(() => true);
  return result;
}

/** Null for what has to keep its name. */
function waitingFor(
  definition: Statement,
  value: Expression,
  mutables: ReadonlySet<string>,
): Waiting | null {
  let nodes = 0;
  let loads = false;
  let isExchanged = false;
  // What consists of literals alone would be computed, and refused where it overflows, when the kernel is compiled.
  let isLiteral = true;
  const reads = new Set<string>();
  walkExpressions(value, (e) => {
    nodes++;
    if (e.kind === "load") loads = true;
    if (e.kind === "shuffleDown" || e.kind === "shuffleFirst") isExchanged = true;
    if (e.kind === "variable" && mutables.has(e.name)) reads.add(e.name);
    if (["load", "variable", "symbol", "invoke"].includes(e.kind)) isLiteral = false;
  });
  const isKept = isLiteral || isExchanged || nodes > readableNodes;
  return isKept ? null : { definition, value, loads, reads };
}

/** What a statement does to values that wait while it runs. */
function effectsOf(s: Statement): {
  readonly isMemory: boolean;
  readonly assigned: readonly string[];
} {
  const assigned: string[] = [];
  walkStatements([s], (inner) => {
    if (inner.kind === "assign") assigned.push(inner.name);
  });
  return { isMemory: ["store", "barrier", "if", "loop", "invoke"].includes(s.kind), assigned };
}

/** Variables in expressions of a statement that are computed once, and printed once. */
function inlinablePlaces(s: Statement): ReadonlySet<string> {
  const names = new Set<string>();
  const visit = (e: Expression): void => {
    if (e.kind === "variable") names.add(e.name);
    if (e.kind !== "shuffle") for (const child of expressionChildren(e)) visit(child);
  };
  const expressions = s.kind === "loop" ? [s.from] : statementExpressions(s);
  for (const e of expressions) visit(e);
  return names;
}

/** The statement with its own expressions rewritten, and its inner blocks done. */
function withExpressions(
  s: Statement,
  rewrite: (e: Expression) => Expression,
  names: Names,
): Statement {
  switch (s.kind) {
    case "loop":
      return { ...s, from: rewrite(s.from), body: inlineBlock(s.body, names) };
    case "if":
      return {
        ...s,
        condition: rewrite(s.condition),
        whenTrue: inlineBlock(s.whenTrue, names),
        whenFalse: inlineBlock(s.whenFalse, names),
      };
    default:
      return rebuildStatements([s], rewrite)[0]!;
  }
}
