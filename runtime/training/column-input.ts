/**
 * Data that a program hands to a trainer, turned into columns: typed arrays, tensors with a shape, or nested
 * arrays of numbers. Values must be exact in the column's element type; nothing is rounded or wrapped silently.
 */

import { type Column, createArray, elementCount, holds, type TensorData } from "../data/column.ts";
import { describeElements, findUnaccepted } from "../data/element-values.ts";
import type { ColumnPlan, ElementType } from "../plan.ts";
import { TrainingError } from "./error.ts";

type NumericArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint8ClampedArray
  | Uint16Array
  | Uint32Array;

/** Numbers or booleans, nested as deep as the tensor has axes. */
export type NestedNumbers = number | boolean | readonly NestedNumbers[];

/** Rows of a column, row-major; a flat array is taken as rows of the column's shape. */
export type ColumnInput =
  | NumericArray
  | readonly NestedNumbers[]
  | { readonly data: NumericArray; readonly shape: readonly number[] };

/** @throws TrainingError if the values do not have the column's shape or element type. */
export function columnFromInput(plan: ColumnPlan, input: ColumnInput): Column {
  const width = elementCount(plan.shape);
  const { values, rows } = flatten(plan, input, width);
  const data = convert(plan, values);
  const at = findUnaccepted(plan, data);
  if (at >= 0) {
    const row = Math.floor(at / width);
    throw new TrainingError(
      `column ${plan.name} takes ${describeElements(plan)}, and row ${row} has ${data[at]}`,
    );
  }
  const { name, dtype, shape } = plan;
  return { name, dtype, shape, rows, data };
}

function flatten(
  plan: ColumnPlan,
  input: ColumnInput,
  width: number,
): { readonly values: ArrayLike<number>; readonly rows: number } {
  if (Array.isArray(input)) {
    const values: number[] = [];
    for (const row of input as readonly NestedNumbers[]) appendNested(plan, row, 0, values);
    return { values, rows: input.length };
  }
  if (!isTypedArray(input) && !isTensor(input)) {
    throw new TrainingError(
      `column ${plan.name} takes a typed array, a tensor { data, shape } or nested arrays of numbers, found ${describe(input)}`,
    );
  }
  const { data, shape } = "shape" in input ? input : { data: input as NumericArray, shape: null };
  if (shape === null) {
    if (data.length % width !== 0) {
      throw new TrainingError(
        `column ${plan.name}: ${data.length} elements are not whole rows of [${plan.shape.join(", ")}]`,
      );
    }
    return { values: data, rows: data.length / width };
  }
  const [rows = 0, ...rest] = shape;
  if (`${rest}` !== `${plan.shape}` || data.length !== elementCount(shape)) {
    throw new TrainingError(
      `column ${plan.name} takes rows of [${plan.shape.join(", ")}], not a tensor of [${shape.join(", ")}]`,
    );
  }
  return { values: data, rows };
}

/** Programs that no type checker has seen may give anything. */
function isTypedArray(input: unknown): boolean {
  return ArrayBuffer.isView(input) && !(input instanceof DataView);
}

function isTensor(input: unknown): boolean {
  if (typeof input !== "object" || input === null) return false;
  const { data, shape } = input as { readonly data?: unknown; readonly shape?: unknown };
  return isTypedArray(data) && Array.isArray(shape);
}

function describe(input: unknown): string {
  return typeof input === "string" ? `the text ${JSON.stringify(input)}` : String(input);
}

/** Checks the shape level by level, so that the message can say where it differs. */
function appendNested(
  plan: ColumnPlan,
  value: NestedNumbers,
  axis: number,
  values: number[],
): void {
  const extent = plan.shape[axis];
  if (typeof value === "number" || typeof value === "boolean") {
    if (extent !== undefined) {
      throw new TrainingError(
        `column ${plan.name} takes rows of [${plan.shape.join(", ")}], not single numbers`,
      );
    }
    values.push(Number(value));
    return;
  }
  if (!Array.isArray(value) || value.length !== extent) {
    const found = Array.isArray(value) ? `${value.length} values` : `${typeof value}`;
    throw new TrainingError(
      `column ${plan.name} takes rows of [${plan.shape.join(", ")}]: axis ${axis} of a row has ${found}`,
    );
  }
  for (const part of value) appendNested(plan, part, axis + 1, values);
}

/** Arrays of the right type are used as they are, not copied. */
function convert({ name, dtype }: ColumnPlan, values: ArrayLike<number>): TensorData {
  if (ArrayBuffer.isView(values) && holds(dtype, values as unknown as TensorData)) {
    if (dtype !== "bool") return values as unknown as TensorData;
  }
  const data = createArray(dtype, values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    data[i] = value;
    if (dtype !== "f32" && data[i] !== value) {
      throw new TrainingError(
        `column ${name} takes ${valuesOf[dtype]}, and ${value} is not one of them`,
      );
    }
    if (dtype === "bool" && value > 1) {
      throw new TrainingError(`column ${name} takes ${valuesOf.bool}, and ${value} is neither`);
    }
  }
  return data;
}

const valuesOf: Readonly<Record<ElementType, string>> = {
  f32: "numbers",
  i32: "whole numbers of 32 bits",
  u8: "whole numbers from 0 to 255",
  bool: "0 and 1",
};
