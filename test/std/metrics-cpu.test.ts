/** Losses and metrics of all kinds in one compiled program, against the interpreter. */

import { expect, test } from "vitest";
import type { CaseProgram, Tensor } from "../conformance/cases/case-program.ts";
import { cpuTarget } from "../conformance/cases/compiled-target.ts";
import { interpreterTarget } from "../conformance/cases/interpreter-target.ts";

const rows = 37;
const wave = (count: number, f: (x: number) => number) =>
  Array.from({ length: rows * count }, (_, i) => f((Math.sin(7.3 * i + 0.4) + 1) / 2));
const f32 = (shape: readonly number[], data: readonly number[]): Tensor => ({
  dtype: "f32",
  shape: [rows, ...shape],
  data: Array.from(Float32Array.from(data)),
});
const i32 = (shape: readonly number[], data: readonly number[]): Tensor => ({
  dtype: "i32",
  shape: [rows, ...shape],
  data,
});

const program: CaseProgram = {
  params: new Map(),
  inputs: new Map(),
  batches: new Map([
    [
      "p",
      f32(
        [5],
        wave(5, (x) => 0.02 + 0.9 * x),
      ),
    ],
    [
      "t",
      f32(
        [5],
        wave(5, (x) => ((x * 7.7) % 1 < 0.4 ? 1 : 0)),
      ),
    ],
    [
      "one",
      f32(
        [5],
        wave(5, (x) => x).map((_, i) => (i % 5 === Math.floor(i / 5) % 4 ? 1 : 0)),
      ),
    ],
    [
      "k",
      i32(
        [],
        Array.from({ length: rows }, (_, n) => (n * 3) % 5),
      ),
    ],
    [
      "w",
      f32(
        [],
        wave(1, (x) => Math.round(3 * x)),
      ),
    ],
    [
      "logits",
      f32(
        [6, 4],
        wave(24, (x) => 5 * x),
      ),
    ],
    [
      "letters",
      i32(
        [3],
        wave(3, (x) => Math.floor(3.99 * x)).map((k, i) => (i % 3 === 2 ? 0 : k)),
      ),
    ],
  ]),
  statements: [],
  outputs: [],
  metrics: [
    "TruePositives([0.2, 0.7])(t, p, w)",
    "Precision(top_k = 2)(t, p)",
    "Recall(class_id = 1)(t, p, w)",
    "SpecificityAtSensitivity(0.6)(t, p)",
    "RecallAtPrecision(0.4)(t, p, w)",
    "AUC()(t, p, w)",
    'AUC(50, "PR", multi_label = true)(t, p)',
    "FBetaScore(beta = 2.0)(t, p, w)",
    "R2Score()(t, p, w)",
    "MeanIoU(5)(k, argmax(p, axis = -1))",
    "SparseTopKCategoricalAccuracy(2)(k, p)",
    "PearsonCorrelation()(t + p, p)",
    "CosineSimilarity()(t + 1, p)",
    "RootMeanSquaredError()(t, p, w)",
    "LogCosh()(t, p)",
    "Hinge()(t, p, w)",
    "CategoricalHinge()(one, p)",
    "CategoricalFocalCrossentropy(label_smoothing = 0.1)(one, p)",
    "SparseCategoricalCrossentropy(ignore_class = 2)(k, p, w)",
    "KLDivergence()(one, p)",
    "Tversky(axis = [1])(t, p)",
    "Circle(gamma = 4)(k, unit_vectors(p, -1))",
    "CTC()(letters, logits)",
    "LetterErrorRate()(letters, logits)",
  ].map((expression, i) => ({ name: `m${i}`, expression })),
};

test("a compiled program measures as the interpreter does", async () => {
  const { metrics: wanted = {} } = await interpreterTarget.run(program, []);
  const { metrics: found = {} } = await cpuTarget.run(program, []);
  expect(Object.keys(wanted).length).toBeGreaterThan(program.metrics!.length);
  expect(Object.keys(found)).toEqual(Object.keys(wanted));
  for (const [name, value] of Object.entries(wanted)) {
    const tolerance = 1e-5 * Math.max(1, Math.abs(value));
    const { expression } = program.metrics!.find((m) => m.name === name.split("_")[0]) ?? {};
    expect(Math.abs(found[name]! - value), `${expression}: ${found[name]}`).toBeLessThan(tolerance);
  }
});
