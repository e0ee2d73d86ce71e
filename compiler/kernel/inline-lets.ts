/**
 * Puts the value of a `let` that is used once where it is used, so that generated text reads like a formula:
 *
 *     let a = x[i];  let b = a * 2;  y[i] = b      becomes      y[i] = x[i] * 2
 *
 * Only within one block, so nothing is computed more often than before; and only values that no assignment or
 * store in between can change: those that read no mutable, in code that writes no buffer that it also reads.
 */

import type { Expression, Statement } from "./ir.ts";
import { mapStatements, visitOwnExpressions, walkExpressions, walkStatements } from "./rewrite.ts";

export function inlineSingleUses(statements: readonly Statement[]): Statement[] {
  const uses = new Map<string, number>();
  const mutables = new Set<string>();
  walkStatements(
    statements,
    (s) => {
      if (s.kind === "mutable") mutables.add(s.name);
    },
    (e) => {
      if (e.kind === "variable") uses.set(e.name, (uses.get(e.name) ?? 0) + 1);
    },
  );
  return inlineBlock(statements, uses, mutables);
}

function inlineBlock(
  block: readonly Statement[],
  uses: ReadonlyMap<string, number>,
  mutables: ReadonlySet<string>,
): Statement[] {
  const direct = new Set<string>();
  for (const s of block) visitOwnExpressions(s, (e) => addVariables(e, direct));
  const inlined = new Map<string, Expression>();
  const result: Statement[] = [];
  for (const statement of block) {
    const s = substitute(statement, inlined, uses, mutables);
    const isInlined =
      s.kind === "let" &&
      uses.get(s.name) === 1 &&
      direct.has(s.name) &&
      !readsAny(s.value, mutables);
    if (isInlined) inlined.set(s.name, s.value);
    else result.push(s);
  }
  return result;
}

/** The statement with known names replaced, and its inner blocks inlined in turn. */
function substitute(
  statement: Statement,
  inlined: ReadonlyMap<string, Expression>,
  uses: ReadonlyMap<string, number>,
  mutables: ReadonlySet<string>,
): Statement {
  const replace = (e: Expression): Expression =>
    (e.kind === "variable" ? inlined.get(e.name) : undefined) ?? e;
  const [mapped] = mapStatements([statement], replace);
  const s = mapped!;
  if (s.kind === "loop") return { ...s, body: inlineBlock(s.body, uses, mutables) };
  if (s.kind === "if") {
    return {
      ...s,
      whenTrue: inlineBlock(s.whenTrue, uses, mutables),
      whenFalse: inlineBlock(s.whenFalse, uses, mutables),
    };
  }
  return s;
}

function addVariables(e: Expression, into: Set<string>): void {
  walkExpressions(e, (part) => {
    if (part.kind === "variable") into.add(part.name);
  });
}

function readsAny(e: Expression, names: ReadonlySet<string>): boolean {
  const read = new Set<string>();
  addVariables(e, read);
  return [...read].some((name) => names.has(name));
}
