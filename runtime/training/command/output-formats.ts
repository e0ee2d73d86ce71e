/** Predictions as text or bytes: CSV, JSON lines and NPY. */

import { elementCount } from "../../data/column.ts";
import type { ElementType } from "../../plan.ts";
import type { OutputTensor } from "../evaluate.ts";

/** Columns `price`, or `digit_0` … `digit_9` for an output of several values. */
export function encodeCsv(outputs: readonly OutputTensor[]): string {
  const header = outputs.flatMap(({ name, shape }) => {
    const width = elementCount(shape.slice(1));
    return shape.length === 1 ? [name] : Array.from({ length: width }, (_, i) => `${name}_${i}`);
  });
  const lines = [header.join(",")];
  for (let row = 0; row < rowCount(outputs); row++) {
    lines.push(
      outputs.flatMap((output) => [...rowOf(output, row)].map(shortest(output))).join(","),
    );
  }
  return `${lines.join("\n")}\n`;
}

/** `{"digit":[0.01,…]}` a row, nested as the output's axes are. */
export function encodeJsonLines(outputs: readonly OutputTensor[]): string {
  let text = "";
  for (let row = 0; row < rowCount(outputs); row++) {
    const values = outputs.map((output) => [
      output.name,
      nest([...rowOf(output, row)].map(shortest(output)), output.shape.slice(1)),
    ]);
    text += `${JSON.stringify(Object.fromEntries(values))}\n`;
  }
  return text;
}

/** Version 1.0 of NumPy's format: magic, length of the header, header padded to 64 bytes, data. */
export function encodeNpy({ dtype, shape, data }: OutputTensor): Uint8Array {
  const dimensions = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const description = `{'descr': '${NPY_TYPES[dtype]}', 'fortran_order': False, 'shape': (${dimensions}), }`;
  const length = Math.ceil((10 + description.length + 1) / 64) * 64;
  const header = `${description.padEnd(length - 11)}\n`;
  const bytes = new Uint8Array(length + data.byteLength);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 255, header.length >> 8]);
  bytes.set(new TextEncoder().encode(header), 10);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), length);
  return bytes;
}

const NPY_TYPES: Readonly<Record<ElementType, string>> = {
  f32: "<f4",
  i32: "<i4",
  u8: "|u1",
  bool: "|b1",
};

function rowCount([first]: readonly OutputTensor[]): number {
  return first?.shape[0] ?? 0;
}

function rowOf({ shape, data }: OutputTensor, row: number): Iterable<number> {
  const width = elementCount(shape.slice(1));
  return data.subarray(row * width, (row + 1) * width);
}

/** The fewest decimals that give the same float32 again. */
function shortest({ dtype }: OutputTensor): (value: number) => number {
  if (dtype !== "f32") return (value) => value;
  return (value) => {
    for (let digits = 6; digits < 9; digits++) {
      const rounded = Number(value.toPrecision(digits));
      if (Math.fround(rounded) === value) return rounded;
    }
    return Number(value.toPrecision(9));
  };
}

type Nested = number | readonly Nested[];

function nest(values: readonly number[], shape: readonly number[]): Nested {
  const [extent, ...rest] = shape;
  if (extent === undefined) return values[0] ?? Number.NaN;
  const width = elementCount(rest);
  return Array.from({ length: extent }, (_, i) =>
    nest(values.slice(i * width, (i + 1) * width), rest),
  );
}
