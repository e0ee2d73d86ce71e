/**
 * Drops what nobody reads: values that are named and not used, mutables that are only assigned, and loops and
 * branches that this leaves empty. Expressions have no effects, so nothing else changes.
 */

import type { Expression, Statement } from "./ir.ts";
import { visitChildren, visitOwnExpressions } from "./rewrite.ts";

export function removeDeadCode(statements: readonly Statement[]): readonly Statement[] {
  return sweep(statements, new NamesInUse());
}

/** Only grows, so that what occurs in many places, or is gone through again, is looked through once. */
class NamesInUse {
  readonly #names = new Set<string>();
  readonly #seen = new Set<Expression>();
  readonly #dropped = new Set<string>();
  #revived = 0;

  /** How many names were found in use that had been dropped before. */
  get revived(): number {
    return this.#revived;
  }

  /** Whether a name is in use; what makes it is dropped if not. */
  has(name: string): boolean {
    const isUsed = this.#names.has(name);
    if (!isUsed) this.#dropped.add(name);
    return isUsed;
  }

  readonly addFrom = (e: Expression): void => {
    if (this.#seen.has(e)) return;
    this.#seen.add(e);
    if (e.kind === "variable") {
      this.#names.add(e.name);
      if (this.#dropped.delete(e.name)) this.#revived++;
    }
    visitChildren(e, this.addFrom);
  };
}

/** Goes backwards, so that a use is seen before the definition. */
function sweep(block: readonly Statement[], read: NamesInUse): readonly Statement[] {
  const kept: Statement[] = [];
  for (const s of [...block].reverse()) {
    const live = keep(s, read);
    if (live === undefined) continue;
    kept.push(live);
    visitOwnExpressions(live, read.addFrom);
  }
  const reversed = kept.reverse();
  const isSame = reversed.length === block.length && reversed.every((s, i) => s === block[i]);
  return isSame ? block : reversed;
}

function keep(s: Statement, read: NamesInUse): Statement | undefined {
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

/** A mutable assigned in one turn may be read in the next, before its assignment: until nothing dropped was of use. */
function sweepLoop(body: readonly Statement[], read: NamesInUse): readonly Statement[] {
  for (;;) {
    const before = read.revived;
    const swept = sweep(body, read);
    if (read.revived === before) return swept;
  }
}
