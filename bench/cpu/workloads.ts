/** What `npm run bench` measures on the CPU: which models, on which data, and how much arithmetic a step of each is. */

import {
  flopsForward,
  flopsPerStep,
  type Workload as LayeredWorkload,
  workloads as layeredWorkloads,
} from "../inputs.ts";

export interface CpuWorkload {
  readonly name: string;
  /** File in bench/models. */
  readonly model: string;
  /** As bench/peers/cpu/networks.py knows it. */
  readonly network: string;
  readonly optimizer: "rmsprop" | "adam";
  /** Crossentropy of classes, or of yes and no. */
  readonly loss: "classes" | "binary";
  /** Rows of a batch unless others are asked for. */
  readonly batch: number;
  /** What integer columns are drawn below; `x` where the model takes words. */
  readonly below: { readonly x?: number; readonly y: number };
  /** Layer by layer, for peers that build it from that; null where it is no such chain. */
  readonly layered: LayeredWorkload | null;
  /**
   * Of a training step at a batch size: products and convolutions, a multiply-add counted as two, forward and both
   * gradients but without that of the data. Attention is counted whole, not half for what it does not see.
   */
  readonly stepFlops: (batch: number) => number;
}

/** `positions` rows a sample, each of `inner` numbers, times a matrix of so many columns. */
interface Product {
  readonly positions: number;
  readonly inner: number;
  readonly columns: number;
  /** Of data, which need no gradient. */
  readonly isFirst?: true;
}

function flopsOf(products: readonly Product[]): (batch: number) => number {
  const ofSample = products.reduce(
    (sum, { positions, inner, columns, isFirst }) =>
      sum + (isFirst ? 2 : 3) * 2 * positions * inner * columns,
    0,
  );
  return (batch) => batch * ofSample;
}

function layered(name: string): Pick<CpuWorkload, "layered" | "optimizer" | "batch" | "stepFlops"> {
  const found = layeredWorkloads.find((workload) => workload.name === name);
  if (found === undefined) throw new Error(`no workload ${name}`);
  return {
    layered: found,
    optimizer: found.optimizer,
    batch: found.batch,
    stepFlops: (batch) => flopsPerStep({ ...found, batch }),
  };
}

const square = (size: number) => size * size;

/** Two convolutions of 3×3, and a shortcut of 1×1 where the size halves. */
function residual(size: number, from: number, filters: number): Product[] {
  const positions = square(size);
  const convolution = (channels: number, window: number) => ({
    positions,
    inner: window * channels,
    columns: filters,
  });
  const shortcut = from === filters ? [] : [convolution(from, 1)];
  return [convolution(from, 9), convolution(filters, 9), ...shortcut];
}

const resnetProducts: readonly Product[] = [
  { positions: square(32), inner: 9 * 3, columns: 16, isFirst: true },
  ...residual(32, 16, 16),
  ...residual(16, 16, 32),
  ...residual(8, 32, 64),
  { positions: 1, inner: 64, columns: 10 },
];

const wordProducts: readonly Product[] = [
  // The four gates from a word and from the state before.
  { positions: 200, inner: 32 + 32, columns: 4 * 32 },
  { positions: 1, inner: 32, columns: 1 },
];

const blockProducts: readonly Product[] = [
  { positions: 128, inner: 128, columns: 3 * 128 },
  // Scores of all pairs of positions, and their mixture: over all heads as many as for one of the whole width.
  { positions: 128, inner: 128, columns: 128 },
  { positions: 128, inner: 128, columns: 128 },
  { positions: 128, inner: 128, columns: 128 },
  { positions: 128, inner: 128, columns: 4 * 128 },
  { positions: 128, inner: 4 * 128, columns: 128 },
];

const gptProducts: readonly Product[] = [
  ...Array.from({ length: 4 }, () => blockProducts).flat(),
  { positions: 128, inner: 128, columns: 65 },
];

export const cpuWorkloads: readonly CpuWorkload[] = [
  {
    name: "mlp_small",
    model: "mlp-small.nn",
    network: "mlp",
    loss: "classes",
    below: { y: 10 },
    ...layered("mlp_small"),
  },
  {
    name: "mlp_big",
    model: "mlp-big.nn",
    network: "mlp",
    loss: "classes",
    below: { y: 10 },
    ...layered("mlp_big"),
  },
  {
    name: "cnn",
    model: "cnn-big.nn",
    network: "cnn",
    loss: "classes",
    below: { y: 10 },
    ...layered("cnn_big"),
  },
  {
    name: "resnet8",
    model: "resnet8.nn",
    network: "resnet8",
    optimizer: "adam",
    loss: "classes",
    batch: 64,
    below: { y: 10 },
    layered: null,
    stepFlops: flopsOf(resnetProducts),
  },
  {
    name: "lstm",
    model: "lstm-words.nn",
    network: "words",
    optimizer: "adam",
    loss: "binary",
    batch: 128,
    below: { x: 10_000, y: 2 },
    layered: null,
    stepFlops: flopsOf(wordProducts),
  },
  {
    name: "gpt",
    model: "gpt.nn",
    network: "gpt",
    optimizer: "adam",
    loss: "classes",
    batch: 16,
    below: { x: 65, y: 65 },
    layered: null,
    stepFlops: flopsOf(gptProducts),
  },
];

/** Of one forward pass; of workloads that are chains of layers. */
export function inferenceFlops({ name, layered: chain }: CpuWorkload, batch: number): number {
  if (chain === null) throw new Error(`${name} is not measured at inference`);
  return flopsForward({ ...chain, batch });
}
