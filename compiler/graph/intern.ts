/** What the intern tables of a context find things by: numbers, so that finding one makes no text. */

import { invariant } from "../diagnostics/diagnostic.ts";

/** Numbers in a pair are below this: a pair of them is exact as one float64. */
const pairLimit = 2 ** 26;

/** The number of a pair of numbers. */
export function pairOf(first: number, second: number): number {
  return first * pairLimit + second;
}

/** Gives numbers from 0, each once. */
export class Counter {
  #next = 0;

  next(): number {
    invariant(this.#next < pairLimit, "a program has too many parts");
    return this.#next++;
  }
}

/** Numbers texts: equal ones alike. */
export class TextNumbers {
  readonly #numbers = new Map<string, number>();
  readonly #counter = new Counter();

  of(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    const number = this.#counter.next();
    this.#numbers.set(text, number);
    return number;
  }
}

/** Things by two keys, the first of a kind that has few of the second. */
export class Table<First, Second, T> {
  readonly #rows = new Map<First, Map<Second, T>>();

  get(first: First, second: Second): T | undefined {
    return this.#rows.get(first)?.get(second);
  }

  set(first: First, second: Second, value: T): void {
    const row = this.#rows.get(first);
    if (row !== undefined) row.set(second, value);
    else this.#rows.set(first, new Map([[second, value]]));
  }
}
