/**
 * Which accesses to vectors are one access of the machine: runs of elements in windows and shared memory from a
 * multiple of their number on. Memory itself starts at a multiple of more than any run has.
 */

import { literalOf } from "../../kernel/build.ts";
import type { Expression, Kernel, LoadExpression, Statement, Type } from "../../kernel/ir.ts";
import { isMultipleOf } from "../../kernel/multiples.ts";
import { statementChildren, walkStatements } from "../../kernel/rewrite.ts";

export type IsWholeRun = (
  access: Pick<LoadExpression, "place" | "mask" | "active">,
  type: Type,
) => boolean;

export function wholeRuns({ parameters, body }: Kernel): IsWholeRun {
  const buffers = new Set(parameters.flatMap((p) => (p.kind === "window" ? [p.name] : [])));
  /** Names of multiples by the number that they are multiples of; names are unique, so scopes do not matter. */
  const multiples = new Map([2, 4].map((lanes) => [lanes, new Set<string>()] as const));
  const note = (
    name: string,
    isMultiple: (lanes: number, known: ReadonlySet<string>) => boolean,
  ): void => {
    for (const [lanes, known] of multiples) if (isMultiple(lanes, known)) known.add(name);
  };
  const literals = mutableLiterals(body);
  const visit = (s: Statement): void => {
    if (s.kind === "buffer" && s.scope === "shared") buffers.add(s.name);
    if (s.kind === "mutable") {
      const values = literals.get(s.name) ?? [];
      note(s.name, (lanes) => values.every((value) => value !== undefined && value % lanes === 0));
    }
    if (s.kind === "let") note(s.name, (lanes, known) => isMultipleOf(s.value, lanes, known));
    if (s.kind === "loop") {
      note(
        s.variable,
        (lanes, known) => s.step % lanes === 0 && isMultipleOf(s.from, lanes, known),
      );
    }
    for (const child of statementChildren(s)) visit(child);
  };
  for (const s of body) visit(s);
  const isMultiple = (index: Expression, lanes: number): boolean => {
    const known = multiples.get(lanes);
    return known !== undefined && isMultipleOf(index, lanes, known);
  };
  return ({ place, mask, active }, { dtype, lanes }) =>
    active === lanes &&
    (mask?.type.lanes ?? 1) === 1 &&
    dtype !== "bool" &&
    place.row === null &&
    place.index.type.lanes === 1 &&
    buffers.has(place.buffer) &&
    isMultiple(place.index, lanes);
}

/** All that mutables are ever set to, where that is a literal. */
function mutableLiterals(body: readonly Statement[]): ReadonlyMap<string, (number | undefined)[]> {
  const found = new Map<string, (number | undefined)[]>();
  walkStatements(body, (s) => {
    if (s.kind !== "mutable" && s.kind !== "assign") return;
    const value = s.value.type.dtype === "i32" ? literalOf(s.value) : undefined;
    found.set(s.name, [...(found.get(s.name) ?? []), value]);
  });
  return found;
}
