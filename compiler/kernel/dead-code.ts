/**
 * Drops what nobody reads: values that are named and not used, mutables that are only assigned, and loops and
 * branches that this leaves empty. Expressions have no effects, so nothing else changes.
 */

import type { Statement } from "./ir.ts";
import { statementExpressions, walkExpressions } from "./rewrite.ts";

export function removeDeadCode(statements: readonly Statement[]): readonly Statement[] {
  return sweep(statements, new Set());
}

/** Goes backwards, so that a use is seen before the definition; `read` collects the names in use. */
function sweep(block: readonly Statement[], read: Set<string>): readonly Statement[] {
  const kept: Statement[] = [];
  for (const s of [...block].reverse()) {
    const live = keep(s, read);
    if (live === undefined) continue;
    kept.push(live);
    for (const e of statementExpressions(live)) {
      walkExpressions(e, (part) => {
        if (part.kind === "variable") read.add(part.name);
      });
    }
  }
  const reversed = kept.reverse();
  const isSame = reversed.length === block.length && reversed.every((s, i) => s === block[i]);
  return isSame ? block : reversed;
}

function keep(s: Statement, read: Set<string>): Statement | undefined {
  switch (s.kind) {
    case "let":
    case "mutable":
    case "assign":
      return read.has(s.name) ? s : undefined;
    case "loop": {
      const body = sweepLoop(s.body, read);
      if (body.length === 0) return undefined;
      return body === s.body ? s : { ...s, body };
    }
    case "if": {
      const whenTrue = sweep(s.whenTrue, read);
      const whenFalse = sweep(s.whenFalse, read);
      if (whenTrue.length === 0 && whenFalse.length === 0) return undefined;
      const isSame = whenTrue === s.whenTrue && whenFalse === s.whenFalse;
      return isSame ? s : { ...s, whenTrue, whenFalse };
    }
    default:
      return s;
  }
}

/** A mutable assigned in one turn may be read in the next, before its assignment: until nothing is added. */
function sweepLoop(body: readonly Statement[], read: Set<string>): readonly Statement[] {
  for (;;) {
    const before = read.size;
    const swept = sweep(body, read);
    if (read.size === before) return swept;
  }
}
