/**
 * Products on matrix units, run as CUDA on the emulation, against the float64 interpreter with operands rounded the same
 * way. Products of rounded operands are exact in f32 (at most 11 bits by 11), so only sums differ: k numbers added up
 * in any order, each addition off by 2⁻²⁴ of a sum that is at most Σ|a·b|, or by twice that where units truncate, are off
 * by at most k · 2⁻²³ · Σ|a·b|.
 */

import { describe, expect, test } from "vitest";
import { interpret } from "../../../compiler/graph/interpret.ts";
import { describeCuda } from "../../../compiler/targets/cuda/description.ts";
import { hasEmulation, needsEmulation } from "../../cuda/emulation.ts";
import { type Case, productCase } from "../contraction-cases.ts";
import type { GraphCase } from "../schedule-case.ts";
import { type ConvolutionCase, convolutionGraph } from "./convolution-cases.ts";
import { adam, dense } from "./epilogue-cases.ts";
import { roundOperand, withNarrowOperands } from "./matrix-cases.ts";
import { type CudaGraphOutcome, runOnCuda } from "./run-cuda-graph.ts";

type Operands = "tf32" | "bf16" | "f16";

/** How operands get to the units: by copies of what memory has, or through registers. */
const ways: readonly (readonly [operands: Operands, memory: "f32" | "bf16" | "f16"])[] = [
  ["bf16", "bf16"],
  ["bf16", "f32"],
  ["f16", "f16"],
  ["tf32", "f32"],
];

const products: readonly Case[] = [
  { letters: "mk,kn->mn", sizes: { m: 40, k: 48, n: 24 } },
  { letters: "mk,nk->mn", sizes: { m: 40, k: 48, n: 24 } },
  { letters: "km,kn->mn", sizes: { m: 40, k: 48, n: 24 } },
  { letters: "km,nk->mn", sizes: { m: 40, k: 48, n: 24 } },
  { letters: "mk,kn->mn", sizes: { m: 17, k: 33, n: 9 } },
  { letters: "mk,nk->mn", sizes: { m: 9, k: 70, n: 33 } },
  { letters: "km,kn->mn", sizes: { m: 35, k: 18, n: 10 } },
  { letters: "km,nk->mn", sizes: { m: 19, k: 17, n: 21 } },
  { letters: "mk,kn->mn", sizes: { m: "N", k: 20, n: 12 }, batch: [3, 40] },
  { letters: "km,kn->mn", sizes: { k: "N", m: 24, n: 20 }, batch: [19, 40] },
  { letters: "bmk,bkn->bmn", sizes: { b: "N", m: 9, k: 16, n: 20 }, batch: [2, 3] },
  { letters: "bmk,bnk->mnb", sizes: { b: 2, m: 10, k: 18, n: 12 } },
  { letters: "bkm,bkn->mn", sizes: { b: "N", k: 6, m: 16, n: 12 }, batch: [3, 5] },
];

const convolutions: readonly { readonly name: string; readonly spec: ConvolutionCase }[] = [
  {
    name: "padded, of 8 channels",
    spec: { size: [5, 6], kernel: [3, 3], padding: 1, channels: [8, 16], batch: [1, 2] },
  },
  {
    name: "strided, of odd channels",
    spec: { size: [9, 8], kernel: [3, 2], stride: 2, padding: 1, channels: [9, 11], batch: [2, 2] },
  },
  {
    name: "dilated",
    spec: { size: [11], kernel: [3], dilation: 2, padding: 2, channels: [16, 10], batch: [3, 4] },
  },
];

const epilogues: Readonly<Record<string, () => GraphCase>> = {
  "relu and dropout": () => dense(80, 24, 19, 40, (f, x) => f.call("maximum", f.number(0), x)),
  "odd columns": () => dense(70, 13, 5, 9, (f, x) => f.call("maximum", f.number(0), x)),
  "a long activation": () =>
    dense(66, 40, 30, 33, (f, x) => f.multiply(x, f.call("erf", f.call("tanh", x)))),
  "Adam's update": () => adam(72, 40, 20, 24),
  "Adam's update of odd columns": () => adam(17, 27, 40, 48),
};

/** The leaves of products, rounded as units do. */
function rounded(each: GraphCase, operands: Operands): GraphCase {
  const leaf: GraphCase["leaf"] = (role, path) =>
    Float64Array.from(each.leaf(role, path), (value) => roundOperand(value, operands));
  return { ...each, leaf };
}

function magnitudes(each: GraphCase): GraphCase {
  const leaf: GraphCase["leaf"] = (role, path) =>
    Float64Array.from(each.leaf(role, path), (value) => Math.abs(value));
  return { ...each, leaf };
}

