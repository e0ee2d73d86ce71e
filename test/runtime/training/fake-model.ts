/**
 * A model small enough to compute in JavaScript, on a device that is arrays: y = w·x + b by gradient descent with
 * momentum and some noise on the gradient, which depends on the seed and the batch as dropout would. Float32
 * throughout, as on a real device.
 */

import type { Column, TensorData } from "../../../runtime/data/column.ts";
import { createArray, elementCount } from "../../../runtime/data/column.ts";
import { type Device, type RunRequest, stepCount } from "../../../runtime/devices/device.ts";
import type { PersistentTensor, TrainerDefinition, TrainingPlan } from "../../../runtime/plan.ts";

const BATCH_MAX = 8;

function tensor(name: string, role: PersistentTensor["role"], index: number): PersistentTensor {
  return { name, role, dtype: "f32", shape: [1], offset: index * 64 };
}

export const trainingPlan: TrainingPlan = {
  epochs: 3,
  batchSize: 8,
  seed: 42,
  shuffle: true,
  validation: null,
  callbacks: [],
  classWeight: null,
  sampleWeight: null,
};

export function lineDefinition(training: Partial<TrainingPlan> = {}): TrainerDefinition {
  const x = { name: "x", dtype: "f32", shape: [] } as const;
  const y = { name: "y", dtype: "f32", shape: [] } as const;
  const weight = { name: "sample_weight", dtype: "f32", shape: [] } as const;
  const results = [{ name: "loss", dtype: "f32", shape: [], offset: 0 } as const];
  return {
    plan: {
      format: 1,
      model: "Line",
      target: "cpu",
      requiredFeatures: [],
      batchMax: BATCH_MAX,
      arenas: { persistent: 1024, temporaries: 0, results: 1024 },
      columns: [x, y, weight],
      inputs: ["x"],
      outputs: [{ name: "prediction", dtype: "f32", shape: [] }],
      tensors: [
        tensor("Line/w", "param", 0),
        tensor("Line/b", "param", 1),
        tensor("Line/mean", "state", 2),
        tensor("momentum/w", "slot", 3),
        tensor("momentum/b", "slot", 4),
        tensor("metric/loss", "metric", 5),
        tensor("metric/count", "metric", 6),
      ],
      graphs: {
        train: { name: "train", symbol: "train", scalars: 2, columns: [0, 1, 2], results },
        evaluate: { name: "evaluate", symbol: "evaluate", scalars: 0, columns: [0, 1, 2], results },
        predict: {
          name: "predict",
          symbol: "predict",
          scalars: 0,
          columns: [0],
          results: [{ name: "prediction", dtype: "f32", shape: [BATCH_MAX], offset: 0 }],
        },
        mean: {
          name: "mean",
          symbol: "mean",
          scalars: 0,
          columns: [0],
          results: [{ name: "sum", dtype: "f32", shape: [1], offset: 0 }],
        },
      },
      statistics: [{ state: "Line/mean", graph: "mean" }],
      layers: [],
      metrics: ["loss"],
      hypers: { learning_rate: 0.05 },
      training: { ...trainingPlan, ...training },
      data: null,
      selfTest: null,
    },
    initialize: (seed) => ({ "Line/w": Float32Array.of(Math.fround(0.5 + seed / 1000)) }),
    stepScalars: (graph, hypers, { t }) =>
      graph === "train" ? [hypers.learning_rate!, 1 - 0.5 ** t] : [],
    readMetrics: (read) => ({ loss: read("metric/loss")[0]! / read("metric/count")[0]! }),
  };
}

/** Counts the runs asked of it; `beforeRun` lets a test break in between two of them. */
export class FakeDevice implements Device {
  readonly kind = "cpu";
  readonly description = "fake";
  readonly tensors = new Map<string, Float32Array>();
  readonly runs: RunRequest[] = [];
  beforeRun: (request: RunRequest) => void = () => {};
  readonly #columns: Column[] = [];
  readonly #result = new Float32Array(BATCH_MAX);

  constructor(definition = lineDefinition()) {
    for (const { name, shape } of definition.plan.tensors) {
      this.tensors.set(name, createArray("f32", elementCount(shape)));
    }
  }

  async bindColumn(slot: number, column: Column): Promise<void> {
    this.#columns[slot] = column;
  }

  async write(name: string, data: TensorData): Promise<void> {
    this.tensors.get(name)!.set(data);
  }

  async read(name: string): Promise<TensorData> {
    return this.tensors.get(name)!.slice();
  }

  async run(request: RunRequest): Promise<void> {
    this.beforeRun(request);
    this.runs.push({
      ...request,
      rows: request.rows.slice(),
      scalars: request.scalars.slice(),
    });
    const { rows, batchSize, scalars } = request;
    for (let step = 0; step < stepCount(request); step++) {
      const batch = rows.subarray(step * batchSize, (step + 1) * batchSize);
      const perStep = scalars.length / stepCount(request);
      const own = scalars.subarray(step * perStep, (step + 1) * perStep);
      this.#step(request.graph, batch, own, request.seed, request.firstBatch + step);
    }
  }

  async readResult(graph: string): Promise<TensorData> {
    return this.#result.slice(0, graph === "mean" ? 1 : BATCH_MAX);
  }

  dispose(): void {}

  #step(graph: string, rows: Int32Array, scalars: Float32Array, seed: number, batch: number): void {
    const [x, y, weight] = this.#columns.map(({ data }) => data) as Float32Array[];
    const at = (name: string) => this.tensors.get(name)!;
    if (graph === "mean") {
      this.#result[0] = rows.reduce((sum, row) => Math.fround(sum + x![row]!), 0);
      return;
    }
    const w = at("Line/w")[0]!;
    const b = at("Line/b")[0]!;
    const predictions = Float32Array.from(rows, (row) => w * x![row]! + b);
    this.#result.set(predictions);
    if (graph === "predict") return;
    let dw = 0;
    let db = 0;
    rows.forEach((row, i) => {
      const error = Math.fround(predictions[i]! - y![row]!);
      at("metric/loss")[0]! += error * error * weight![row]!;
      at("metric/count")[0]! += 1;
      dw = Math.fround(dw + (2 * error * weight![row]! * x![row]!) / rows.length);
      db = Math.fround(db + (2 * error * weight![row]!) / rows.length);
    });
    if (graph !== "train") return;
    const noise = Math.sin(seed + batch * 13) * 0.01;
    const [rate, warmth] = scalars;
    at("momentum/w")[0] = 0.9 * at("momentum/w")[0]! + dw + noise;
    at("momentum/b")[0] = 0.9 * at("momentum/b")[0]! + db + noise;
    at("Line/w")[0]! -= rate! * warmth! * at("momentum/w")[0]!;
    at("Line/b")[0]! -= rate! * warmth! * at("momentum/b")[0]!;
  }
}

/** Rows of y = 2x − 1. */
export function lineColumns(rows: number): readonly Column[] {
  const x = Float32Array.from({ length: rows }, (_, i) => ((i * 7) % rows) / rows);
  const column = (name: string, data: Float32Array): Column => {
    return { name, dtype: "f32", shape: [], rows, data };
  };
  return [
    column("x", x),
    column(
      "y",
      x.map((value) => 2 * value - 1),
    ),
  ];
}
