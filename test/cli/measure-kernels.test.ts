/** Kernels with clocks: the same numbers as without, a time for each kernel, and rows that look up what there is. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { compileModel } from "../../compiler/cli/compile-model.ts";
import { drawColumns } from "../../compiler/cli/drawn-columns.ts";
import { measureKernels } from "../../compiler/cli/measure-kernels.ts";
import { compileKernels } from "../../compiler/cli/model-environment.ts";
import { wholeText } from "../../compiler/targets/cpu/c-source.ts";
import { instantiateProgram } from "../../compiler/trainer/instantiate.ts";
import { CpuDevice } from "../../runtime/devices/cpu/cpu-device.ts";
import { ModelRunner } from "../../runtime/training/model-runner.ts";
import { consecutiveRows } from "../../runtime/training/permutation.ts";

const folder = mkdtempSync(join(tmpdir(), "nnc-measure-"));
const entry = join(folder, "words.nn");
writeFileSync(
  entry,
  `model Words {
  input x: i32[N, 12]
  output y = x |> Embedding(50, 8) |> LSTM(8) |> Dense(3)
}

data words {
  train {
    x: i32[12] = npy("x.npy")
    target: i32 = npy("y.npy")
  }
}

train Words on words {
  loss       sparse_categorical_crossentropy(target, y, from_logits = true)
  optimizer  Adam()
  epochs     1
  batch_size 64
}
`,
);
beforeAll(() => {
  vi.stubEnv("XDG_CACHE_HOME", join(folder, "cache"));
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const silent = { out: { write: () => {} }, errors: { write: () => {} }, color: false };

function compiled(clocks: boolean) {
  return compileModel({ entry, target: "cpu", clocks: clocks ? "world" : undefined }, silent);
}

describe("measuring kernels", () => {
  it("gives every kernel of every graph its time", async () => {
    const measured = await measureKernels({ entry, target: "cpu" }, 1, silent);
    const { kernels } = compiled(false).program;
    const { code } = compiled(true).program;
    // Tasks take rows through its loop.
    expect(code.target === "cpu" ? wholeText(code.c) : "").toContain("share(spent, busy, ");
    expect(measured.map(({ name }) => name)).toEqual(kernels.map(({ name }) => name));
    for (const { times, predictedSeconds, ...kernel } of measured) {
      expect(kernel.predictedStepSeconds).toBe(times * predictedSeconds);
      expect(kernel.measuredSeconds).toBeGreaterThanOrEqual(kernel.fastestSeconds);
    }
    const looping = measured.filter(({ graph, times }) => graph === "train" && times === 12);
    expect(looping.length).toBeGreaterThan(0);
    for (const { measuredSeconds } of looping) expect(measuredSeconds).toBeGreaterThan(0);
  });

  it("changes no bit of what is computed", async () => {
    const [plain, timed] = [await trainSteps(false), await trainSteps(true)];
    expect(timed.loss).toEqual(plain.loss);
    expect(timed.weights).toEqual(plain.weights);
  });

  it("draws integers that are in range wherever something is looked up by them", () => {
    const { program, lowered } = compiled(false);
    const { columns } = drawColumns(lowered, program.plan.columns, 64);
    const words = [...columns.get("x")!.data];
    expect(Math.min(...words)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...words)).toBeLessThan(50);
    expect(new Set(words).size).toBe(50);
    expect(Math.max(...columns.get("target")!.data)).toBeLessThan(3);
  });
});

async function trainSteps(clocks: boolean) {
  const { program, lowered } = compiled(clocks);
  const { path: library } = await compileKernels(program, undefined);
  const definition = instantiateProgram(program);
  const { plan } = definition;
  const device = new CpuDevice({ plan, library, threads: 2 });
  const runner = new ModelRunner(definition, device);
  await runner.bind(drawColumns(lowered, plan.columns, 192), ["train"]);
  await runner.initialize(1);
  await runner.run("train", consecutiveRows(0, 192), 64, {
    seed: 1,
    hypers: plan.hypers,
    t: 1,
    batch: 0,
  });
  const outcome = {
    loss: await runner.readResult("train", "loss"),
    weights: await runner.readTensors(),
  };
  device.dispose();
  return outcome;
}
