/**
 * Subgroups have 32 threads: what kernels decide by their size is decided here.
 *
 *     if (16 < subgroup) { … } else { … }
 *
 * becomes what it does for 32, in place of it.
 */

import { constant, literalOf } from "../../kernel/build.ts";
import { removeDeadCode } from "../../kernel/dead-code.ts";
import { subgroupThreads } from "../../kernel/intrinsics.ts";
import type { Expression, Kernel, Statement } from "../../kernel/ir.ts";
import { expressionChildren, mapStatements, walkStatements } from "../../kernel/rewrite.ts";
import { foldConstant } from "../fold-constants.ts";

/** Needs unique names, and keeps them. */
export function withFixedSubgroups(kernel: Kernel): Kernel {
  let isDecided = false;
  const decide = (e: Expression): Expression => {
    if (e.kind !== "symbol" || e.symbol !== "subgroup") return isInteger(e) ? foldConstant(e) : e;
    isDecided = true;
    return constant(subgroupThreads);
  };
  const splice = (s: Statement): Statement | readonly Statement[] => {
    const condition = s.kind === "if" ? literalOf(s.condition) : undefined;
    if (s.kind !== "if" || condition === undefined) return s;
    return condition === 0 ? s.whenFalse : s.whenTrue;
  };
  const body = mapStatements(kernel.body, decide, splice);
  return isDecided ? { ...kernel, body: withoutUnusedBuffers(removeDeadCode(body)) } : kernel;
}

/** Floating-point arithmetic is never folded. */
function isInteger(e: Expression): boolean {
  return [e, ...expressionChildren(e)].every(
    ({ type }) => type.dtype === "i32" || type.dtype === "bool",
  );
}

function withoutUnusedBuffers(body: readonly Statement[]): readonly Statement[] {
  const used = new Set<string>();
  walkStatements(
    body,
    (s) => {
      if (s.kind === "store") used.add(s.place.buffer);
      if (s.kind !== "invoke") return;
      for (const arg of s.args) if (arg.kind === "address") used.add(arg.place.buffer);
    },
    (e) => {
      if (e.kind === "load") used.add(e.place.buffer);
    },
  );
  return mapStatements(
    body,
    (e) => e,
    (s) => (s.kind === "buffer" && !used.has(s.name) ? [] : s),
  );
}
