/**
 * Which buffers of a kernel hold vectors of four: those that are only ever accessed by runs of four elements from a
 * multiple of four on. One access then moves sixteen bytes.
 */

import type { Kernel, Place, Statement } from "../../kernel/ir.ts";
import { isMultipleOf } from "../../kernel/multiples.ts";
import { statementChildren, statementExpressions, walkExpressions } from "../../kernel/rewrite.ts";

const lanes = 4;

export function vectorBuffers({ body }: Pick<Kernel, "body">): ReadonlySet<string> {
  const vectors = new Set<string>();
  const others = new Set<string>();
  /** Names of multiples of four; names are unique, so scopes do not matter. */
  const multiples = new Set<string>();
  const note = ({ buffer, index, row }: Place, isRun: boolean): void => {
    const isVector = isRun && row === null && isMultipleOf(index, lanes, multiples);
    (isVector ? vectors : others).add(buffer);
  };
  const visit = (s: Statement): void => {
    if (s.kind === "let" && isMultipleOf(s.value, lanes, multiples)) multiples.add(s.name);
    if (s.kind === "loop" && s.step % lanes === 0 && isMultipleOf(s.from, lanes, multiples)) {
      multiples.add(s.variable);
    }
    if (s.kind === "store") {
      const { value, active, mask, place } = s;
      const isWhole = value.type.lanes === lanes && active === lanes;
      note(place, isWhole && (mask?.type.lanes ?? 1) === 1);
    }
    for (const expression of statementExpressions(s)) {
      walkExpressions(expression, (e) => {
        if (e.kind === "load") note(e.place, e.type.lanes === lanes);
      });
    }
    for (const child of statementChildren(s)) visit(child);
  };
  for (const s of body) visit(s);
  return new Set([...vectors].filter((name) => !others.has(name)));
}
