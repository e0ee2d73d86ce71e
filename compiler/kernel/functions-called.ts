/** Which functions kernels call, so that they are printed with them. */

import type { Expression, Kernel, KernelFunction, Statement } from "./ir.ts";
import { walkStatements } from "./rewrite.ts";

/** All functions that kernels call, callees first, each name once; the machine's own ones have no text and are not among them. */
export function functionsOf(kernels: readonly Kernel[]): KernelFunction[] {
  return withCallees(kernels.flatMap(({ body, tasks }) => functionsCalled(body, tasks)));
}

/** Functions with all that they call, as `functionsOf` has those of kernels; what those of some names call is left out. */
export function withCallees(
  functions: readonly KernelFunction[],
  known: ReadonlySet<string> = new Set(),
): KernelFunction[] {
  const found = new Map<string, KernelFunction>();
  const visit = (fn: KernelFunction): void => {
    if (found.has(fn.name) || fn.isIntrinsic === true) return;
    const callees = known.has(fn.name) ? [] : functionsCalled(fn.body, fn.result);
    for (const callee of callees) visit(callee);
    found.set(fn.name, fn);
  };
  for (const fn of functions) visit(fn);
  return [...found.values()];
}

/** Functions that statements and an expression call themselves, in order. */
export function functionsCalled(
  body: readonly Statement[],
  result: Expression | null,
): KernelFunction[] {
  const called: KernelFunction[] = [];
  const end: Statement[] = result === null ? [] : [{ kind: "let", name: "result", value: result }];
  walkStatements(
    [...body, ...end],
    (s) => {
      if (s.kind === "invoke") called.push(s.function);
    },
    (e) => {
      if (e.kind === "invoke") called.push(e.function);
    },
  );
  return called;
}
