/** Names that a target's language leaves to programs: models know nothing of its words. */

import type { Kernel, KernelFunction, Statement } from "../kernel/ir.ts";
import { type Rename, renameFunction, renameKernel } from "../kernel/rename.ts";
import { walkStatements } from "../kernel/rewrite.ts";

export interface NameRules {
  /** Words that have another meaning in the language. */
  readonly taken: ReadonlySet<string>;
  /** The name without what no name may have, if that is anything but single words. */
  readonly plain?: (name: string) => string;
}

/**
 * Keeps every one of `names` that is free, and gives the rest others: those that are taken, and those in `others`.
 */
function renaming(
  names: readonly string[],
  { taken, plain = (name) => name }: NameRules,
  others: Iterable<string>,
): Rename {
  const elsewhere = new Set(others);
  const isFree = (name: string): boolean =>
    !taken.has(name) && !elsewhere.has(name) && plain(name) === name;
  const given = new Map(names.filter(isFree).map((name) => [name, name]));
  return (name) => {
    const known = given.get(name);
    if (known !== undefined) return known;
    const base = plain(name);
    let legal = base;
    for (let i = 2; !isFree(legal) || given.has(legal); i++) legal = `${base}_${i}`;
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
export function withFreeNames(kernel: Kernel, rules: NameRules, others: Iterable<string>): Kernel {
  const { parameters, body } = kernel;
  const names = [...parameters.map((p) => p.name), ...namesIn(body)];
  return renameKernel(kernel, renaming(names, rules, others));
}

/** The same of a function; its own name stays. */
export function functionWithFreeNames(
  fn: KernelFunction,
  rules: NameRules,
  others: Iterable<string>,
): KernelFunction {
  const { parameters, body } = fn;
  const names = [...parameters.map((p) => p.name), ...namesIn(body)];
  return renameFunction(fn, renaming(names, rules, others));
}
