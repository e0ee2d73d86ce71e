/**
 * Which barriers have to order accesses to memory outside the workgroup too: in WGSL that is a barrier of its own, and
 * most of them order shared memory alone. Where an access to a window needs what another thread did to it before, or
 * must not come before it, the last barrier between them is such a one.
 */

import type { Expression, Statement } from "../../kernel/ir.ts";
import { statementExpressions, walkExpressions } from "../../kernel/rewrite.ts";

interface State {
  /** Accesses that no such barrier follows, before the last barrier and after it. */
  readonly before: ReadonlySet<string>;
  readonly since: ReadonlySet<string>;
  /** What may be the last barrier: several after conditions and loops. */
  readonly last: ReadonlySet<Statement>;
}

/** Every barrier must be an object of its own; `windows` are those that the kernel reads and writes. */
export function storageBarriers(
  body: readonly Statement[],
  windows: ReadonlySet<string>,
): ReadonlySet<Statement> {
  const found = new Set<Statement>();
  const none: ReadonlySet<string> = new Set();

  const access = (state: State, buffer: string, isWrite: boolean): State => {
    if (!windows.has(buffer)) return state;
    const { before, since, last } = state;
    const meets = before.has(`write ${buffer}`) || (isWrite && before.has(`read ${buffer}`));
    if (meets) for (const barrier of last) found.add(barrier);
    return {
      before: meets && last.size === 1 ? none : before,
      since: new Set([...since, `${isWrite ? "write" : "read"} ${buffer}`]),
      last,
    };
  };
  const reads = (from: State, expressions: readonly Expression[]): State => {
    let state = from;
    for (const expression of expressions) {
      walkExpressions(expression, (e) => {
        if (e.kind === "load") state = access(state, e.place.buffer, false);
      });
    }
    return state;
  };
  const visit = (from: State, s: Statement): State => {
    const state = reads(from, statementExpressions(s));
    switch (s.kind) {
      case "store":
        return access(state, s.place.buffer, true);
      case "barrier": {
        const { before, since } = state;
        const isOrdered = found.has(s);
        return { before: isOrdered ? none : union(before, since), since: none, last: new Set([s]) };
      }
      case "if":
        return either(block(state, s.whenTrue), block(state, s.whenFalse));
      case "loop":
        // Once more, for what one turn leaves to the next.
        return either(state, block(either(state, block(state, s.body)), s.body));
      default:
        return state;
    }
  };
  const block = (state: State, statements: readonly Statement[]): State =>
    statements.reduce(visit, state);

  block({ before: none, since: none, last: new Set() }, body);
  return found;
}

function union<T>(a: ReadonlySet<T>, b: ReadonlySet<T>): ReadonlySet<T> {
  return b.size === 0 ? a : new Set([...a, ...b]);
}

function either(a: State, b: State): State {
  return {
    before: union(a.before, b.before),
    since: union(a.since, b.since),
    last: union(a.last, b.last),
  };
}
