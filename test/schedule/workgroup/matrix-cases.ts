/**
 * Products on matrix units, run as CUDA on the emulation, beside the float64 interpreter with operands rounded the same
 * way. Products of rounded operands are exact in f32 (at most 11 bits by 11), so only sums differ: k numbers added up
 * in any order, each addition off by 2⁻²⁴ of a sum that is at most Σ|a·b|, or by twice that where units truncate, are off
 * by at most k · 2⁻²³ · Σ|a·b|.
 */

import { expect } from "vitest";
import { loadsOf } from "../../../compiler/graph/context.ts";
import { interpret } from "../../../compiler/graph/interpret.ts";
import { type NarrowFloat, roundToNarrow } from "../../../compiler/graph/narrow-floats.ts";
import type { LoadScalar, Scalar, Value } from "../../../compiler/graph/node.ts";
import { rewriteGraph } from "../../../compiler/graph/rewrite.ts";
import { identityIndex } from "../../../compiler/optimize/fusion/copies.ts";
import { tiledContraction } from "../../../compiler/optimize/fusion/tiled-contraction.ts";
import { describeCuda } from "../../../compiler/targets/cuda/description.ts";
import type { Case } from "../contraction-cases.ts";
import type { GraphCase } from "../schedule-case.ts";
import type { ConvolutionCase } from "./convolution-cases.ts";
import { type CudaGraphOutcome, runOnCuda } from "./run-cuda-graph.ts";

export type Operands = "tf32" | NarrowFloat;

/** How operands get to the units: by copies of what memory has, or through registers. */
export type Way = readonly [operands: Operands, memory: "f32" | NarrowFloat];

export const ways: readonly Way[] = [
  ["bf16", "bf16"],
  ["bf16", "f32"],
  ["f16", "f16"],
  ["tf32", "f32"],
];

/** Rounds the operands of products to a narrow float in memory: leaves are of it, other values stored so. */
export function withNarrowOperands(test: GraphCase, dtype: NarrowFloat): GraphCase {
  const { context } = test;
  const stored = (value: Value): Value => {
    const { node, shape } = value;
    if (node.kind === "leaf") return context.leaf(node.role, `${node.path}.${dtype}`, dtype, shape);
    const element = context.load(value, identityIndex(shape.length));
    return context.compute({ parallel: shape, body: context.cast(element, dtype) }).values[0]!;
  };
  const leaf: GraphCase["leaf"] = (role, path) => test.leaf(role, path.replace(`.${dtype}`, ""));
  const narrow = ({ value, index, guard }: LoadScalar) => context.load(stored(value), index, guard);
  return { ...withOperands(test, narrow), leaf };
}

/** Rounds the operands of products to a narrow float where they are read. */
export function withRoundedOperands(test: GraphCase, dtype: NarrowFloat): GraphCase {
  return withOperands(test, (load) => test.context.cast(load, dtype));
}

function withOperands(test: GraphCase, narrow: (load: LoadScalar) => Scalar): GraphCase {
  const { context, graph } = test;
  const rounded = rewriteGraph(context, graph, (node) => {
    if (node.kind !== "compute") return undefined;
    if (tiledContraction(node, graph.batchMax) === undefined) return undefined;
    const factors = loadsOf(node.body).map((load) => context.cast(narrow(load), "f32"));
    const { parallel, reduction, where } = node;
    const body = context.call("multiply", factors[0]!, factors.at(-1)!);
    return context.compute({ parallel, reduction, reducer: "sum", where, body }).values;
  });
  return { ...test, graph: rounded };
}

/** What units make of a number: halves to nearest, ties to even; tf32's 10 bits of fraction to nearest, ties away. */
export function roundOperand(value: number, operands: Operands): number {
  if (operands !== "tf32") return roundToNarrow(value, operands);
  const bits = new Uint32Array(Float32Array.of(value).buffer);
  bits[0] = (bits[0]! + 0x1000) & ~0x1fff;
  return new Float32Array(bits.buffer)[0]!;
}

