/** Names that a target's language leaves to programs: models know nothing of its words. */

import type { Kernel, KernelFunction, Statement } from "../kernel/ir.ts";
import { type Rename, renameFunction, renameKernel } from "../kernel/rename.ts";
import { walkStatements } from "../kernel/rewrite.ts";

/** Whether the language has another meaning for a name. */
export type IsTaken = (name: string) => boolean;

/**
 * Keeps every one of `names` that is free, and gives the rest others: those that are taken, and those in `others`.
 */
function renaming(names: readonly string[], isTaken: IsTaken, others: Iterable<string>): Rename {
  const elsewhere = new Set(others);
  const isFree = (name: string): boolean => !isTaken(name) && !elsewhere.has(name);
  const given = new Map(names.filter(isFree).map((name) => [name, name]));
  return (name) => {
    const known = given.get(name);
    if (known !== undefined) return known;
    let legal = name;
    for (let i = 2; !isFree(legal) || given.has(legal); i++) legal = `${name}_${i}`;
    given.set(name, legal);
    // Nor may another name become it.
    elsewhere.add(legal);
    return legal;
  };
}

/** Names that statements define. */
export function namesIn(body: readonly Statement[]): string[] {
  const names: string[] = [];
  walkStatements(body, (s) => {
    if (s.kind === "let" || s.kind === "mutable" || s.kind === "buffer") names.push(s.name);
    if (s.kind === "loop") names.push(s.variable);
  });
  return names;
}

/** A kernel whose parameters and locals have free names, and none of those in `others`. */
export function withFreeNames(kernel: Kernel, isTaken: IsTaken, others: Iterable<string>): Kernel {
  const { parameters, body } = kernel;
  const names = [...parameters.map((p) => p.name), ...namesIn(body)];
  return renameKernel(kernel, renaming(names, isTaken, others));
}

/** The same of a function; its own name stays. */
export function functionWithFreeNames(
  fn: KernelFunction,
  isTaken: IsTaken,
  others: Iterable<string>,
): KernelFunction {
  const { parameters, body } = fn;
  const names = [...parameters.map((p) => p.name), ...namesIn(body)];
  return renameFunction(fn, renaming(names, isTaken, others));
}
