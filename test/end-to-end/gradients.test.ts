/** Models whose losses have derivatives in them, on every target: their weights are those of the interpreter. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { differentiate } from "../../compiler/autodiff/differentiate.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import { verifyGraph } from "../../compiler/graph/verify.ts";
import { canonicalise } from "../../compiler/optimize/canonicalise.ts";
import { emulatedCuda, hasEmulation, needsEmulation } from "../cuda/emulation.ts";
import { hasGpu, needsGpu } from "../runtime/devices/webgpu/software-gpu.ts";
import { lowerSound } from "../semantics/lowering.ts";
import { temporaryFolder } from "./nnc.ts";
import { openTrainer, sliceRows } from "./open-trainer.ts";

const ROWS = 12;
const BATCH = 5;
const STEPS = 3;

const trained = (size: number, model: string, loss: string): string => `${model}

data points {
  train {
    x: f32[${size}] = csv("rows.csv", columns = 0..${size}, header = false)
  }
}

train Trained on points {
  loss       ${loss}
  optimizer  SGD(0.01, momentum = 0.5)
  metrics    slope = mean(abs(slope))
  batch_size ${BATCH}
}
`;

/** Wasserstein critics as Gulrajani et al. (2017) train them. */
const penalised = (critic: string): string =>
  trained(
    8,
    `
model Critic {
  input x: f32[N, 8]
  output score = x ${critic} |> Dense(1)
}

model Trained {
  input x: f32[N, 8]
  made = standard_normal([N, 3]) |> Dense(8, tanh)
  e = uniform([N, 1])
  mixed = e * x + (1 - e) * made
  output slope = gradient(Critic(mixed), mixed)
  output gap = Critic(made) - Critic(x)
}`,
    "mean(gap) + 10 * mean((sqrt(sum(slope^2, axis = 1) + 1e-6) - 1)^2)",
  );

const models = {
  "a critic of convolutions": penalised(
    `|> Reshape([4, 2, 1]) |> Conv2D(3, 2, padding = "same") |> LeakyReLU(0.2) |> LayerNormalization
      |> MaxPooling2D |> Flatten |> Dropout(0.25) |> Dense(4, tanh)`,
  ),
  "a recurrent critic": penalised("|> Reshape([4, 2]) |> SimpleRNN(3)"),
  "the heat equation": trained(
    2,
    `
model Heat {
  input x: f32[N]
  input t: f32[N]
  u = stack([x, t], axis = -1) |> Dense(6, tanh) |> Dense(6, tanh) |> Dense(1)
  output y = u[:, 0]
}

model Trained {
  input x: f32[N, 2]
  place = x[:, 0]
  time = x[:, 1]
  u = Heat(place, time)
  output slope = gradient(u, place)
  output residual = gradient(u, time) - 0.1 * gradient(slope, place)
  output start = Heat(place, zeros([N])) - sin(place)
}`,
    "mean(residual^2) + mean(start^2)",
  ),
};

async function expectAlike(model: string, target: "cpu" | "wgsl" | "cuda"): Promise<void> {
  const folder = temporaryFolder();
  const rows = Array.from({ length: ROWS }, (_, i) =>
    Array.from({ length: 8 }, (_, k) => Math.fround(Math.sin(2 * i + 3 * k))),
  );
  writeFileSync(join(folder, "model.nn"), model);
  writeFileSync(join(folder, "rows.csv"), rows.map(String).join("\n"));
  const { context, training } = lowerSound(model);
  const graph = differentiate(context, canonicalise(context, training!.train));
  verifyGraph(graph);
  const { trainer, columns } = await openTrainer(join(folder, "model.nn"), {
    target,
    selfTest: target === "cpu",
  });
  try {
    const size = columns[0]!.data.length / ROWS;
    const tensors = new Map<string, ArrayLike<number>>(await trainer.runner.readTensors());
    for (let step = 0; step < STEPS; step++) {
      // The last batch is a partial one.
      const [from, to] = [step * BATCH, Math.min(ROWS, (step + 1) * BATCH)];
      const { loss } = await trainer.trainOnBatch(sliceRows(columns, from, to));
      const x = rows.slice(from, to).flatMap((row) => row.slice(0, size));
      const { results, assignments } = interpret(graph, {
        n: to - from,
        seed: 0,
        batch: step,
        leaf: (role, path) => {
          if (role === "input") return x;
          if (role === "counter") return [path === "t" ? step + 1 : step];
          return role === "hyper" ? [training!.hypers[path]!] : tensors.get(path)!;
        },
      });
      for (const { target: of, data } of assignments) {
        if (of.node.kind === "leaf") tensors.set(of.node.path, data);
      }
      const expected = results.get("loss")![0]!;
      expect(Math.abs(loss! - expected)).toBeLessThan(1e-5 * (1 + Math.abs(expected)));
    }
    const found = await trainer.runner.readTensors();
    for (const { name, role } of trainer.plan.tensors) {
      if (role === "metric") continue;
      found.get(name)!.forEach((value, i) => {
        const wanted = tensors.get(name)![i]!;
        expect(Math.abs(value - wanted), `${name}[${i}] is ${value}, not ${wanted}`).toBeLessThan(
          1e-5 * (1 + Math.abs(wanted)),
        );
      });
    }
  } finally {
    trainer.dispose();
  }
}

describe.each(Object.entries(models))("%s", (_, model) => {
  test("on the CPU", () => expectAlike(model, "cpu"));

  test.runIf(hasGpu)(`on WebGPU ${needsGpu}`, () => expectAlike(model, "wgsl"));

  test.runIf(hasEmulation)(`on emulated CUDA ${needsEmulation}`, async () => {
    const { environment } = await emulatedCuda();
    Object.assign(process.env, environment);
    await expectAlike(model, "cuda");
  });
});
