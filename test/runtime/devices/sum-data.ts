/**
 * What the models written by hand for CUDA and for WebGPU have in common. They have a column of whole words, one of
 * bytes, a tensor of bools and everything that a step is told:
 *
 * - `train`: results[i] = scalars[0] · x[row]; total += Σ results + Σ bytes of the row; counts the batch and the seed.
 *   In two kernels, with what was summed of the bytes as temporaries between them.
 * - `flip`: mask = not mask, without columns.
 */

import type { Column } from "../../../runtime/data/column.ts";
import type { Device, RunRequest } from "../../../runtime/devices/device.ts";
import type { GraphPlan, TrainerPlan } from "../../../runtime/plan.ts";
import { request } from "./request.ts";

export function sumGraph(name: string, columns: readonly number[], scalars: number): GraphPlan {
  return { name, symbol: name, scalars, columns, results: [] };
}

export const sumPlan: Omit<TrainerPlan, "target"> = {
  format: 1,
  model: "Sum",
  requiredFeatures: [],
  batchMax: 4,
  arenas: { persistent: 512, temporaries: 256, results: 768 },
  columns: [
    { name: "x", dtype: "f32", shape: [] },
    { name: "bytes", dtype: "u8", shape: [3] },
  ],
  inputs: ["x"],
  outputs: [],
  tensors: [
    { name: "mask", role: "state", dtype: "bool", shape: [2, 3], offset: 0 },
    { name: "total", role: "metric", dtype: "f32", shape: [], offset: 256 },
  ],
  graphs: {
    train: {
      ...sumGraph("train", [0, 1], 1),
      results: [
        { name: "weighted", dtype: "f32", shape: [4], offset: 0 },
        { name: "step", dtype: "i32", shape: [4], offset: 256 },
        { name: "large", dtype: "bool", shape: [4], offset: 512 },
      ],
    },
    flip: sumGraph("flip", [], 0),
  },
  statistics: [],
  layers: [],
  metrics: ["loss"],
  hypers: {},
  training: null,
  data: null,
  selfTest: null,
};

/** Rows 1, 2, 3, … and bytes [row, 0, 1]; 3 bytes a row do not fill words. */
export function dataColumns(rows = 5): readonly [x: Column, bytes: Column] {
  const numbers = Array.from({ length: rows }, (_, row) => row);
  const x = Float32Array.from(numbers, (row) => row + 1);
  const bytes = Uint8Array.from(numbers.flatMap((row) => [row % 200, 0, 1]));
  return [
    { name: "x", dtype: "f32", shape: [], rows, data: x },
    { name: "bytes", dtype: "u8", shape: [3], rows, data: bytes },
  ];
}

export async function bindAll(device: Device, columns: readonly Column[]): Promise<void> {
  for (const [slot, column] of columns.entries()) await device.bindColumn(slot, column);
}

/** What `train` adds to the total. */
export function expectedTotal({ rows, batchSize, scalars }: RunRequest): number {
  return rows.reduce((sum, row, i) => {
    const scale = scalars[Math.floor(i / batchSize)]!;
    return sum + scale * (row + 1) + (row % 200) + 1;
  }, 0);
}

/** So many steps over rows in no order, the last one shorter. */
export function longRequest(steps: number, rows: number): RunRequest {
  const visited = Int32Array.from({ length: 3 * steps - 1 }, (_, i) => (i * 37) % rows);
  const scalars = Float32Array.from({ length: steps }, (_, step) => step % 3);
  return request({ rows: visited, batchSize: 3, scalars });
}

/** Ways to keep the columns of 100 rows, 400 and 300 bytes: on the device, handed over in batches, one of each. */
export const placements = [
  ["resident", Infinity],
  ["streamed", 0],
  ["one resident, one streamed", 300],
] as const;
