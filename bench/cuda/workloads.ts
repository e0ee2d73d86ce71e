/** The jobs of the CUDA benchmarks: which models, which shapes, in which precision. */

import {
  type Precision,
  type ProductForm,
  type ProductJob,
  precisions,
  type StepJob,
  type TrafficJob,
  type TrafficOperation,
} from "./job.ts";

interface Network {
  readonly name: string;
  readonly network: string;
  readonly model: string;
  readonly precisions: readonly Precision[];
  readonly batch: number;
  readonly input: readonly number[];
  /** Sizes for a dry run; `batch` and `input` with them. */
  readonly quick: {
    readonly constants: Readonly<Record<string, number>>;
    readonly batch: number;
    readonly input: readonly number[];
  };
}

/** mlp-big has 784-512-512-10 at batch 128: small for a graphics processor. */
const networks: readonly Network[] = [
  {
    name: "mlp_big",
    network: "mlp",
    model: "mlp-big.nn",
    precisions: ["f32"],
    batch: 128,
    input: [784],
    quick: { constants: {}, batch: 128, input: [784] },
  },
  {
    name: "mlp_wide",
    network: "mlp",
    model: "mlp-wide.nn",
    precisions: ["f32", "tf32", "bf16"],
    batch: 1024,
    input: [1024],
    quick: { constants: { inputs: 32, units: 64, batch: 16 }, batch: 16, input: [32] },
  },
  {
    name: "keras_cnn",
    network: "cnn",
    model: "keras-cnn.nn",
    precisions: ["f32"],
    batch: 128,
    input: [28, 28, 1],
    quick: { constants: { first: 4, second: 8, batch: 4 }, batch: 4, input: [28, 28, 1] },
  },
  {
    name: "resnet_20",
    network: "resnet",
    model: "resnet.nn",
    precisions: ["f32", "bf16"],
    batch: 128,
    input: [32, 32, 3],
    quick: {
      constants: { size: 8, width: 4, blocks: 1, batch: 4 },
      batch: 4,
      input: [8, 8, 3],
    },
  },
  {
    name: "lstm",
    network: "lstm",
    model: "lstm.nn",
    precisions: ["f32"],
    batch: 64,
    input: [28, 28],
    quick: { constants: { steps: 3, inputs: 8, units: 16, batch: 8 }, batch: 8, input: [3, 8] },
  },
  {
    name: "transformer",
    network: "transformer",
    model: "transformer.nn",
    precisions: ["f32", "bf16"],
    batch: 32,
    input: [64, 48],
    quick: {
      constants: { positions: 8, inputs: 12, width: 16, heads: 2, depth: 1, batch: 4 },
      batch: 4,
      input: [8, 12],
    },
  },
];

export function stepJobs(quick: boolean): StepJob[] {
  return networks.flatMap(({ name, network, model, quick: small, ...full }) => {
    const { batch, input } = quick ? small : full;
    const constants = quick ? small.constants : {};
    return full.precisions.map(
      (precision): StepJob => ({
        kind: "step",
        id: `${name}_${precision}`,
        network,
        model,
        constants,
        precision,
        batch,
        input,
      }),
    );
  });
}

interface Shape {
  readonly of: string;
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
  readonly forms: readonly ProductForm[];
}

const square = (size: number): Shape => ({
  of: "square",
  rows: size,
  inner: size,
  columns: size,
  forms: ["forward"],
});

/** A dense layer; `inputs` and `weights` are its gradients. */
const dense = (batch: number, inputs: number, units: number): Shape => ({
  of: "dense",
  rows: batch,
  inner: inputs,
  columns: units,
  forms: ["forward", "inputs", "weights"],
});

/** A convolution of 3×3 as one product over all of its windows, as libraries that copy windows make it. */
const convolution = (pixels: number, channels: number, filters: number): Shape => ({
  of: "convolution",
  rows: pixels,
  inner: 9 * channels,
  columns: filters,
  forms: ["forward", "weights"],
});

const shapes: readonly Shape[] = [
  ...[1024, 2048, 4096, 8192].map(square),
  dense(128, 784, 512),
  dense(128, 512, 512),
  dense(1024, 1024, 4096),
  dense(1024, 4096, 4096),
  dense(4096, 1024, 1024),
  dense(4096, 4096, 4096),
  // Of keras_cnn the second; of resnet_20 the three stages.
  convolution(128 * 11 * 11, 32, 64),
  convolution(128 * 32 * 32, 16, 16),
  convolution(128 * 16 * 16, 32, 32),
  convolution(128 * 8 * 8, 64, 64),
];

const quickShapes: readonly Shape[] = [square(64), dense(16, 48, 32), convolution(50, 2, 8)];

/** The longest first within each precision, so that what a spent budget leaves out is the least of it. */
export function productJobs(quick: boolean): ProductJob[] {
  const jobs = (quick ? quickShapes : shapes).flatMap(({ of, forms, ...shape }) =>
    forms.flatMap((form) =>
      precisions.map((precision): ProductJob => {
        const sizes = productSizes(form, shape);
        const { rows, inner, columns } = sizes;
        const id = `${of}_${form}_${rows}x${inner}x${columns}_${precision}`;
        const model = `product-${form}.nn`;
        return { kind: "product", id, form, model, constants: sizes, precision, ...sizes };
      }),
    ),
  );
  return [...new Map(jobs.map((job) => [job.id, job])).values()];
}

/** Of y, for a layer of `rows` samples, `inner` inputs and `columns` units. */
function productSizes(
  form: ProductForm,
  { rows, inner, columns }: Omit<Shape, "of" | "forms">,
): Omit<Shape, "of" | "forms"> {
  switch (form) {
    case "forward":
      return { rows, inner, columns };
    case "inputs":
      return { rows, inner: columns, columns: inner };
    case "weights":
      return { rows: inner, inner: rows, columns };
  }
}

const operations: readonly Exclude<TrafficOperation, "copy">[] = [
  "adam",
  "softmax",
  "layer-norm",
  "bias-gelu",
];

/** Far more than caches hold. The copy has no model: it is what the others are held against. */
export function trafficJobs(quick: boolean): { copy: TrafficJob; groups: TrafficJob[] } {
  const sizes = quick ? { rows: 16, columns: 64 } : { rows: 16384, columns: 4096 };
  const job = (operation: TrafficOperation): TrafficJob => ({
    kind: "traffic",
    id: `traffic_${operation}`,
    operation,
    model: operation === "copy" ? "" : `traffic-${operation}.nn`,
    constants: sizes,
    precision: "f32",
    ...sizes,
  });
  return { copy: job("copy"), groups: operations.map(job) };
}
