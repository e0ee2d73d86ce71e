/**
 * What every peer of a benchmark starts from: the same batch and the same initial weights, as raw files. Random
 * numbers come from a fixed linear congruential generator, so that a rerun measures the same work.
 */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Workload {
  readonly name: string;
  /** File in bench/models. */
  readonly model: string;
  readonly optimizer: "rmsprop" | "adam";
  readonly batch: number;
  /** Sizes of the layers, the input's first. */
  readonly sizes: readonly number[];
}

export const workloads: readonly Workload[] = [
  {
    name: "mlp_small",
    model: "mlp-small.nn",
    optimizer: "rmsprop",
    batch: 128,
    sizes: [784, 32, 10],
  },
  {
    name: "mlp_big",
    model: "mlp-big.nn",
    optimizer: "adam",
    batch: 128,
    sizes: [784, 512, 512, 10],
  },
];

/** Multiply-adds of the matrix products of one step times two, without the first layer's input gradient. */
export function flopsPerStep({ batch, sizes }: Workload): number {
  let flops = 0;
  for (let i = 0; i + 1 < sizes.length; i++) {
    flops += (i === 0 ? 2 : 3) * 2 * batch * sizes[i]! * sizes[i + 1]!;
  }
  return flops;
}

/** Numerical Recipes' generator; uniform in [−1, 1). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

export interface Inputs {
  readonly x: Float32Array;
  readonly y: Int32Array;
  /** Kernel and bias of each layer, in order. */
  readonly layers: readonly {
    readonly kernel: Float32Array<ArrayBuffer>;
    readonly bias: Float32Array<ArrayBuffer>;
  }[];
}

export function makeInputs({ batch, sizes }: Workload): Inputs {
  const next = generator(batch + sizes.length);
  const x = Float32Array.from({ length: batch * sizes[0]! }, next);
  const y = Int32Array.from({ length: batch }, () =>
    Math.floor(((next() + 1) / 2) * sizes.at(-1)!),
  );
  const layers = sizes.slice(1).map((units, i) => {
    const limit = Math.sqrt(6 / (sizes[i]! + units));
    const kernel = Float32Array.from({ length: sizes[i]! * units }, () => limit * next());
    return { kernel, bias: new Float32Array(units) };
  });
  return { x, y, layers };
}

/** Writes what bench/peers/torch_step.py reads. */
export function writeInputs(folder: string, workload: Workload, inputs: Inputs): void {
  mkdirSync(folder, { recursive: true });
  const write = (name: string, data: Float32Array | Int32Array): string => {
    writeFileSync(
      join(folder, name),
      new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    );
    return name;
  };
  write("x.f32", inputs.x);
  write("y.i32", inputs.y);
  const layers = inputs.layers.map(({ kernel, bias }, i) => ({
    kernel: write(`kernel${i}.f32`, kernel),
    bias: write(`bias${i}.f32`, bias),
    shape: [workload.sizes[i], workload.sizes[i + 1]],
  }));
  const spec = { x: [workload.batch, workload.sizes[0]], y: [workload.batch], layers };
  writeFileSync(join(folder, "layers.json"), JSON.stringify(spec));
}