interface RunOptions {
  readonly fusion?: boolean;
  /** Of the device: with few, tiles are as large as multiprocessors have room for. */
  readonly multiprocessors?: number;
}

async function run(
  each: GraphCase,
  [operands, memory]: (typeof ways)[number],
  { fusion = false, multiprocessors }: RunOptions = {},
): Promise<CudaGraphOutcome> {
  const narrowed = memory === "f32" ? each : withNarrowOperands(each, memory);
  const described = describeCuda({ precision: operands });
  const { concurrency } = described.workgroup!;
  const workgroup = { ...described.workgroup!, concurrency: multiprocessors ?? concurrency };
  const target = { ...described, workgroup };
  const outcome = await runOnCuda(narrowed, { fusion, target, order: "shuffled" });
  const name = operands === "tf32" ? "multiply_matrices_tf32" : `multiply_matrices_${operands}(`;
  expect(outcome.kernels.source).toContain(name);
  return outcome;
}

/** Results of products of leaves, within what sums of `points` numbers may be off. */
async function checkProducts(
  each: GraphCase,
  way: (typeof ways)[number],
  pointsOf: (result: string) => number,
  options: RunOptions = {},
): Promise<void> {
  const reference = rounded(each, way[0]);
  const wanted = interpret(reference.graph, reference).results;
  const bounds = interpret(reference.graph, magnitudes(reference)).results;
  const { results } = await run(each, way, options);
  for (const [name, data] of wanted) {
    const found = results.get(name)!;
    expect(found.length).toBe(data.length);
    for (let i = 0; i < data.length; i++) {
      const bound = pointsOf(name) * 2 ** -23 * bounds.get(name)![i]! + 2 ** -126;
      const difference = Math.abs(found[i]! - data[i]!);
      expect(difference, `${name}[${i}] = ${found[i]}, not ${data[i]}`).toBeLessThanOrEqual(bound);
    }
  }
}

describe.runIf(hasEmulation)(`matrix units on emulated CUDA ${needsEmulation}`, () => {
  describe.each(ways)("%s from %s", (...way) => {
    test.each(products)("$letters $sizes", async (each) => {
      const test = productCase(each);
      const [n] = each.batch ?? [1];
      const points = ["b", "k"]
        .filter((letter) => !each.letters.split("->")[1]!.includes(letter))
        .map((letter) => each.sizes[letter as "b" | "k"] ?? 1)
        .reduce<number>((product, size) => product * (size === "N" ? n : size), 1);
      await checkProducts(test, way, () => points);
    });
  });

  test.each(ways)("in large tiles, %s from %s", async (...way) => {
    for (const letters of ["mk,kn->mn", "km,nk->mn"]) {
      const each = productCase({ letters, sizes: { m: 200, k: 72, n: 144 } });
      await checkProducts(each, way, () => 72, { multiprocessors: 1 });
    }
  });

  describe.each(ways.filter(([operands]) => operands !== "f16"))("%s from %s, with", (...way) => {
    test.each(Object.entries(epilogues))("%s", async (_name, make) => {
      const each = rounded(make(), way[0]);
      const wanted = interpret(each.graph, each);
      for (const options of [{}, { multiprocessors: 1 }]) {
        const actual = await run(each, way, { fusion: true, ...options });
        const compare = (what: string, data: ArrayLike<number>, found: ArrayLike<number>) => {
          expect(found.length, what).toBe(data.length);
          for (let i = 0; i < data.length; i++) {
            const bound = 2e-5 * Math.max(1, Math.abs(data[i]!));
            expect(Math.abs(found[i]! - data[i]!), `${what}[${i}]`).toBeLessThan(bound);
          }
        };
        for (const [name, data] of wanted.results) compare(name, data, actual.results.get(name)!);
        for (const { target, data } of wanted.assignments) {
          const path = target.node.kind === "leaf" ? target.node.path : "";
          compare(path, data, actual.assignments.get(path)!);
        }
      }
    });
  });

  describe.each(ways)("convolutions, %s from %s", (...way) => {
    test.each(convolutions)("$name", async ({ spec }) => {
      const { size, kernel, stride = 1, dilation = 1, padding = 0, channels, batch } = spec;
      const outputs = size.map(
        (each, i) => (each + 2 * padding - dilation * (kernel[i]! - 1) - 1) / stride + 1,
      );
      const product = (numbers: readonly number[]) =>
        numbers.reduce((a, b) => a * Math.floor(b), 1);
      const points: Readonly<Record<string, number>> = {
        y: product([...kernel, channels[0]]),
        dx: product([...kernel, channels[1]]),
        dw: product([...outputs, batch[0]]),
      };
      await checkProducts(convolutionGraph(spec), way, (name) => points[name]!);
    });
  });
});
