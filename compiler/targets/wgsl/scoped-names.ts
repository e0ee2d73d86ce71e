/**
 * Names that start afresh in every block, as scopes of WGSL do: kernel IR numbers them through, so that the blocks of an
 * unrolled loop differ in nothing but their names. Text that repeats is easier to compare, and compresses.
 */

import type { Expression, Statement } from "../../kernel/ir.ts";
import { mapExpression, rebuildStatements, walkStatements } from "../../kernel/rewrite.ts";

type Scope = ReadonlyMap<string, string>;

/**
 * A kernel's body, with the shortest names that mean nothing else where they are; buffers keep theirs.
 * @param outside What the body may refer to, and what else it may not hide.
 * @param given All names that the kernel's locals had, those that are gone included.
 */
export function withScopedNames(
  body: readonly Statement[],
  outside: ReadonlySet<string>,
  given: readonly string[],
): Statement[] {
  const buffers: string[] = [];
  walkStatements(body, (s) => {
    if (s.kind === "buffer") buffers.push(s.name);
  });
  const fixed = new Set([...outside, ...buffers]);
  const known = new Set([...fixed, ...given]);
  return renameBlock(body, new Map(), { fixed, known });
}

interface Names {
  readonly fixed: ReadonlySet<string>;
  readonly known: ReadonlySet<string>;
}

function renameBlock(block: readonly Statement[], around: Scope, names: Names): Statement[] {
  const scope = new Map(around);
  const taken = new Set([...names.fixed, ...around.values()]);
  const freeName = (name: string): string => {
    const base = baseOf(name, names.known);
    let free = base;
    for (let i = 2; taken.has(free); i++) free = `${base}_${i}`;
    return free;
  };
  const define = (name: string): string => {
    const given = freeName(name);
    taken.add(given);
    scope.set(name, given);
    return given;
  };
  return block.map((s): Statement => {
    switch (s.kind) {
      case "let":
      case "mutable": {
        const value = renameExpression(s.value, scope);
        return { ...s, name: define(s.name), value };
      }
      case "assign":
        return {
          ...s,
          name: scope.get(s.name) ?? s.name,
          value: renameExpression(s.value, scope),
        };
      case "loop": {
        const [from, to] = [s.from, s.to].map((e) => renameExpression(e, scope));
        const variable = freeName(s.variable);
        const body = renameBlock(s.body, new Map([...scope, [s.variable, variable]]), names);
        return { ...s, variable, from: from!, to: to!, body };
      }
      case "if":
        return {
          ...s,
          condition: renameExpression(s.condition, scope),
          whenTrue: renameBlock(s.whenTrue, scope, names),
          whenFalse: renameBlock(s.whenFalse, scope, names),
        };
      default:
        // Barriers stay the objects that they are.
        return s.kind === "store"
          ? rebuildStatements([s], (e) => renameExpression(e, scope))[0]!
          : s;
    }
  });
}

function renameExpression(e: Expression, scope: Scope): Expression {
  return mapExpression(e, (inner) =>
    inner.kind === "variable" && scope.has(inner.name)
      ? { ...inner, name: scope.get(inner.name)! }
      : inner,
  );
}

/** `add` of `add_7`, if there is an `add`: a layer named `dense_1` keeps its name. */
function baseOf(name: string, known: ReadonlySet<string>): string {
  const base = name.replace(/_\d+$/, "");
  return known.has(base) ? base : name;
}
