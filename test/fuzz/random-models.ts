/**
 * Random models written in the language: dense networks in odd sizes, large enough for every tile and its remainder,
 * with branches, shared layers, dropout, regularizers, and the library's losses, metrics and optimizers.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DiagnosticSink } from "../../compiler/diagnostics/diagnostic.ts";
import { renderDiagnostics } from "../../compiler/diagnostics/render.ts";
import { lower } from "../../compiler/semantics/lower.ts";
import type { LoweredProgram } from "../../compiler/semantics/program.ts";
import { RecordedSources } from "../../compiler/sources.ts";
import { generator } from "../syntax/mutate.ts";
import type { RandomProgram } from "./check-programs.ts";
import { drawLayer } from "./random-layers.ts";

export function randomModels(seed: number, count: number): readonly RandomProgram[] {
  const random = generator(seed);
  return Array.from({ length: count }, () => new ModelWriter(random, mixed).write());
}

/** Models whose middle is made of the library's layers: convolutions, pooling, normalization, recurrence. */
export function randomLayers(seed: number, count: number): readonly RandomProgram[] {
  const random = generator(seed);
  const kind = { ...mixed, drawsLayers: true };
  return Array.from({ length: count }, () => new ModelWriter(random, kind).write());
}

/** The same, so small that a target's compiler and the interpreter are done with tens of them in seconds. */
export function smallLayers(seed: number, count: number): readonly RandomProgram[] {
  const random = generator(seed);
  return Array.from({ length: count }, () => new ModelWriter(random, small).write());
}

const SIZES = [1, 2, 3, 5, 7, 8, 13, 16, 17, 24, 31, 33, 47, 64, 65, 100, 129] as const;
const BATCHES = [1, 2, 3, 5, 8, 13, 16, 17, 31, 33, 64, 67] as const;
/** Multiply-adds of a forward pass: what the interpreter does in some tenths of a second. */
const WORK = 400_000;

/** What a model is drawn from. */
interface ModelKind {
  readonly drawsLayers: boolean;
  readonly sizes: readonly number[];
  readonly batches: readonly number[];
  readonly work: number;
  /** The most layers of the library, and of the dense ones after them. */
  readonly layers: readonly [library: number, dense: number];
}

const mixed: ModelKind = {
  drawsLayers: false,
  sizes: SIZES,
  batches: BATCHES,
  work: WORK,
  layers: [8, 4],
};

const small: ModelKind = {
  drawsLayers: true,
  sizes: [1, 2, 4, 6, 8, 12, 13],
  batches: [2, 3, 5, 8],
  work: 30_000,
  layers: [5, 1],
};

export const ACTIVATIONS = [
  ...["linear", "tanh", "sigmoid", "softplus", "gelu", "silu", "elu", "mish", "softsign", "selu"],
  ...["log_sigmoid", "squareplus", "tanh_shrink", "relu", "softmax", "log_softmax"],
] as const;

/** Regression to values, classes by labels, or yes and no. */
export const HEADS = [
  ["f32", "", "mse(target, y)", "mae(target, y)"],
  ["f32", "", "huber(target, y, delta = 0.5) + 0.1 * mae(target, y)", "mse(target, y)"],
  ["f32", "", "mae(target, y)", "mse(target, y)"],
  ["u8", ", softmax", "sparse_categorical_crossentropy(target, y)", "accuracy(target, y)"],
  [
    "u8",
    "",
    "sparse_categorical_crossentropy(target, y, from_logits = true)",
    "accuracy(target, y)",
  ],
  ["u8", ", softmax", "mse(one_hot(target, UNITS), y)", "accuracy(target, y)"],
  [
    ...["u8", ", softmax"],
    ...[
      "categorical_crossentropy(one_hot(target, UNITS), y, label_smoothing = 0.1)",
      "mae(one_hot(target, UNITS), y)",
    ],
  ],
  ["bool", ", sigmoid", "binary_crossentropy(target, y)", "binary_accuracy(target, y)"],
  ["bool", "", "binary_crossentropy(target, y, from_logits = true)", "mse(target, y)"],
] as const;

export const OPTIMIZERS = [
  "SGD(0.1)",
  "SGD(0.1, momentum = 0.9, weight_decay = 0.01)",
  "SGD(0.1, momentum = 0.9, nesterov = true, clipvalue = 0.02)",
  "RMSprop(0.01, clipnorm = 0.1)",
  "RMSprop(0.01, momentum = 0.9)",
  "Adam(0.05)",
  "Adam(0.05, amsgrad = true, global_clipnorm = 0.5)",
  "AdamW(0.05, weight_decay = 0.1)",
] as const;

/** The program of a text; throws what is wrong with it. */
export function lowered(text: string): LoweredProgram {
  const sink = new DiagnosticSink();
  const std = join(import.meta.dirname, "../../compiler/std");
  const host = new RecordedSources({
    readFile: (path) => (path === "random.nn" ? text : undefined),
    readStd: (name) => readFileSync(join(std, name), "utf8"),
  });
  const program = lower("random.nn", host, {}, sink);
  if (program === undefined) {
    throw new Error(`${renderDiagnostics(sink.sorted(), host.texts, { color: false })}\n${text}`);
  }
  return program;
}

