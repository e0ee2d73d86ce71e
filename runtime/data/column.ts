/**
 * A column of data in memory: one row a sample, all rows of one shape, row-major in one array.
 */

import type { ElementType } from "../plan.ts";

/** The arrays of the element types; `bool` holds 0 and 1. */
export interface ArrayOf {
  readonly f32: Float32Array;
  readonly i32: Int32Array;
  readonly u8: Uint8Array;
  readonly bool: Uint8Array;
}

export type TensorData = ArrayOf[ElementType];

export interface Column {
  readonly name: string;
  readonly dtype: ElementType;
  /** Of one row. */
  readonly shape: readonly number[];
  readonly rows: number;
  /** `rows` times the product of `shape` elements. */
  readonly data: TensorData;
}

const constructors: {
  readonly [T in ElementType]: {
    new (length: number): ArrayOf[T];
    new (buffer: ArrayBufferLike, byteOffset: number, length: number): ArrayOf[T];
    readonly BYTES_PER_ELEMENT: number;
  };
} = { f32: Float32Array, i32: Int32Array, u8: Uint8Array, bool: Uint8Array };

/** An array of zeros. */
export function createArray<T extends ElementType>(dtype: T, length: number): ArrayOf[T] {
  return new constructors[dtype](length);
}

/** A window on memory; `byteOffset` must be a multiple of the element's size. */
export function viewArray<T extends ElementType>(
  dtype: T,
  buffer: ArrayBufferLike,
  byteOffset: number,
  length: number,
): ArrayOf[T] {
  return new constructors[dtype](buffer, byteOffset, length);
}

export function bytesPerElement(dtype: ElementType): number {
  return constructors[dtype].BYTES_PER_ELEMENT;
}

/** The number of elements of a shape; 1 for a scalar's. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** Whether the array is one of those that hold `dtype`. */
export function holds(dtype: ElementType, data: TensorData): boolean {
  return data instanceof constructors[dtype];
}
