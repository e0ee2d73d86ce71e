/**
 * The elements of values while graphs are evaluated. Arrays that no value has any more are used again, for others of
 * their length: allocating them takes longer than computing most of what is in them.
 */

import type { Value } from "./node.ts";

export class ArrayPool {
  readonly #free = new Map<number, Float64Array[]>();

  /** With any elements. */
  take(length: number): Float64Array {
    return this.#free.get(length)?.pop() ?? new Float64Array(length);
  }

  give(array: Float64Array): void {
    const free = this.#free.get(array.length);
    if (free === undefined) this.#free.set(array.length, [array]);
    else free.push(array);
  }
}

export class ValueArrays {
  readonly #pool: ArrayPool;
  readonly #arrays = new Map<Value, Float64Array>();
  /** How many values have an array, of those that came from the pool. */
  readonly #holders = new Map<Float64Array, number>();

  constructor(pool: ArrayPool) {
    this.#pool = pool;
  }

  get(value: Value): Float64Array {
    return this.#arrays.get(value)!;
  }

  /** An array for elements that are to be computed; they are any until then. */
  allocate(value: Value, length: number): Float64Array {
    const array = this.#pool.take(length);
    this.#holders.set(array, 0);
    this.set(value, array);
    return array;
  }

  /** Several values may have the same array. */
  set(value: Value, array: Float64Array): void {
    this.#hold(array, 1);
    this.delete(value);
    this.#arrays.set(value, array);
  }

  /** Gives each value on the left what the one on the right had before. */
  copy(pairs: readonly (readonly [to: Value, from: Value])[]): void {
    const arrays = pairs.map(([, from]) => this.get(from));
    for (const array of arrays) this.#hold(array, 1);
    pairs.forEach(([to], i) => {
      this.set(to, arrays[i]!);
    });
    for (const array of arrays) this.#hold(array, -1);
  }

  delete(value: Value): void {
    const array = this.#arrays.get(value);
    if (array === undefined) return;
    this.#arrays.delete(value);
    this.#hold(array, -1);
  }

  #hold(array: Float64Array, more: number): void {
    const holders = this.#holders.get(array);
    if (holders === undefined) return;
    this.#holders.set(array, holders + more);
    if (holders + more > 0) return;
    this.#holders.delete(array);
    this.#pool.give(array);
  }
}