/** The leaves of products, rounded as units do. */
export function rounded(each: GraphCase, operands: Operands): GraphCase {
  const leaf: GraphCase["leaf"] = (role, path) =>
    Float64Array.from(each.leaf(role, path), (value) => roundOperand(value, operands));
  return { ...each, leaf };
}

function magnitudes(each: GraphCase): GraphCase {
  const leaf: GraphCase["leaf"] = (role, path) =>
    Float64Array.from(each.leaf(role, path), (value) => Math.abs(value));
  return { ...each, leaf };
}

/** The graph as it says what is multiplied. */
export function asMultiplied(each: GraphCase, [operands, memory]: Way): GraphCase {
  if (memory !== "f32") return withNarrowOperands(each, memory);
  return operands === "tf32" ? each : withRoundedOperands(each, operands);
}

export interface RunOptions {
  readonly fusion?: boolean;
  /** Of the device: with few, tiles are as large as multiprocessors have room for. */
  readonly multiprocessors?: number;
  /** Whether shapes may be too small for units: leaves are then rounded beforehand, for it to make no difference. */
  readonly mayFallBack?: boolean;
}

export async function runOnUnits(
  each: GraphCase,
  [operands, memory]: Way,
  { fusion = false, multiprocessors, mayFallBack = false }: RunOptions = {},
): Promise<CudaGraphOutcome> {
  const narrowed = asMultiplied(each, [operands, memory]);
  const described = describeCuda({ precision: operands });
  const { concurrency } = described.workgroup!;
  const workgroup = { ...described.workgroup!, concurrency: multiprocessors ?? concurrency };
  const target = { ...described, workgroup };
  const outcome = await runOnCuda(narrowed, { fusion, target, order: "shuffled" });
  const name = operands === "tf32" ? "multiply_matrices_tf32" : `multiply_matrices_${operands}(`;
  if (!mayFallBack) expect(outcome.kernels.source).toContain(name);
  return outcome;
}

/** Results of products of leaves, within what sums of `points` numbers may be off. */
export async function checkProducts(
  each: GraphCase,
  way: Way,
  pointsOf: (result: string) => number,
  options: RunOptions = {},
): Promise<void> {
  const reference = rounded(each, way[0]);
  const wanted = interpret(reference.graph, reference).results;
  const bounds = interpret(reference.graph, magnitudes(reference)).results;
  const given = options.mayFallBack === true ? reference : each;
  const { results } = await runOnUnits(given, way, options);
  for (const [name, data] of wanted) {
    const found = results.get(name)!;
    expect(found.length).toBe(data.length);
    for (let i = 0; i < data.length; i++) {
      const bound = pointsOf(name) * 2 ** -23 * bounds.get(name)![i]! + 2 ** -126;
      const isClose = Math.abs(found[i]! - data[i]!) <= bound;
      if (!isClose) expect.fail(`${name}[${i}] = ${found[i]}, not ${data[i]}`);
    }
  }
}

/** How many numbers a result of a product is the sum of. */
export function pointsOfProduct({ letters, sizes, batch: [n] = [1, 1] }: Case): number {
  const [inputs, output] = letters.split("->") as [string, string];
  const summed = [...new Set(inputs.replace(",", ""))].filter((letter) => !output.includes(letter));
  return summed.reduce((product, letter) => {
    const size = sizes[letter as "b" | "k"]!;
    return product * (size === "N" ? n : size);
  }, 1);
}

/** The same of the results of a convolution, by name. */
export function pointsOfConvolution({
  size,
  kernel,
  stride = 1,
  dilation = 1,
  padding = 0,
  channels: [inner, outer],
  batch: [n],
}: ConvolutionCase): Readonly<Record<string, number>> {
  const product = (numbers: readonly number[]) => numbers.reduce((a, b) => a * b, 1);
  const places = size.map(
    (each, i) => Math.floor((each + 2 * padding - dilation * (kernel[i]! - 1) - 1) / stride) + 1,
  );
  const taps = product(kernel);
  return { y: taps * inner, dx: taps * outer, dw: n * product(places) };
}
