/**
 * Hopper's functions as NVIDIA's assembler takes them: in kernels of every kind of product, with sums in registers, products
 * under way together, and registers handed from the producer to the consumers.
 */

import { expect, test } from "vitest";
import { describeCuda } from "../../../compiler/targets/cuda/description.ts";
import { printCuda } from "../../../compiler/targets/cuda/print-module.ts";
import { type Case, productCase } from "../../schedule/contraction-cases.ts";
import { type GraphCase, scheduleCase } from "../../schedule/schedule-case.ts";
import { adam, dense } from "../../schedule/workgroup/epilogue-cases.ts";
import { withNarrowOperands } from "../../schedule/workgroup/matrix-cases.ts";
import { compileVerbosely, needsNvcc, nvcc } from "./nvcc.ts";

const large = { m: 8192, k: 8192, n: 8192 };

const products: readonly (readonly [Case, "bf16" | "f16" | "tf32"])[] = [
  [{ letters: "mk,nk->mn", sizes: large }, "bf16"],
  [{ letters: "mk,kn->mn", sizes: { m: 1024, k: 768, n: 3072 } }, "f16"],
  [{ letters: "km,nk->mn", sizes: { m: 768, k: 1024, n: 768 } }, "bf16"],
  [{ letters: "km,kn->mn", sizes: { m: 768, k: "N", n: 3072 }, batch: [1, 4096] }, "bf16"],
  [{ letters: "mk,nk->mn", sizes: large }, "tf32"],
  [{ letters: "bmk,bnk->bmn", sizes: { b: "N", m: 128, k: 64, n: 128 }, batch: [1, 64] }, "bf16"],
  [{ letters: "mk,nk->mn", sizes: { m: 256, k: 512, n: 256 } }, "bf16"],
];

const maps: readonly GraphCase[] = [
  dense(1024, 4096, 1, 8192, (f, x) => f.call("maximum", f.number(0), x)),
  dense(1024, 4096, 1, 8192, (f, x) => f.multiply(x, f.call("erf", x))),
  adam(4096, 4096, 1, 8192),
];

/** Whether threads of the kernel take registers from others. */
function movesRegisters(source: string, kernel: string): boolean {
  const start = source.indexOf(` ${kernel}(`);
  const end = source.indexOf("\n}\n", start);
  return /increase_registers_232\(\)[\s\S]*decrease_registers_40\(\)/.test(
    source.slice(start, end),
  );
}

test.runIf(nvcc !== undefined)(
  `products of warpgroups compile, with all sums in registers ${needsNvcc}`,
  async () => {
    const cases = [
      ...products.map(([each, precision]) => {
        const product = productCase(each);
        const test = precision === "tf32" ? product : withNarrowOperands(product, precision);
        return { test, precision };
      }),
      ...maps.map((each) => ({
        test: withNarrowOperands(each, "bf16"),
        precision: "bf16" as const,
      })),
    ];
    const functions = cases.flatMap(({ test, precision }, i) => {
      const target = describeCuda({ precision, architecture: "sm_90a" });
      const { functions } = scheduleCase(test, target, true).program.module;
      return functions.map((fn) => ({ ...fn, graph: `${fn.graph}_${i}` }));
    });
    const { sources, program } = printCuda(
      [{ architecture: "sm_90a", module: { model: "products", functions } }],
      { source: "products.nn", batchMax: 8192 },
    );
    expect(sources[0]!.match(/^ +multiply_warpgroup_/gm)?.length).toBe(4 * cases.length);
    const { kernels } = program.variants[0]!;
    const { sharedBytes } = describeCuda({ precision: "bf16", architecture: "sm_90a" }).workgroup!
      .matrix!;
    expect(kernels.filter((kernel) => kernel.sharedBytes > sharedBytes)).toEqual([]);
    const resources = await compileVerbosely(sources[0]!, ["arch=compute_90a,code=sm_90a"]);
    expect(resources.length).toBeGreaterThanOrEqual(cases.length);
    expect(resources.filter(({ spilledBytes }) => spilledBytes > 0)).toEqual([]);
    // What producers give up is what consumers wait for, without end if there is less of it.
    const moving = resources.filter(({ name }) => movesRegisters(sources[0]!, name));
    expect(moving.length).toBeGreaterThan(0);
    expect(moving.filter(({ registers }) => 3 * registers < 40 + 2 * 232)).toEqual([]);
  },
  60_000,
);
