/**
 * Kernels of random models that fill matrix units, by nvcc: `NNC_FUZZ_RUNS` / 1,000 models in each precision from the
 * seed `NNC_FUZZ_SEED`. They compile without warnings, and contractions keep their sums in registers.
 */

import { describe, expect, test } from "vitest";
import type { KernelModule } from "../../compiler/kernel/module.ts";
import { describeCuda } from "../../compiler/targets/cuda/description.ts";
import { printCuda } from "../../compiler/targets/cuda/print-module.ts";
import type { CudaArchitecture } from "../../runtime/devices/cuda/cuda-program.ts";
import { compileVerbosely, needsNvcc, nvcc } from "../targets/cuda/nvcc.ts";
import type { RandomProgram } from "./check-programs.ts";
import { matrixModels } from "./matrix-models.ts";
import { compileCase } from "./program-library.ts";

const count = Math.ceil(Number(process.env.NNC_FUZZ_RUNS ?? 20_000) / 1000);
const start = Number(process.env.NNC_FUZZ_SEED ?? Date.now() % 2 ** 30);

/** The subroutine of an exact square root, in an epilogue, has ptxas move a word or two out of the way. */
const aroundCalls = 64;

const targets = {
  sm_80: "arch=compute_80,code=sm_80",
  sm_90a: "arch=compute_90a,code=sm_90a",
} as const;

async function checkVariant(
  architecture: CudaArchitecture,
  module: KernelModule,
  batchMax: number,
): Promise<void> {
  const { program, sources } = printCuda([{ architecture, module }], {
    source: "random.nn",
    batchMax,
  });
  const { kernels } = program.variants[0]!;
  const contractions = new Set(
    kernels.flatMap(({ name, computes }) => (computes[0] === "contraction" ? [name] : [])),
  );
  const resources = await compileVerbosely(sources[0]!, [targets[architecture]]);
  const own = resources.filter(({ name }) => contractions.has(name));
  expect(own.length).toBe(contractions.size);
  expect(own.filter(({ spilledBytes }) => spilledBytes > aroundCalls)).toEqual([]);
}

describe.runIf(nvcc !== undefined)(`kernels of random models ${needsNvcc}`, () => {
  test.each(["tf32", "bf16", "f16"] as const)(
    `in %s of seed ${start}`,
    async (precision) => {
      const target = describeCuda({ precision });
      for (let seed = start; seed < start + count; seed++) {
        const [{ program, text }] = matrixModels(precision)(seed, 1) as [RandomProgram];
        const { passes, plan } = compileCase(program, target, { fusion: true });
        try {
          await checkVariant("sm_80", passes.scheduled.module, plan.batchMax);
          await checkVariant("sm_90a", passes.alternative!.module, plan.batchMax);
        } catch (error) {
          throw new Error(`NNC_FUZZ_SEED=${seed}: ${String(error)}\n${text}`, { cause: error });
        }
      }
    },
    0,
  );
});
