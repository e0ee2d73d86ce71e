/**
 * What is the same in all threads of a workgroup: what is computed of literals, step scalars, steps of loops and symbols other than
 * `thread`, and not of memory. Statements under conditions and loop bounds of such values are run by all threads
 * together, as barriers demand.
 */

import type { Expression, KernelSymbol } from "./ir.ts";
import { expressionChildren } from "./rewrite.ts";

export class Uniformity {
  readonly #names = new Set<string>();
  readonly #differing: ReadonlySet<KernelSymbol>;
  #isHere = true;

  /** `differing` are the symbols that are not the same: for what is the same in all workgroups, more than `thread`. */
  constructor(differing: Iterable<KernelSymbol> = ["thread"]) {
    this.#differing = new Set(differing);
  }

  /** Whether all threads come to where the walk over the statements is. */
  get isHere(): boolean {
    return this.#isHere;
  }

  /** A name that stands for the same value in all threads; names are unique. */
  add(name: string): void {
    this.#names.add(name);
  }

  /** Whether an expression has the same value in all threads. */
  of(e: Expression): boolean {
    switch (e.kind) {
      case "variable":
        return this.#names.has(e.name);
      case "symbol":
        return !this.#differing.has(e.symbol);
      case "load":
      case "shuffleDown":
      case "shuffleFirst":
        return false;
      default:
        return expressionChildren(e).every((child) => this.of(child));
    }
  }

  /** Walks statements under a condition or in a loop. */
  within(isUniform: boolean, walk: () => void): void {
    const outer = this.#isHere;
    this.#isHere = outer && isUniform;
    walk();
    this.#isHere = outer;
  }
}
