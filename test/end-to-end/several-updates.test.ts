/** A critic and a generator: two updates for each batch, held to a loop over the interpreter written by hand. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { differentiate } from "../../compiler/autodiff/differentiate.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import { canonicalise } from "../../compiler/optimize/canonicalise.ts";
import type { LoweredProgram } from "../../compiler/semantics/program.ts";
import { emulatedCuda, hasEmulation, needsEmulation } from "../cuda/emulation.ts";
import { hasGpu, needsGpu } from "../runtime/devices/webgpu/software-gpu.ts";
import { lowerText } from "../semantics/lowering.ts";
import { temporaryFolder } from "./nnc.ts";
import { type OpenedTrainer, openTrainer } from "./open-trainer.ts";

const ROWS = 10;
const BATCH = 4;
const EPOCHS = 3;
const SEED = 3;
const CRITIC_STEPS = 2;

const MODEL = `
model Critic {
  input x: f32[N, 2]
  h = x |> Dense(4, tanh) |> Dropout(0.25)
  output score = h |> Dense(1)
}

model Pair {
  input x: f32[N, 2]
  noise = standard_normal([N, 3])
  maker = Dense(2, use_bias = false)
  made = maker(noise) |> BatchNormalization()
  output real = Critic(x)
  output fake = Critic(made)
}

data points {
  train {
    x: f32[2] = csv("rows.csv", columns = ["a", "b"])
  }
}

train Pair on points {
  update Critic {
    loss mean(softplus(-real)) + mean(softplus(fake))
    optimizer Adam(0.05, beta_1 = 0.5)
    steps ${CRITIC_STEPS}
  }
  update maker {
    loss mean(softplus(-fake))
    optimizer RMSprop(ExponentialDecay(0.1, 4, 0.5), momentum = 0.5)
  }
  metrics fooled = mean(fake)
  epochs ${EPOCHS}
  batch_size ${BATCH}
  shuffle false
  validation 0.2
  seed ${SEED}
}
`;

const rows = Array.from({ length: ROWS }, (_, i) => [Math.sin(2 * i), Math.cos(3 * i)]);

let folder: string;

beforeAll(() => {
  folder = temporaryFolder();
  writeFileSync(join(folder, "rows.csv"), ["a,b", ...rows.map(String)].join("\n"));
  writeFileSync(join(folder, "model.nn"), MODEL);
});

const open = (target: "cpu" | "wgsl" | "cuda" = "cpu"): Promise<OpenedTrainer> =>
  openTrainer(join(folder, "model.nn"), { target });

type Tensors = Map<string, ArrayLike<number>>;

/** What training does, graph by graph: the updates of each batch in order, the critic's twice. */
function byHand(program: LoweredProgram, initial: Tensors): { tensors: Tensors; fooled: number } {
  const { context, training } = program;
  const graphs = training!.updates.map(({ graph, steps }) => ({
    graph: differentiate(context, canonicalise(context, graph)),
    steps,
    made: 0,
  }));
  const tensors = new Map(initial);
  let fooled = 0;
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    let total = 0;
    for (let from = 0; from < 8; from += BATCH) {
      const x = rows.slice(from, from + BATCH).flat();
      for (const update of graphs) {
        for (let step = 0; step < update.steps; step++) {
          const { assignments } = interpret(update.graph, {
            n: BATCH,
            seed: SEED,
            batch: update.made,
            leaf: (role, path) => {
              if (role === "input") return x;
              if (role === "counter") return [path === "t" ? update.made + 1 : 0];
              if (role === "hyper") return [training!.hypers[path]!];
              return tensors.get(path)!;
            },
          });
          for (const { target, data } of assignments) {
            if (target.node.kind === "leaf") tensors.set(target.node.path, data);
          }
          update.made++;
        }
      }
      total = tensors.get("metrics/fooled/total")![0]!;
    }
    fooled = total / 8;
    for (const path of tensors.keys()) {
      if (path.startsWith("metrics/")) tensors.set(path, [0]);
    }
  }
  return { tensors, fooled };
}

async function expectByHand(target: "cpu" | "wgsl" | "cuda"): Promise<void> {
  const { program } = lowerText(MODEL);
  const { trainer, columns } = await open(target);
  try {
    const initial = await trainer.runner.readTensors();
    const expected = byHand(program!, new Map(initial));
    const { state } = await trainer.fit(columns);
    const found = await trainer.runner.readTensors();
    for (const { name, role } of trainer.plan.tensors) {
      if (role === "metric") continue;
      const wanted = expected.tensors.get(name)!;
      found.get(name)!.forEach((value, i) => {
        const what = `${name}[${i}] is ${value}, not ${wanted[i]}`;
        expect(Math.abs(value - wanted[i]!), what).toBeLessThan(2e-4);
      });
    }
    const { history } = state.history;
    expect(Object.keys(history)).toEqual([
      ...["loss", "Critic_loss", "maker_loss", "fooled"],
      ...["val_loss", "val_Critic_loss", "val_maker_loss", "val_fooled"],
    ]);
    const last = (name: string) => history[name]!.at(-1)!;
    expect(last("loss")).toBeCloseTo(last("Critic_loss") + last("maker_loss"), 5);
    expect(last("fooled")).toBeCloseTo(expected.fooled, 3);
    expect(state.updates).toEqual({ train_Critic: 2 * 2 * EPOCHS, train_maker: 2 * EPOCHS });
  } finally {
    trainer.dispose();
  }
}

describe("several updates", () => {
  test("train as the loop by hand does", () => expectByHand("cpu"));

  test.runIf(hasGpu)(`train alike on WebGPU ${needsGpu}`, () => expectByHand("wgsl"));

  test.runIf(hasEmulation)(`train alike on emulated CUDA ${needsEmulation}`, async () => {
    const { environment } = await emulatedCuda();
    Object.assign(process.env, environment);
    await expectByHand("cuda");
  });

  test("leave what is no part of them alone, and have learning rates of their own", async () => {
    const { trainer, columns } = await open();
    try {
      expect(trainer.state.hypers).toEqual({ "Critic/learning_rate": 0.05 });
      const before = await trainer.runner.readTensors();
      trainer.setHyper("learning_rate", 0);
      await trainer.trainOnBatch(
        columns.map((column) => ({ ...column, rows: 4, data: column.data.slice(0, 8) })),
      );
      const after = await trainer.runner.readTensors();
      const changed = trainer.plan.tensors.filter(
        ({ name, role }) =>
          role === "param" && String(before.get(name)) !== String(after.get(name)),
      );
      expect(changed.map(({ name }) => name)).toEqual(["Pair/maker/kernel"]);
    } finally {
      trainer.dispose();
    }
  });

  test("go on after an interruption with the same bits", async () => {
    const whole = await open();
    const first = await open();
    const second = await open();
    try {
      await whole.trainer.fit(whole.columns);
      const expected = await whole.trainer.runner.readTensors();
      const path = join(folder, "run.safetensors");
      await first.trainer.fit(first.columns, { epochs: 1, checkpoint: path });
      await second.trainer.restore(readFileSync(path));
      await second.trainer.fit(second.columns);
      const found = await second.trainer.runner.readTensors();
      for (const [name, data] of expected) expect(found.get(name), name).toEqual(data);
      expect(second.trainer.state.updates).toEqual(whole.trainer.state.updates);
    } finally {
      for (const { trainer } of [whole, first, second]) trainer.dispose();
    }
  });
});
