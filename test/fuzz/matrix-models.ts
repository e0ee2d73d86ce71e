/**
 * Random models whose products fill matrix units, with sums, rows and columns of 16 to 80 and remainders of tiles:
 * dense layers, also of sequences, convolutions, products within a row, layers that are used twice, dropout, batch
 * normalization, one or two outputs, and the library's losses and optimizers.
 */

import type { Precision } from "../../compiler/semantics/precision.ts";
import { generator } from "../syntax/mutate.ts";
import type { RandomProgram } from "./check-programs.ts";
import { ACTIVATIONS, HEADS, lowered, OPTIMIZERS } from "./random-models.ts";

/** Gives what makes models that may round what they multiply. */
export function matrixModels(
  precision: Precision,
): (seed: number, count: number) => readonly RandomProgram[] {
  return (seed, count) => {
    const random = generator(seed);
    return Array.from({ length: count }, () => new MatrixModelWriter(random, precision).write());
  };
}

/** Half of them beyond 64: sums up to there may be computed row by row, without matrix units. */
const SIZES = [16, 17, 24, 31, 33, 40, 48, 64, 65, 66, 68, 71, 72, 76, 77, 80] as const;
const BATCHES = [16, 17, 20, 24, 31, 33, 40, 64, 67] as const;
/** Multiply-adds of a forward pass: what the interpreter does in some tenths of a second. */
const WORK = 500_000;

const LAYERS = `
layer Convolution(filters: int, K = 3, S = 1, P = 1)(x: f32[N, H, W, C]) -> f32[N, (H + 2*P - K)/S + 1, _W, filters] {
  param kernel: f32[K, K, C, filters] = glorot_uniform
  y[n, h < (H + 2*P - K)/S + 1, w < (W + 2*P - K)/S + 1, o] =
    sum[i < K, j < K, c] x[n, h*S + i - P, w*S + j - P, c] * kernel[i, j, c, o]
  return y
}

layer BatchNormalization(momentum = 0.9, epsilon = 0.01)(x: f32[..., C]) -> f32[..., C] {
  state moving_mean: f32[C] = zeros
  state moving_variance: f32[C] = ones
  param gamma: f32[C] = ones
  param beta: f32[C] = zeros
  mu = moving_mean
  var = moving_variance
  if training {
    (mu, var) = moments(x, axis = 0..-1)
    moving_mean <- momentum * moving_mean + (1 - momentum) * mu
    moving_variance <- momentum * moving_variance + (1 - momentum) * var
  }
  return (x - mu) * rsqrt(var + epsilon) * gamma + beta
}

layer Attention()(x: f32[N, T, C]) -> f32[N, T, C] {
  score[n, s, t] = sum[c] x[n, s, c] * x[n, t, c] / C
  weight = softmax(score)
  y[n, s, c] = sum[t] weight[n, s, t] * x[n, t, c]
  return y
}
`;

class MatrixModelWriter {
  readonly #random: (below: number) => number;
  readonly #precision: Precision;
  readonly #batch: number;
  readonly #statements: string[] = [];
  readonly #inputs: string[] = [];
  readonly #columns: string[] = [];
  #work = 0;
  #names = 0;

  constructor(random: (below: number) => number, precision: Precision) {
    this.#random = random;
    this.#precision = precision;
    this.#batch = this.#of(BATCHES);
  }

