/**
 * Kernels on matrix units keep sums and fragments in registers: in the largest tiles, from every
 * kind of memory, and with long epilogues behind.
 */

import { expect, test } from "vitest";
import type { GraphFunction } from "../../../compiler/kernel/module.ts";
import { describeCuda } from "../../../compiler/targets/cuda/description.ts";
import { printCuda } from "../../../compiler/targets/cuda/print-module.ts";
import { compileVerbosely, needsNvcc, nvcc } from "../../targets/cuda/nvcc.ts";
import { productCase } from "../contraction-cases.ts";
import { type GraphCase, scheduleCase } from "../schedule-case.ts";
import { convolutionGraph } from "./convolution-cases.ts";
import { adam } from "./epilogue-cases.ts";
import { asMultiplied, ways } from "./matrix-cases.ts";

const cases: readonly (() => GraphCase)[] = [
  () => productCase({ letters: "mk,kn->mn", sizes: { m: 4096, k: 4096, n: 4096 } }),
  () => productCase({ letters: "km,nk->mn", sizes: { m: 4096, k: 4096, n: 4096 } }),
  () =>
    productCase({ letters: "mk,kn->mn", sizes: { m: "N", k: 1023, n: 1001 }, batch: [9, 4096] }),
  () => adam(4096, 4095, 9, 2048),
  () =>
    convolutionGraph({
      size: [32, 32],
      kernel: [3, 3],
      stride: 2,
      padding: 1,
      channels: [64, 128],
      batch: [9, 128],
    }),
];

/** The oldest and the usual one; that all compiles for others, too, another test sees. */
const targets = ["arch=compute_80,code=sm_80", "arch=compute_90a,code=sm_90a"];

test.runIf(nvcc !== undefined)(
  `all values stay in registers ${needsNvcc}`,
  async () => {
    // What f16 needs is what bf16 does.
    const different = ways.filter(([operands]) => operands !== "f16");
    const functions = different.flatMap((way) =>
      cases.flatMap((make, i): GraphFunction[] => {
        const target = describeCuda({ precision: way[0] });
        const { program } = scheduleCase(asMultiplied(make(), way), target, true);
        return program.module.functions.map((fn) => ({ ...fn, graph: `${way} ${i}` }));
      }),
    );
    const module = { model: "Products", functions };
    const printed = printCuda([{ architecture: "sm_80", module }], {
      source: "test.nn",
      batchMax: 4096,
    });
    const resources = await compileVerbosely(printed.sources[0]!, targets);
    expect(resources.length).toBeGreaterThan(targets.length * different.length * cases.length);
    expect(resources.filter(({ spilledBytes }) => spilledBytes > 0)).toEqual([]);
  },
  600_000,
);
