/**
 * The forms that Keras' reference cases may take: layers, operations, functions, penalties and optimizers of every
 * module, with the figures that the formulas give. Each form is translated by rules of its kind, not by the case's name.
 */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { interpreterTarget } from "./cases/interpreter-target.ts";
import { runFolder } from "./cases/run-folder.ts";

interface Form {
  readonly keras: string;
  readonly category?: string;
  readonly config?: object;
  readonly inputs: object;
  readonly derived: object;
  readonly weights?: object;
}

const { exp, sqrt, log10, sin, cos } = Math;
const norm = (...items: readonly number[]) => Math.hypot(...items);
const sigmoid = (x: number) => 1 / (1 + exp(-x));
/** One step, whose coefficients are Muon's. */
const newtonSchulz = (x: number) => 3.4445 * x - 4.775 * x ** 3 + 2.0315 * x ** 5;

const truths = [
  [0, 1, 0],
  [0, 0, 1],
];
const chances = [
  [0.1, 0.7, 0.2],
  [0.3, 0.6, 0.1],
];

const forms: readonly Form[] = [
  { keras: "keras.ops.relu6", inputs: { x: [[-1, 7, 3]] }, derived: { output: [[0, 6, 3]] } },
  {
    keras: "keras.activations.leaky_relu",
    config: { negative_slope: 0.5 },
    inputs: { x: [-2, 3] },
    derived: { y: [-1, 3] },
  },
  {
    keras: "keras.ops.softmax",
    config: { axis: [0, 1] },
    inputs: {
      x: [
        [0, 0],
        [0, Math.log(3)],
      ],
    },
    derived: {
      output: [
        [1 / 6, 1 / 6],
        [1 / 6, 1 / 2],
      ],
    },
  },
  {
    keras: "keras.ops.one_hot",
    config: { num_classes: 3, axis: 0 },
    inputs: { x: [2, -1] },
    derived: {
      output: [
        [0, 0],
        [0, 0],
        [1, 0],
      ],
    },
  },
  {
    keras: "keras.ops.multi_hot",
    config: { num_classes: 4 },
    inputs: { inputs: [[2, 0, 2]] },
    derived: { output: [[1, 0, 1, 0]] },
  },
  {
    keras: "keras.ops.moments",
    config: { axes: [1], keepdims: true },
    inputs: { x: [[1, 5, 3, 3]] },
    derived: { mean: [[3]], variance: [[2]] },
  },
  {
    keras: "keras.ops.psnr",
    config: { max_val: 2 },
    inputs: { x1: [1, 2], x2: [1, 1] },
    derived: { output: 20 * log10(2) - 10 * log10(0.5) },
  },
  {
    keras: "keras.ops.polar",
    inputs: { abs_: [2, 1], angle: [0.5, -1] },
    derived: { real: [2 * cos(0.5), cos(1)], imag: [2 * sin(0.5), -sin(1)] },
  },
  {
    keras: "keras.ops.unfold",
    config: { kernel_size: 2, stride: 2 },
    inputs: {
      x: [
        [
          [
            [1, 2, 3, 4],
            [5, 6, 7, 8],
          ],
        ],
      ],
    },
    derived: {
      output: [
        [
          [1, 3],
          [2, 4],
          [5, 7],
          [6, 8],
        ],
      ],
    },
  },
  {
    keras: "keras.ops.space_to_depth",
    config: { block_size: 2, data_format: "channels_first" },
    inputs: {
      x: [
        [
          [
            [1, 2],
            [3, 4],
          ],
        ],
      ],
    },
    derived: { output: [[[[1]], [[2]], [[3]], [[4]]]] },
  },
  {
    keras: "keras.ops.dot_product_attention",
    category: "attention",
    config: { scale: 1, is_causal: true },
    inputs: {
      query: [[[[1]], [[2]]]],
      key: [[[[0]], [[1]]]],
      value: [[[[5]], [[7]]]],
    },
    derived: { output: [[[[5]], [[5 * sigmoid(-2) + 7 * sigmoid(2)]]]] },
  },
  {
    keras: "keras.ops.sparse_categorical_crossentropy",
    category: "loss",
    config: { from_logits: true, axis: 0 },
    inputs: {
      target: [1, 0],
      output: [
        [0, 1],
        [0, 1],
      ],
    },
    derived: { output: [Math.log(2), Math.log(2)] },
  },
  {
    keras: "keras.metrics.binary_accuracy",
    category: "metric",
    config: { threshold: 0.65 },
    inputs: { y_true: truths, y_pred: chances },
    derived: { output: [1, 2 / 3] },
  },
  {
    keras: "keras.metrics.top_k_categorical_accuracy",
    category: "metric",
    config: { k: 2 },
    inputs: { y_true: truths, y_pred: chances },
    derived: { output: [1, 0] },
  },
  {
    keras: "keras.metrics.sparse_categorical_accuracy",
    category: "metric",
    inputs: { y_true: [1, 2], y_pred: chances },
    derived: { output: [1, 0] },
  },
  {
    keras: "keras.metrics.pearson_correlation",
    category: "metric",
    inputs: {
      y_true: [
        [1, 2, 3],
        [1, 2, 3],
      ],
      y_pred: [
        [2, 4, 6],
        [0, 0, -3],
      ],
    },
    derived: { output: [1, -sqrt(3) / 2] },
  },
  {
    keras: "keras.losses.mean_squared_error",
    category: "loss",
    inputs: {
      y_true: [
        [0, 1],
        [2, 3],
      ],
      y_pred: [
        [1, 1],
        [0, 3],
      ],
    },
    derived: { output: [0.5, 2] },
  },
  {
    keras: "keras.regularizers.L1L2",
    category: "regularizer",
    config: { l1: 0.5, l2: 2 },
    inputs: { x: [[1, -2]] },
    derived: { output: 11.5 },
  },
  {
    keras: "keras.regularizers.l2",
    category: "regularizer",
    inputs: { x: [[1, -2]] },
    derived: { output: 0.05 },
  },
  {
    keras: "keras.constraints.MaxNorm",
    category: "constraint",
    config: { max_value: 2, axis: 0 },
    inputs: { w: [[3], [4]] },
    derived: { output: [[6 / (5 + 1e-7)], [8 / (5 + 1e-7)]] },
  },
  {
    keras: "keras.initializers.Identity",
    category: "initializer",
    config: { gain: 2, shape: [2, 3] },
    inputs: {},
    derived: {
      output: [
        [2, 0, 0],
        [0, 2, 0],
      ],
    },
  },
  {
    keras: "keras.layers.Embedding",
    config: { input_dim: 3, output_dim: 2 },
    inputs: { indices: [[2, 0]] },
    weights: {
      embeddings: [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
    },
    derived: {
      output: [
        [
          [5, 6],
          [1, 2],
        ],
      ],
    },
  },
  {
    keras: "keras.layers.CategoryEncoding",
    config: { num_tokens: 3, output_mode: "count" },
    inputs: { x: [[2, 2]], count_weights: [[0.5, 0.25]] },
    derived: { output: [[0, 0, 0.75]] },
  },
  {
    keras: "keras.layers.GlobalAveragePooling1D",
    inputs: { x: [[[1], [2], [6]]], mask: [[true, false, true]] },
    derived: { output: [[3.5]] },
  },
  {
    keras: "keras.layers.TimeDistributed(Dense)",
    category: "rnn",
    config: { units: 1 },
    inputs: {
      x: [
        [
          [1, 2],
          [3, 4],
        ],
      ],
    },
    weights: { kernel: [[2], [1]], bias: [0.5] },
    derived: { output: [[[4.5], [10.5]]] },
  },
  {
    keras: "keras.layers.SpectralNormalization(Dense)",
    config: { units: 1, use_bias: false, power_iterations: 1 },
    inputs: { x: [[10, 5]] },
    weights: { kernel: [[3], [4]], vector_u: [[1]] },
    derived: { output: [[10]] },
  },
  {
    keras: "keras.layers.Add",
    inputs: {
      inputs: [[[1, 2]], [[3, 4]], [[5, 6]]],
    },
    derived: { output: [[9, 12]] },
  },
  {
    keras: "keras.layers.concatenate",
    config: { axis: -1 },
    inputs: { inputs: [[[1, 2]], [[3]]] },
    derived: { output: [[1, 2, 3]] },
  },
  {
    keras: "keras.layers.SimpleRNN",
    category: "rnn",
    config: { units: 1, activation: "linear", use_bias: false },
    inputs: { x: [[[1], [2]]], h0: [[3]] },
    weights: { kernel: [[2]], recurrent_kernel: [[0.5]] },
    derived: { output: [[(1 * 2 + 3 * 0.5) * 0.5 + 4]] },
  },
  {
    keras: "keras.optimizers (global_clipnorm)",
    category: "optimizer",
    config: { global_clipnorm: 1 },
    inputs: { grads: [[3, 0], [4]] },
    derived: { clipped: [3 / norm(3, 4), 0, 4 / norm(3, 4)] },
  },
  {
    keras: "keras.optimizers.LossScaleOptimizer",
    category: "optimizer",
    config: { inner_optimizer: "SGD", learning_rate: 0.5, initial_scale: 4 },
    inputs: { x0: [1, 2], grads: [[1, 2]] },
    derived: { x_after_each_step: [[0.5, 1]] },
  },
  {
    keras: "keras.optimizers.SGD",
    category: "optimizer",
    config: {
      learning_rate: {
        class_name: "ExponentialDecay",
        config: { initial_learning_rate: 1, decay_steps: 1, decay_rate: 0.5 },
      },
    },
    inputs: { x0: [1], grads: [[1], [1]] },
    derived: { x_after_each_step: [[0], [-0.5]] },
  },
  // A step of Newton and Schulz, of the look-ahead g + 0.95·g divided by its norm.
  {
    keras: "keras.optimizers.Muon",
    category: "optimizer",
    config: { learning_rate: 1, ns_steps: 1, weight_decay: null, rms_rate: null },
    inputs: { x0: [[2]], grads: [[[1]]] },
    derived: { x_after_each_step: [[[2 - newtonSchulz(1.95 / (1.95 + 1e-7))]]] },
  },
  {
    keras: "keras.losses.MeanSquaredError",
    category: "loss",
    config: { reduction: null },
    inputs: { y_true: [[1], [2]], y_pred: [3, 2] },
    derived: { output: [4, 0] },
  },
  {
    keras: "keras.layers.ReversibleEmbedding",
    config: { input_dim: 2, output_dim: 1, reverse: true },
    inputs: { x: [[0.5]] },
    weights: { embeddings: [[2], [-4]] },
    derived: { output: [[1, -2]] },
  },
  {
    keras: "keras.optimizers.schedules.InverseTimeDecay",
    category: "schedule",
    config: { initial_learning_rate: 1, decay_steps: 1, decay_rate: 1 },
    inputs: { step: 3 },
    derived: { lr: 0.25 },
  },
];

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "nnc-forms-"));
  const cases = forms.map(({ keras, category = "layer" }, i) => ({
    name: `form ${i}.`,
    file: `${i}.json`,
    category,
    keras,
  }));
  forms.forEach(({ config = {}, inputs, derived, weights = {} }, i) => {
    const text = JSON.stringify({ formula: "", weights, checks: [{ config, inputs, derived }] });
    writeFileSync(join(folder, `${i}.json`), text);
  });
  writeFileSync(join(folder, "manifest.json"), JSON.stringify({ cases }));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

test.each(forms.map(({ keras, config }, i) => [i, keras, JSON.stringify(config ?? {})] as const))(
  "%d: %s %s",
  async (i) => {
    for await (const { verdict } of runFolder(
      folder,
      interpreterTarget,
      (name) => name === `form ${i}.`,
    )) {
      expect(verdict).toEqual({ kind: "passed" });
    }
  },
);

test("a weight that the layer has not is an error", async () => {
  const checks = [{ config: { units: 1 }, inputs: { x: [[1]] }, derived: { output: [[0]] } }];
  writeFileSync(
    join(folder, "0.json"),
    JSON.stringify({ formula: "", weights: { weight: [[1]] }, checks }),
  );
  const cases = [{ name: "w", file: "0.json", category: "layer", keras: "keras.layers.Dense" }];
  writeFileSync(join(folder, "manifest.json"), JSON.stringify({ cases }));
  for await (const { verdict } of runFolder(folder, interpreterTarget, () => true)) {
    expect(verdict).toEqual({
      kind: "failed",
      why: "the program has no Case/dense/weight to give a value to",
    });
  }
});