  write(): RandomProgram {
    let [name, size] = this.#body();
    const layers = 1 + this.#random(3);
    for (let layer = 0; layer < layers; layer++) [name, size] = this.#layer(name, size);
    const [dtype, activation, loss, metric] = this.#of(HEADS);
    const units = dtype === "u8" ? this.#of([8, 9, 10]) : this.#of([1, 2, 8, 17, 24]);
    this.#statements.push(`output y = ${name} |> Dense(${units}${activation})`);
    this.#columns.push(`target: ${dtype === "u8" ? "u8" : `${dtype}[${units}]`}`);
    const losses: string[] = [loss];
    if (this.#random(3) === 0) {
      const others = this.#of([8, 16, 19]);
      this.#statements.push(`output z = ${name} |> Dense(${others}, tanh)`);
      this.#columns.push(`other: f32[${others}]`);
      losses.push("0.5 * mse(other, z)");
    }
    const withUnits = (text: string) => text.replace("UNITS", String(units));
    const text = `${LAYERS}
model Random {
${this.#inputs.concat(this.#statements).map(indented).join("")}}

data rows {
  train {
${this.#columns.map((column) => indented(`  ${column} = npy("${column.split(":")[0]}.npy")`)).join("")}  }
}

train Random on rows {
  loss       ${withUnits(losses.join(" + "))}
  optimizer  ${this.#of(OPTIMIZERS)}
  metrics    ${withUnits(metric)}
  batch_size ${this.#batch}
  precision  ${this.#precision}
}
`;
    const classes: RandomProgram["classes"] = dtype === "u8" ? { target: units } : {};
    return { program: lowered(text), n: 1 + this.#random(this.#batch), classes, text };
  }

  /** From the inputs to a value of rank 2: its name and size. */
  #body(): [string, number] {
    switch (this.#random(4)) {
      case 0:
        return this.#images();
      case 1:
        return this.#sequences();
      default: {
        const size = this.#of(SIZES);
        return [this.#input("x", `[N, ${size}]`), size];
      }
    }
  }

  #images(): [string, number] {
    const [rows, columns] = [this.#of([3, 4, 5]), this.#of([3, 4, 6])];
    const channels = this.#of([3, 8, 9]);
    let image = this.#input("image", `[N, ${rows}, ${columns}, ${channels}]`, "u8");
    image = this.#let(`${image} / 255`);
    let [height, width, depth] = [rows as number, columns as number, channels as number];
    for (let layers = 1 + this.#random(2); layers > 0; layers--) {
      const filters = this.#of([8, 11, 16]);
      const stride = this.#of([1, 1, 2]);
      const size = this.#of([1, 3, 3, 3]);
      const padding = size === 1 ? 0 : 1;
      const [h, w] = [height, width].map(
        (extent) => Math.floor((extent + 2 * padding - size) / stride) + 1,
      ) as [number, number];
      if (!this.#afford(h * w * size * size * depth * filters)) break;
      const options = `${filters}, K = ${size}, S = ${stride}, P = ${padding}`;
      image = this.#let(`${image} |> Convolution(${options})`);
      if (this.#random(2) === 0) image = this.#let(`${image} |> BatchNormalization`);
      image = this.#let(`${image} |> Activation(${this.#of(ACTIVATIONS)})`);
      [height, width, depth] = [h, w, filters];
    }
    if (this.#random(2) === 0) return [this.#let(`mean(${image}, axis = 1..3)`), depth];
    return [this.#let(`${image} |> Flatten`), height * width * depth];
  }

  /** Products of three axes and more, and with the batch among those that are not summed. */
  #sequences(): [string, number] {
    const steps = this.#of([4, 8, 17]);
    let width: number = this.#of([16, 33, 65, 72]);
    let name = this.#input("sequence", `[N, ${steps}, ${width}]`);
    const units = this.#of([8, 16, 24, 33]);
    if (this.#afford(steps * width * units)) {
      name = this.#let(`${name} |> Dense(${units}, ${this.#of(ACTIVATIONS)})`);
      width = units;
    }
    if (this.#afford(2 * steps * steps * width)) name = this.#let(`${name} |> Attention`);
    if (this.#random(2) === 0) return [this.#let(`mean(${name}, axis = 1)`), width];
    return [this.#let(`${name} |> Flatten`), steps * width];
  }

  /** One more layer; gives its name and size. */
  #layer(name: string, size: number): [string, number] {
    const activation = this.#of(ACTIVATIONS);
    switch (this.#random(8)) {
      case 0:
        return [this.#let(`${name} |> Dropout(0.3)`), size];
      case 1:
        return [this.#let(`${name} |> BatchNormalization`), size];
      case 2: {
        if (!this.#afford(2 * size * size)) break;
        const shared = this.#let(`Dense(${size}, tanh)`);
        const inner = this.#let(`${name} |> ${shared} |> ${shared}`);
        const join = this.#of(["Add", "Average", "Multiply"]);
        return [this.#let(`[${name}, ${inner}] |> ${join}`), size];
      }
      case 3: {
        const units = this.#of(SIZES);
        if (!this.#afford(2 * size * units)) break;
        const a = this.#let(`${name} |> Dense(${units}, ${activation})`);
        const b = this.#let(`${name} |> Dense(${units}, use_bias = false)`);
        return [this.#let(`[${a}, ${b}] |> Concatenate`), 2 * units];
      }
      default:
    }
    const units = this.#of(SIZES);
    if (!this.#afford(size * units)) return [name, size];
    const options = this.#of(["", ", use_bias = false", ", kernel_regularizer = L2(0.01)"]);
    return [this.#let(`${name} |> Dense(${units}, ${activation}${options})`), units];
  }

  #input(name: string, shape: string, dtype = "f32"): string {
    this.#inputs.push(`input ${name}: ${dtype}${shape}`);
    this.#columns.push(name);
    return name;
  }

  #let(expression: string): string {
    const name = `h${++this.#names}`;
    this.#statements.push(`${name} = ${expression}`);
    return name;
  }

  #afford(work: number): boolean {
    if (this.#work + work * this.#batch > WORK) return false;
    this.#work += work * this.#batch;
    return true;
  }

  #of<T>(items: readonly T[]): T {
    return items[this.#random(items.length)]!;
  }
}

const indented = (line: string): string => `  ${line}\n`;
