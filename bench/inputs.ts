/**
 * Models that are chains of layers, for peers that build them from that: what each layer is, and the batch and the initial
 * weights that all start from. Random numbers come from a fixed linear congruential generator, so that a rerun measures the same work.
 */

import { writeFileSync } from "node:fs";

export type Layer =
  | { readonly kind: "dense"; readonly units: number; readonly relu: boolean }
  /** Square, stride 1, no padding, followed by relu. */
  | { readonly kind: "convolution"; readonly filters: number; readonly size: number }
  /** The maximum of squares that lie side by side; what is left at the edges is dropped. */
  | { readonly kind: "max_pool"; readonly size: number }
  | { readonly kind: "flatten" };

export interface Workload {
  readonly name: string;
  /** File in bench/models. */
  readonly model: string;
  readonly optimizer: "rmsprop" | "adam";
  readonly batch: number;
  /** Shape of one sample; of images height, width, channels. */
  readonly input: readonly number[];
  readonly layers: readonly Layer[];
}

export const workloads: readonly Workload[] = [
  {
    name: "mlp_small",
    model: "mlp-small.nn",
    optimizer: "rmsprop",
    batch: 128,
    input: [784],
    layers: mlp(32),
  },
  {
    name: "mlp_big",
    model: "mlp-big.nn",
    optimizer: "adam",
    batch: 128,
    input: [784],
    layers: mlp(512, 512),
  },
  {
    name: "cnn_small",
    model: "cnn-small.nn",
    optimizer: "adam",
    batch: 32,
    input: [14, 14, 1],
    layers: [...convolutions(8, 16), { kind: "flatten" }, ...mlp()],
  },
  {
    name: "cnn_big",
    model: "cnn-big.nn",
    optimizer: "adam",
    batch: 64,
    input: [28, 28, 1],
    layers: [...convolutions(32, 64), { kind: "flatten" }, ...mlp(64)],
  },
];

function mlp(...hidden: number[]): Layer[] {
  const layers = hidden.map((units): Layer => ({ kind: "dense", units, relu: true }));
  return [...layers, { kind: "dense", units: 10, relu: false }];
}

function convolutions(...filters: number[]): Layer[] {
  return filters.flatMap((count): Layer[] => [
    { kind: "convolution", filters: count, size: 3 },
    { kind: "max_pool", size: 2 },
  ]);
}

export interface ShapedLayer {
  readonly layer: Layer;
  /** Of one sample. */
  readonly from: readonly number[];
  readonly to: readonly number[];
  /** Of the kernel, `[inputs, units]` or `[height, width, channels, filters]`; null without weights. */
  readonly kernel: readonly number[] | null;
}

/** The layers with the shapes between them. */
export function shapedLayers({ input, layers }: Workload): ShapedLayer[] {
  let from = input;
  return layers.map((layer) => {
    const shaped = shapeLayer(layer, from);
    from = shaped.to;
    return { layer, ...shaped };
  });
}

function shapeLayer(layer: Layer, from: readonly number[]): Omit<ShapedLayer, "layer"> {
  const [height = 1, width = 1, channels = 1] = from;
  switch (layer.kind) {
    case "dense":
      return { from, to: [layer.units], kernel: [height, layer.units] };
    case "convolution": {
      const { filters, size } = layer;
      const to = [height - size + 1, width - size + 1, filters];
      return { from, to, kernel: [size, size, channels, filters] };
    }
    case "max_pool": {
      const to = [Math.floor(height / layer.size), Math.floor(width / layer.size), channels];
      return { from, to, kernel: null };
    }
    case "flatten":
      return { from, to: [product(from)], kernel: null };
  }
}

export function product(sizes: readonly number[]): number {
  return sizes.reduce((all, size) => all * size, 1);
}

/**
 * Multiply-adds of the matrix products and convolutions of one step times two, without the input gradient of the
 * first layer.
 */
export function flopsPerStep(workload: Workload): number {
  return sumFlops(workload, (layer) => (layer === 0 ? 2 : 3));
}

/** The same of a forward pass alone. */
export function flopsForward(workload: Workload): number {
  return sumFlops(workload, () => 1);
}

function sumFlops(workload: Workload, products: (layer: number) => number): number {
  let flops = 0;
  for (const [i, { to, kernel }] of shapedLayers(workload).entries()) {
    if (kernel === null) continue;
    const outputs = workload.batch * product(to);
    flops += products(i) * 2 * outputs * product(kernel.slice(0, -1));
  }
  return flops;
}

/** Numerical Recipes' generator; uniform in [−1, 1). */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

export interface LayerWeights {
  /** As nnc names layers: `dense`, `dense_1`, … */
  readonly name: string;
  readonly shape: readonly number[];
  readonly kernel: Float32Array<ArrayBuffer>;
  readonly bias: Float32Array<ArrayBuffer>;
}

export interface Inputs {
  readonly x: Float32Array<ArrayBuffer>;
  readonly y: Int32Array<ArrayBuffer>;
  /** Of the layers that have weights, in order. */
  readonly layers: readonly LayerWeights[];
}

export function makeInputs(workload: Workload): Inputs {
  const { batch, input, layers } = workload;
  const next = generator(batch + layers.length + 1);
  const shaped = shapedLayers(workload);
  const classes = shaped.at(-1)!.to[0]!;
  const x = Float32Array.from({ length: batch * product(input) }, next);
  const y = Int32Array.from({ length: batch }, () => Math.floor(((next() + 1) / 2) * classes));
  const weights = namedKernels(workload).map(({ name, shape }): LayerWeights => {
    const window = product(shape.slice(0, -2));
    const [inputs, units] = [shape.at(-2)!, shape.at(-1)!];
    const limit = Math.sqrt(6 / (window * (inputs + units)));
    const kernel = Float32Array.from({ length: product(shape) }, () => limit * next());
    return { name, shape, kernel, bias: new Float32Array(units) };
  });
  return { x, y, layers: weights };
}

/** Of the layers that have weights, in order: what nnc calls them, and their kernels' shapes. */
export function namedKernels(workload: Workload): Pick<LayerWeights, "name" | "shape">[] {
  const seen = new Map<string, number>();
  return shapedLayers(workload).flatMap(({ layer: { kind }, kernel: shape }) => {
    if (shape === null) return [];
    const number = seen.get(kind) ?? 0;
    seen.set(kind, number + 1);
    return [{ name: number === 0 ? kind : `${kind}_${number}`, shape }];
  });
}

/** The elements as they are in memory. */
export function writeArray(path: string, data: Float32Array | Int32Array): void {
  writeFileSync(path, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}
