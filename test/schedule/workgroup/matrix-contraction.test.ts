/** Products on matrix units as CUDA, run on the emulation, against the float64 interpreter with rounded operands.
 */

import { describe, test } from "vitest";
import { interpret } from "../../../compiler/graph/interpret.ts";
import { hasEmulation, needsEmulation } from "../../cuda/emulation.ts";
import { type Case, productCase } from "../contraction-cases.ts";
import type { GraphCase } from "../schedule-case.ts";
import { type ConvolutionCase, convolutionGraph } from "./convolution-cases.ts";
import { adam, dense } from "./epilogue-cases.ts";
import { expectInterpreted } from "./expect-interpreted.ts";
import {
  checkProducts,
  pointsOfConvolution,
  pointsOfProduct,
  rounded,
  runOnUnits,
  ways,
} from "./matrix-cases.ts";

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

describe.runIf(hasEmulation)(`matrix units on emulated CUDA ${needsEmulation}`, () => {
  describe.each(ways)("%s from %s", (...way) => {
    test.each(products)("$letters $sizes", async (each) => {
      const points = pointsOfProduct(each);
      await checkProducts(productCase(each), way, () => points);
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
        const actual = await runOnUnits(each, way, { fusion: true, ...options });
        expectInterpreted(wanted, actual, 2e-5);
      }
    });
  });

  describe.each(ways)("convolutions, %s from %s", (...way) => {
    test.each(convolutions)("$name", async ({ spec }) => {
      const points = pointsOfConvolution(spec);
      await checkProducts(convolutionGraph(spec), way, (name) => points[name]!);
    });
  });
});
