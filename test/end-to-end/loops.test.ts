/** A model with loops, trained: by one thread and by two, and on WebGPU as on the CPU. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { hash32, uniformAt } from "../../compiler/graph/threefry.ts";
import { emulatedCuda, hasEmulation, needsEmulation } from "../cuda/emulation.ts";
import { hasGpu, needsGpu } from "../runtime/devices/webgpu/software-gpu.ts";
import { temporaryFolder } from "./nnc.ts";
import { type OpenOptions, openTrainer } from "./open-trainer.ts";
import { distance, trainSteps } from "./train-steps.ts";

/** As for models without loops, see `parity.test.ts`. */
const BOUND = 1e-5;

const SOURCE = `
layer Memory(units: int)(x: f32[N, T, I]) {
  param kernel: f32[I, 4*units] = glorot_uniform
  param recurrent: f32[units, 4*units] = orthogonal
  (h, c) = scan t in T from (zeros([N, units]), zeros([N, units])) {
    (i, f, g, o) = split(x[:, t] @ kernel + h @ recurrent, 4)
    c' = sigmoid(f) * c + sigmoid(i) * tanh(g)
    h' = sigmoid(o) * tanh(c')
  }
  return h.all
}

/// Steps of steps, from the last on.
layer Settled()(x: f32[N, T, I]) -> f32[N, I] {
  param w: f32[I, I] = glorot_uniform
  s = scan t in T reversed from zeros([N, I]) checkpoint every 2 {
    r = scan k in 2 from s { r' = tanh(r @ w + x[:, t]) }
    s' = if t == 0 then r + s else r
  }
  return s
}

model M {
  input x: f32[N, 5, 3]
  output y = x |> Memory(4) |> Settled |> Dense(1)
}

data d {
  train {
    x: f32[5, 3] = csv("rows.csv", columns = 0..15, header = false)
    t: f32[1]    = csv("rows.csv", columns = 15..16, header = false)
  }
}

train M on d {
  loss       mse(t, y)
  optimizer  Adam(0.01)
  batch_size 6
}
`;

function modelFolder(): string {
  const folder = temporaryFolder();
  const row = (n: number) =>
    Array.from({ length: 16 }, (_, i) => (2 * uniformAt(5, hash32("row"), n, i) - 1).toFixed(4));
  writeFileSync(
    join(folder, "rows.csv"),
    Array.from({ length: 40 }, (_, n) => `${row(n).join(",")}\n`).join(""),
  );
  writeFileSync(join(folder, "model.nn"), SOURCE);
  return folder;
}

describe("a model with loops", () => {
  const dataFolder = modelFolder();
  const model = join(dataFolder, "model.nn");
  const trained = (options: OpenOptions) => trainSteps(model, { dataFolder, ...options });

  test("trains to the same bits by two threads", async () => {
    const one = await trained({});
    expect(one.losses.at(-2)!).toBeLessThan(one.losses[0]!);
    expect(await trained({ threads: 2 })).toEqual(one);
  });

  test.runIf(hasGpu)(`passes its self-test on WebGPU ${needsGpu}`, async () => {
    const { trainer } = await openTrainer(model, { dataFolder, target: "wgsl" });
    try {
      const { compared, deviations } = await trainer.selfTest();
      expect(deviations).toEqual([]);
      expect(compared).toBeGreaterThan(50);
    } finally {
      trainer.dispose();
    }
  });

  test.runIf(hasGpu)(`trains on WebGPU as on the CPU ${needsGpu}`, async () => {
    const cpu = await trained({});
    expect(distance(await trained({ target: "wgsl" }), cpu)).toBeLessThanOrEqual(BOUND);
  });

  test.runIf(hasEmulation)(
    `trains on CUDA as on the CPU, to the same bits where blocks cannot meet ${needsEmulation}`,
    async () => {
      const { environment } = await emulatedCuda();
      for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
      try {
        const cuda = await trained({ target: "cuda" });
        expect(distance(cuda, await trained({}))).toBeLessThanOrEqual(BOUND);
        vi.stubEnv("NNC_EMULATION_COOPERATIVE", "0");
        expect(await trained({ target: "cuda" })).toEqual(cuda);
      } finally {
        vi.unstubAllEnvs();
      }
    },
  );
});
