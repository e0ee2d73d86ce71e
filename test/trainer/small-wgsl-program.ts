/**
 * A program for WebGPU as `compile` would give it, small enough to write by hand: y = w·x + b by gradient descent on
 * the squared error, every kernel a single thread that goes through the rows of the batch.
 */

import type { CompiledProgram } from "../../compiler/compiled-program.ts";
import type { WgslDispatch, WgslProgram } from "../../runtime/devices/webgpu/wgsl-program.ts";
import type { ElementType, PersistentTensor, TrainerPlan } from "../../runtime/plan.ts";
import { trainingPlan } from "../runtime/training/fake-model.ts";

const BATCH_MAX = 8;
/** Bindings begin at multiples of 256 bytes. */
const ALIGNMENT = 256;

const TENSORS = ["w", "b", "loss", "count"] as const;

/** Of the model's four tensors, as a `Record` of their places in the bindings. */
const declarations = `
struct Step {
  n: i32,
  first_row: i32,
  seed: u32,
  batch: u32,
  infinity: u32,
  nan: u32,
  scalars: array<vec4f, 1>,
}
@group(0) @binding(0) var<uniform> step: Step;
@group(1) @binding(0) var<storage, read_write> model: array<f32>; // w, b, loss, count
@group(1) @binding(1) var<storage, read_write> result: array<f32>;
@group(1) @binding(2) var<storage, read> x: array<f32>;
`;

const withTargets = `${declarations}@group(1) @binding(3) var<storage, read> y: array<f32>;
@group(1) @binding(4) var<storage, read> rows: array<i32>;

@compute @workgroup_size(1)
fn main() {
  var dw = 0.0;
  var db = 0.0;
  var loss = 0.0;
  for (var i = 0; i < step.n; i++) {
    let row = rows[step.first_row + i];
    let error = line(model[0], model[64], x[row]) - y[row];
    loss += error * error;
    dw += 2.0 * error * x[row];
    db += 2.0 * error;
  }
  result[0] = loss / f32(step.n);
  model[128] += loss;
  model[192] += f32(step.n);
`;

const update = `  // One update
  let rate = step.scalars[0].x / f32(step.n);
  model[0] -= rate * dw;
  model[64] -= rate * db;
`;

const predict = `${declarations}@group(1) @binding(3) var<storage, read> rows: array<i32>;

@compute @workgroup_size(1)
fn main() {
  for (var i = 0; i < step.n; i++) {
    result[i] = line(model[0], model[64], x[rows[step.first_row + i]]);
  }
}
`;

const arena = (name: "persistent" | "results", size: number) =>
  ({ kind: "arena", arena: name, offset: 0, size }) as const;
const model = arena("persistent", TENSORS.length * ALIGNMENT);
const result = arena("results", ALIGNMENT);
const column = (slot: number) => ({ kind: "column", slot }) as const;
const rows = { kind: "rows" } as const;

function dispatch(kernel: number, bindings: WgslDispatch["bindings"]): readonly WgslDispatch[] {
  return [{ kernel, workgroups: [1, 1], bindings }];
}

const uses = ["line"];
const readOnly = [false, false, true, true, true];

export const lineKernels: WgslProgram = {
  functions: {
    line: `// y = w·x + b
fn line(w: f32, b: f32, x: f32) -> f32 {
  return w * x + b;
}
`,
  },
  kernels: [
    { name: "line_train", uses, code: `${withTargets}${update}}\n`, readOnly, requires: [] },
    { name: "line_evaluate", uses, code: `${withTargets}}\n`, readOnly, requires: [] },
    { name: "line_predict", uses, code: predict, readOnly: readOnly.slice(0, 4), requires: [] },
  ],
  graphs: {
    train: dispatch(0, [model, result, column(0), column(1), rows]),
    evaluate: dispatch(1, [model, result, column(0), column(1), rows]),
    predict: dispatch(2, [model, result, column(0), rows]),
  },
  limits: {},
};

const f32: ElementType = "f32";
const loss = { name: "loss", dtype: f32, shape: [], offset: 0 };
const graph = { symbol: "", scalars: 0, columns: [0, 1], results: [loss] };
const roles: Readonly<Record<(typeof TENSORS)[number], PersistentTensor["role"]>> = {
  w: "param",
  b: "param",
  loss: "metric",
  count: "metric",
};

export const linePlan: TrainerPlan = {
  format: 1,
  model: "Line",
  target: "wgsl",
  requiredFeatures: [],
  batchMax: BATCH_MAX,
  arenas: { persistent: model.size, temporaries: 0, results: result.size },
  columns: [
    { name: "x", dtype: f32, shape: [] },
    { name: "y", dtype: f32, shape: [] },
  ],
  inputs: ["x"],
  outputs: [{ name: "prediction", dtype: f32, shape: [] }],
  tensors: TENSORS.map((name, index) => {
    return { name, role: roles[name], dtype: f32, shape: [], offset: index * ALIGNMENT };
  }),
  graphs: {
    train: { ...graph, name: "train", scalars: 1 },
    evaluate: { ...graph, name: "evaluate" },
    predict: {
      ...graph,
      name: "predict",
      columns: [0],
      results: [{ name: "prediction", dtype: f32, shape: [BATCH_MAX], offset: 0 }],
    },
  },
  statistics: [],
  layers: [],
  metrics: ["loss"],
  hypers: { learning_rate: 0.25 },
  training: { ...trainingPlan, epochs: 20 },
  data: {
    name: "line",
    blocks: {
      train: ["x", "y"].map((name) => ({
        column: { name, dtype: f32, shape: [] },
        reader: "csv",
        path: "data/line.csv",
        options: { column: name },
      })),
    },
  },
  selfTest: {
    seed: 1,
    rows: 1,
    ranges: { x: [2, 2], y: [0, 0] },
    checks: [
      // w = 0.5, b = 0, x = 2, y = 0: the error is 1, the gradients are 4 and 2.
      { of: "output", name: "prediction", positions: [0], expected: [1], tolerances: [1e-6] },
      { of: "loss", name: "loss", positions: [0], expected: [1], tolerances: [1e-6] },
      { of: "tensor", name: "w", positions: [0], expected: [-0.5], tolerances: [1e-6] },
      { of: "tensor", name: "b", positions: [0], expected: [-0.5], tolerances: [1e-6] },
    ],
  },
};

export const smallWgslProgram: CompiledProgram = {
  plan: linePlan,
  code: { target: "wgsl", program: lineKernels },
  functions: {
    prelude: "",
    initialize: 'return { "w": Float32Array.of(0.5 + 0 * seed) };',
    stepScalars: 'return graph === "train" ? [hypers["learning_rate"] + 0 * counters.t] : [];',
    readMetrics: 'return { loss: read("loss")[0] / read("count")[0] };',
  },
  kernels: [],
  timings: [],
  printed: [],
};
