/**
 * Which numbers an element type can hold, and columns built one number at a time. A number that
 * does not fit is an error of the data, never rounded into range: a label 300 must not become 44.
 * Only float32 rounds, as every reader of decimals does.
 */

import type { ColumnPlan, ElementType, IndexBounds } from "../plan.ts";
import { type Column, createArray, elementCount, type TensorData } from "./column.ts";
import { DataError } from "./data-error.ts";

interface ElementRange {
  /** As in "expected …". */
  readonly description: string;
  readonly includes: (value: number) => boolean;
}

/** NaN and infinities are float32 values: a binary file that has them means them. */
const ranges: { readonly [T in ElementType]: ElementRange } = {
  f32: {
    description: "a number within the range of float32",
    includes: (value) => !Number.isFinite(value) || Number.isFinite(Math.fround(value)),
  },
  i32: {
    description: "an integer from -2147483648 to 2147483647",
    includes: (value) => (value | 0) === value,
  },
  u8: {
    description: "an integer from 0 to 255",
    includes: (value) => (value & 255) === value,
  },
  bool: {
    description: "0 or 1",
    includes: (value) => value === 0 || value === 1,
  },
};

/** Whether the type holds the number, up to float32's rounding. */
export function fits(dtype: ElementType, value: number): boolean {
  return ranges[dtype].includes(value);
}

/** What the type holds, as in "expected …". */
export function describeRange(dtype: ElementType): string {
  return ranges[dtype].description;
}

/** Whether the column may have this element: its type holds it and, where it is an index, what is indexed has it. */
export function accepts({ dtype, indexes }: ColumnPlan, value: number): boolean {
  return fits(dtype, value) && (indexes === undefined || isIndex(indexes, value));
}

/** What the column may have as elements, as in "expected …". */
export function describeElements({ dtype, indexes }: ColumnPlan): string {
  if (indexes === undefined) return describeRange(dtype);
  const { what, count, besides } = indexes;
  return `a ${what} from 0 to ${count - 1}${besides === undefined ? "" : ` or ${besides}`}`;
}

/** Where the first element stands that the column may not have; -1 if there is none. The type holds all of them. */
export function findUnaccepted({ indexes }: ColumnPlan, data: TensorData): number {
  if (indexes === undefined) return -1;
  const { count } = indexes;
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    if (!(value >= 0 && value < count) && !isIndex(indexes, value)) return i;
  }
  return -1;
}

function isIndex({ count, besides }: IndexBounds, value: number): boolean {
  return (value >= 0 && value < count) || value === besides;
}

/** Appends the numbers of a text's words. */
export function pushText(
  builder: ColumnBuilder,
  numbers: Iterable<number>,
  file: string,
  place: string,
): void {
  for (const number of numbers) {
    if (builder.push(number)) continue;
    const { name } = builder.plan;
    throw new DataError({
      file,
      place,
      expected: `words numbered by ${describeElements(builder.plan)} for the column ${name}`,
      found: `the number ${number}`,
      hint: "declare the column as i32, or give `max_tokens`",
    });
  }
}

/** A column whose number of rows is known only at the end of its file. */
export class ColumnBuilder {
  readonly plan: ColumnPlan;
  #data: TensorData;
  #length = 0;

  constructor(plan: ColumnPlan) {
    this.plan = plan;
    this.#data = createArray(plan.dtype, 1024);
  }

  /** Appends the next element in row-major order; false if the column may not have it. */
  push(value: number): boolean {
    if (!accepts(this.plan, value)) return false;
    if (this.#length === this.#data.length) {
      const grown = createArray(this.plan.dtype, 2 * this.#length);
      grown.set(this.#data);
      this.#data = grown;
    }
    this.#data[this.#length++] = value;
    return true;
  }

  /** The column of the whole rows pushed; its data have no room to spare. */
  finish(): Column {
    const { name, dtype, shape } = this.plan;
    const rows = this.#length / elementCount(shape);
    return { name, dtype, shape, rows, data: this.#data.slice(0, this.#length) };
  }
}
