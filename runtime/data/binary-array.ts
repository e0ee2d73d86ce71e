/**
 * From an array in a binary file to a column: elements of any width and byte order, stored
 * row-major or column-major, are converted to the declared type. IDX and NPY files end here.
 */

import type { ColumnPlan, ElementType } from "../plan.ts";
import {
  bytesPerElement,
  type Column,
  createArray,
  elementCount,
  type TensorData,
  viewArray,
} from "./column.ts";
import { DataError } from "./data-error.ts";
import { describeElements, findUnaccepted, fits } from "./element-values.ts";

/** How a number is stored. */
export interface StoredType {
  readonly name: string;
  readonly bytes: number;
  readonly read: (view: DataView, offset: number, littleEndian: boolean) => number;
  /** The element type with the same bits, if there is one. */
  readonly same?: ElementType;
}

/**
 * Names are NumPy's. Integers beyond 2⁵³ are rounded, as they would be on their way to any column
 * type.
 */
export const storedTypes = {
  uint8: { name: "uint8", bytes: 1, same: "u8", read: (view, at) => view.getUint8(at) },
  int8: { name: "int8", bytes: 1, read: (view, at) => view.getInt8(at) },
  uint16: { name: "uint16", bytes: 2, read: (view, at, little) => view.getUint16(at, little) },
  int16: { name: "int16", bytes: 2, read: (view, at, little) => view.getInt16(at, little) },
  uint32: { name: "uint32", bytes: 4, read: (view, at, little) => view.getUint32(at, little) },
  int32: {
    name: "int32",
    bytes: 4,
    same: "i32",
    read: (view, at, little) => view.getInt32(at, little),
  },
  uint64: {
    name: "uint64",
    bytes: 8,
    read: (view, at, little) => Number(view.getBigUint64(at, little)),
  },
  int64: {
    name: "int64",
    bytes: 8,
    read: (view, at, little) => Number(view.getBigInt64(at, little)),
  },
  float16: {
    name: "float16",
    bytes: 2,
    read: (view, at, little) => float16Value(view.getUint16(at, little)),
  },
  float32: {
    name: "float32",
    bytes: 4,
    same: "f32",
    read: (view, at, little) => view.getFloat32(at, little),
  },
  float64: { name: "float64", bytes: 8, read: (view, at, little) => view.getFloat64(at, little) },
  bool: { name: "bool", bytes: 1, read: (view, at) => view.getUint8(at) },
} as const satisfies Readonly<Record<string, StoredType>>;

/** An array found in a file, its size already checked against the file's. */
export interface BinaryArray {
  /** The file, and the member of it if it is an archive, for messages. */
  readonly file: string;
  readonly type: StoredType;
  readonly littleEndian: boolean;
  /** Rows first. */
  readonly shape: readonly number[];
  readonly columnMajor: boolean;
  /** Exactly the elements. */
  readonly bytes: Uint8Array;
}

/**
 * The column that the array holds.
 * @throws DataError if its rows have not the declared shape (extents of 1 aside) or a value does
 * not fit.
 */
export function columnOfArray(array: BinaryArray, plan: ColumnPlan): Column {
  const [rows, ...rowShape] = array.shape;
  if (rows === undefined || !sameShape(rowShape, plan.shape)) {
    throw new DataError({
      file: array.file,
      expected: `rows of ${plan.dtype}[${plan.shape.join(", ")}] for the column ${plan.name}`,
      found: `an array of shape [${array.shape.join(", ")}]`,
      hint:
        rows === undefined
          ? "the first dimension of a data file counts the rows"
          : `declare it as ${plan.name}: ${plan.dtype}${rowShape.length === 0 ? "" : `[${rowShape.join(", ")}]`}`,
    });
  }
  const { name, dtype, shape } = plan;
  const data = sharedData(array, dtype) ?? convert(array, plan);
  const at = findUnaccepted(plan, data);
  if (at >= 0) throw unfit(array, plan, at, data[at]!);
  return { name, dtype, shape, rows, data };
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  const significant = (shape: readonly number[]) => shape.filter((extent) => extent !== 1).join();
  return significant(a) === significant(b);
}

/**
 * The file's own memory, where the bits are the same already; a copy of it if it is not aligned.
 */
function sharedData(array: BinaryArray, dtype: ElementType): TensorData | undefined {
  const { type, bytes } = array;
  const ordered = array.littleEndian || type.bytes === 1;
  const direct = ordered && (!array.columnMajor || array.shape.length < 2);
  if (type.same !== dtype || !direct) return undefined;
  const size = bytesPerElement(dtype);
  const source = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  return viewArray(dtype, source.buffer, source.byteOffset, source.byteLength / size);
}

function convert(array: BinaryArray, plan: ColumnPlan): TensorData {
  const { type, littleEndian, shape, bytes } = array;
  const { dtype } = plan;
  const count = elementCount(shape);
  const data = createArray(dtype, count);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const offsetOf = array.columnMajor ? columnMajorOffset(shape) : (index: number) => index;
  for (let index = 0; index < count; index++) {
    const value = type.read(view, offsetOf(index) * type.bytes, littleEndian);
    if (!fits(dtype, value)) throw unfit(array, plan, index, value);
    data[index] = value;
  }
  return data;
}

/** From an element's row-major number to its place in a column-major array. */
function columnMajorOffset(shape: readonly number[]): (index: number) => number {
  const strides: number[] = [];
  let stride = 1;
  for (const extent of shape) {
    strides.push(stride);
    stride *= extent;
  }
  return (index) => {
    let rest = index;
    let offset = 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const extent = shape[axis]!;
      offset += (rest % extent) * strides[axis]!;
      rest = Math.floor(rest / extent);
    }
    return offset;
  };
}

function unfit(array: BinaryArray, plan: ColumnPlan, index: number, value: number): DataError {
  const position: number[] = [];
  let rest = index;
  for (const extent of array.shape.toReversed()) {
    position.unshift(rest % extent);
    rest = Math.floor(rest / extent);
  }
  return new DataError({
    file: array.file,
    place: `element [${position.join(", ")}]`,
    expected: `${describeElements(plan)} for the column ${plan.name}`,
    found: `${value} (${array.type.name})`,
    hint: fits(plan.dtype, value)
      ? "correct the file, or give the model more of them"
      : "declare the column with a type that holds the file's values, or correct the file",
  });
}

/** IEEE 754 binary16. */
function float16Value(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
