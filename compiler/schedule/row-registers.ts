/** What is known of a row's values in registers: numbers of the row under slot 0, points under the slot of their vector. */

import type { Value } from "../graph/node.ts";
import type { Expression } from "../kernel/ir.ts";

export class RowRegisters {
  readonly #values = new Map<Value, Map<number, Expression>>();

  get(value: Value, slot: number): Expression | undefined {
    return this.#values.get(value)?.get(slot);
  }

  set(value: Value, slot: number, element: Expression): void {
    const slots = this.#values.get(value) ?? new Map<number, Expression>();
    this.#values.set(value, slots.set(slot, element));
  }

  clear(): void {
    this.#values.clear();
  }

  /** What is computed inside a loop is not known after it. */
  scoped(emit: () => void): void {
    const before = [...this.#values].map(([value, slots]) => [value, new Map(slots)] as const);
    emit();
    this.#values.clear();
    for (const [value, slots] of before) this.#values.set(value, slots);
  }
}
