/**
 * A chain of layers with nnc's weights as an ONNX file, for onnxruntime: https://onnx.ai/onnx/intro/concepts.html; the numbers
 * of the fields are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3. Convolutions there take channels
 * before height and width, so kernels are transposed, and so are the rows of what follows `flatten`.
 */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ShapedLayer, shapedLayers, type Workload } from "../inputs.ts";
import { layeredInputs } from "./layered-inputs.ts";
import { encode, type Message } from "./protobuf.ts";

export const onnxFile = "model.onnx";

const IR_VERSION = 8;
const OPERATOR_SET = 13;
const FLOAT = 1;

/** Takes `x` with channels before height and width; gives `y`. The batch size is fixed. */
export function writeOnnx(folder: string, workload: Workload): void {
  const shaped = shapedLayers(workload);
  const { layers: weights } = layeredInputs(folder, workload);
  const nodes: Message[] = [];
  const tensors: Message[] = [];
  let value = "x";
  let next = 0;
  const add = (
    operator: string,
    inputs: readonly string[],
    attributes: readonly Message[] = [],
  ) => {
    value = `v${nodes.length}`;
    nodes.push(node(operator, inputs, value, attributes));
  };
  for (const [i, { layer, kernel }] of shaped.entries()) {
    if (kernel === null) {
      if (layer.kind === "max_pool") add("MaxPool", [value], windows(layer));
      else add("Flatten", [value]);
      continue;
    }
    const own = weights[next++]!;
    const [w, b] = [`w${i}`, `b${i}`];
    const isDense = layer.kind === "dense";
    const { data, shape } = isDense
      ? { data: afterFlatten(own.kernel, kernel, shaped[i - 1]), shape: kernel }
      : filtersFirst(own.kernel, kernel);
    tensors.push(tensor(w, shape, data), tensor(b, own.bias.length, own.bias));
    add(isDense ? "Gemm" : "Conv", [value, w, b]);
    if (!isDense || layer.relu) add("Relu", [value]);
  }
  const { batch, input } = workload;
  const [height, width, channels] = input;
  const x = channels === undefined ? [batch, ...input] : [batch, channels, height!, width!];
  const last = shaped.at(-1)!.to;
  nodes.push(node("Identity", [value], "y", []));
  const graph: Message = [
    ...nodes.map((message) => [1, message] as const),
    [2, workload.name],
    ...tensors.map((message) => [5, message] as const),
    [11, valueInfo("x", x)],
    [12, valueInfo("y", [batch, ...last])],
  ];
  const model: Message = [
    [1, IR_VERSION],
    [7, graph],
    [
      8,
      [
        [1, ""],
        [2, OPERATOR_SET],
      ],
    ],
  ];
  writeFileSync(join(folder, onnxFile), encode(model));
}

function node(
  operator: string,
  inputs: readonly string[],
  output: string,
  attributes: readonly Message[],
): Message {
  return [
    ...inputs.map((input) => [1, input] as const),
    [2, output],
    [4, operator],
    ...attributes.map((attribute) => [5, attribute] as const),
  ];
}

function windows({ size }: { readonly size: number }): readonly Message[] {
  const INTEGERS = 7;
  return ["kernel_shape", "strides"].map((name) => [
    [1, name],
    [8, size],
    [8, size],
    [20, INTEGERS],
  ]);
}

function tensor(name: string, shape: readonly number[] | number, data: Float32Array): Message {
  return [
    ...[shape].flat().map((size) => [1, size] as const),
    [2, FLOAT],
    [8, name],
    [9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)],
  ];
}

function valueInfo(name: string, shape: readonly number[]): Message {
  const dimensions: Message = shape.map((size) => [1, [[1, size]]] as const);
  return [
    [1, name],
    [
      2,
      [
        [
          1,
          [
            [1, FLOAT],
            [2, dimensions],
          ],
        ],
      ],
    ],
  ];
}

/** `[height, width, channels, filters]` as `[filters, channels, height, width]`. */
function filtersFirst(kernel: Float32Array, [height, width, channels, filters]: readonly number[]) {
  const shape = [filters!, channels!, height!, width!];
  const data = new Float32Array(kernel.length);
  let at = 0;
  for (let f = 0; f < filters!; f++) {
    for (let c = 0; c < channels!; c++) {
      for (let p = 0; p < height! * width!; p++) {
        data[at++] = kernel[(p * channels! + c) * filters! + f]!;
      }
    }
  }
  return { shape, data };
}

/** Rows by channel first where what is flattened has channels first. */
function afterFlatten(
  kernel: Float32Array,
  [rows, units]: readonly number[],
  before: ShapedLayer | undefined,
): Float32Array {
  if (before?.layer.kind !== "flatten") return kernel;
  const channels = before.from.at(-1)!;
  const pixels = rows! / channels;
  const data = new Float32Array(kernel.length);
  for (let c = 0; c < channels; c++) {
    for (let p = 0; p < pixels; p++) {
      const row = (p * channels + c) * units!;
      data.set(kernel.subarray(row, row + units!), (c * pixels + p) * units!);
    }
  }
  return data;
}