class ModelWriter {
  readonly #random: (below: number) => number;
  readonly #batch: number;
  readonly #statements: string[] = [];
  readonly #kind: ModelKind;
  #work = 0;
  #names = 0;

  constructor(random: (below: number) => number, kind: ModelKind) {
    this.#random = random;
    this.#kind = kind;
    this.#batch = this.#of(kind.batches);
  }

  write(): RandomProgram {
    const { text, classes } = this.#source();
    const program = lowered(text);
    return { program, n: 1 + this.#random(this.#batch), classes, text };
  }

  #source(): { readonly text: string; readonly classes: Readonly<Record<string, number>> } {
    const width = this.#of(this.#kind.sizes);
    const [rows, columns] = [this.#of([1, 3, 5, 8, 11]), this.#of([1, 4, 7, 9])];
    const withImage = this.#random(2) === 0;
    let [name, size]: [string, number] = ["x", width];
    if (this.#random(4) === 0) name = this.#let(`${name} |> Normalization`);
    if (withImage) {
      const flat = this.#let("image / 255 |> Flatten");
      [name, size] = [this.#let(`[${name}, ${flat}] |> Concatenate`), width + rows * columns];
    }
    if (this.#kind.drawsLayers) [name, size] = this.#library(name, size);
    const [, dense] = this.#kind.layers;
    for (let layers = this.#random(dense); layers > 0; layers--)
      [name, size] = this.#layer(name, size);
    const [dtype, activation, loss, metric] = this.#of(HEADS);
    const units = dtype === "u8" ? 2 + this.#random(9) : this.#of([1, 1, 2, 5, 17]);
    this.#statements.push(`output y = ${name} |> Dense(${units}${activation})`);
    const target = dtype === "u8" ? "u8" : `${dtype}[${units}]`;
    const text = `
model Random {
  input x: f32[N, ${width}]
${withImage ? `  input image: u8[N, ${rows}, ${columns}]\n` : ""}  ${this.#statements.join("\n  ")}
}

data rows {
  train {
    x = npy("x.npy")
    target: ${target} = npy("target.npy")
${withImage ? `    image = npy("image.npy")\n` : ""}  }
}

train Random on rows {
  loss       ${loss.replace("UNITS", String(units))}
  optimizer  ${this.#of(OPTIMIZERS)}
  metrics    ${metric.replace("UNITS", String(units))}
  batch_size ${this.#batch}
}
`;
    return { text, classes: dtype === "u8" ? { target: units } : {} };
  }

  /** One more layer, or a block of some; gives its name and size. */
  #layer(name: string, size: number): [string, number] {
    const activation = this.#of(ACTIVATIONS);
    switch (this.#random(7)) {
      case 0:
        return [this.#let(`${name} |> Dropout(0.3)`), size];
      case 1: {
        // A residual connection around a layer that is used twice.
        if (!this.#afford(2 * size * size)) break;
        const shared = this.#let(`Dense(${size}, tanh)`);
        const inner = this.#let(`${name} |> ${shared} |> ${shared}`);
        return [
          this.#let(`[${name}, ${inner}] |> ${this.#of(["Add", "Average", "Multiply"])}`),
          size,
        ];
      }
      case 2: {
        const units = this.#of(this.#kind.sizes);
        if (!this.#afford(2 * size * units)) break;
        const [a, b] = [
          this.#let(`${name} |> Dense(${units}, ${activation})`),
          this.#let(`${name} |> Dense(${units}, use_bias = false)`),
        ];
        return [this.#let(`[${a}, ${b}] |> Concatenate`), 2 * units];
      }
      case 3:
        return [this.#let(`${name} |> Activation(${activation})`), size];
      default:
    }
    const units = this.#of(this.#kind.sizes);
    if (!this.#afford(size * units)) return [name, size];
    const options = this.#of([
      "",
      ", use_bias = false",
      ", kernel_regularizer = L2(0.01)",
      ", kernel_initializer = he_normal",
    ]);
    return [this.#let(`${name} |> Dense(${units}, ${activation}${options})`), units];
  }

  /** A few of the library's layers, one after the other; gives their result, flat, and its size. */
  #library(name: string, size: number): [string, number] {
    let shape: readonly number[] = [size];
    const [most] = this.#kind.layers;
    for (let layers = 3 + this.#random(most - 3); layers > 0; layers--) {
      const drawn = drawLayer(shape, this.#random, true);
      const elements = drawn?.shape.reduce((a, b) => a * b, 1);
      if (drawn === undefined || elements! > 200 || !this.#afford(drawn.work)) continue;
      name = this.#let(`${name} |> ${drawn.use}`);
      shape = drawn.shape;
    }
    const flat = shape.reduce((a, b) => a * b, 1);
    return [shape.length === 1 ? name : this.#let(`${name} |> Flatten`), flat];
  }

  #let(expression: string): string {
    const name = `h${++this.#names}`;
    this.#statements.push(`${name} = ${expression}`);
    return name;
  }

  #afford(work: number): boolean {
    if (this.#work + work * this.#batch > this.#kind.work) return false;
    this.#work += work * this.#batch;
    return true;
  }

  #of<T>(items: readonly T[]): T {
    return items[this.#random(items.length)]!;
  }
}
