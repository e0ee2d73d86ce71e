/**
 * Kernels without the names of the model: parameters and locals are numbered in order of first mention, and comments
 * are left out, so that two kernels that differ in names alone become equal. Layers of one size then share their code.
 */

import type { Kernel, Statement } from "./ir.ts";
import { renameKernel } from "./rename.ts";
import { mapStatements } from "./rewrite.ts";

/** The same kernel under canonical names; its own name and comment stay. */
export function withCanonicalNames(kernel: Kernel): Kernel {
  const numbers = new Map<string, string>();
  const renamed = renameKernel(kernel, (name) => {
    const known = numbers.get(name) ?? `v${numbers.size}`;
    numbers.set(name, known);
    return known;
  });
  return { ...renamed, body: mapStatements(renamed.body, (e) => e, withoutText) };
}

function withoutText(s: Statement): Statement {
  return s.kind === "comment" ? { ...s, text: "" } : s;
}
