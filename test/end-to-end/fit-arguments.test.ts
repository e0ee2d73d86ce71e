/** What a train block and `fit` say besides losses and optimizers, on a model whose every step is known. */

import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { prepareModel } from "../../compiler/cli/prepare-model.ts";
import { LambdaCallback } from "../../runtime/training/callbacks/lambda-callback.ts";
import { trainCommand } from "../../runtime/training/command/train.ts";
import type { TrainOptions } from "../../runtime/training/train-options.ts";
import { temporaryFolder } from "./nnc.ts";
import { type OpenedTrainer, openTrainer } from "./open-trainer.ts";

const ROWS = 6;

/** y = w·x + b, whose gradient is plain; parts have names. */
const model = (body: string, train: string, declarations = ""): string => `
${declarations}
model Line {
  input x: f32[N, 1]
${body}
}
data rows {
  train {
    x: f32[1] = csv("rows.csv", column = "x")
    t: f32[1] = csv("rows.csv", column = "t")
  }
}
train Line on rows {
  batch_size 2
  shuffle false
${train}
}
`;

const usualBody = `  trunk = Dense(1, use_bias = false, kernel_initializer = ones)
  head = Dense(1, use_bias = false, kernel_initializer = ones)
  output y = x |> trunk |> head`;

const data = Array.from({ length: ROWS }, (_, i) => [i / 4, 1 - i / 3] as const);

function write(text: string): string {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "rows.csv"), ["x,t", ...data.map(String)].join("\n"));
  writeFileSync(join(folder, "model.nn"), text);
  return join(folder, "model.nn");
}

async function withTrainer<T>(
  text: string,
  use: (opened: OpenedTrainer & { readonly entry: string }) => Promise<T>,
): Promise<T> {
  const entry = write(text);
  const opened = await openTrainer(entry);
  try {
    return await use({ ...opened, entry });
  } finally {
    opened.trainer.dispose();
  }
}

async function weightsOf({ trainer }: OpenedTrainer): Promise<Record<string, number>> {
  const tensors = await trainer.runner.readTensors();
  return Object.fromEntries([...tensors].map(([name, values]) => [name, values[0]!]));
}

/** The gradient of the mean squared error by both factors of y = a·b·x. */
function gradient(a: number, b: number, rows: readonly (readonly [number, number])[]) {
  const errors = rows.map(([x, t]) => 2 * (a * b * x - t) * x);
  const mean = errors.reduce((total, error) => total + error, 0) / rows.length;
  return { a: mean * b, b: mean * a };
}

const batch = (i: number) => data.slice((i % 3) * 2, (i % 3) * 2 + 2);

const close = (found: number | undefined, wanted: number) =>
  expect(Math.abs(found! - wanted), `${found}, not ${wanted}`).toBeLessThan(1e-5);

describe("freezing and rates of parts", () => {
  const byHand = (steps: number, rates: { a: number; b: number }) => {
    let [a, b] = [1, 1];
    for (let i = 0; i < steps; i++) {
      const g = gradient(a, b, batch(i));
      [a, b] = [a - rates.a * g.a, b - rates.b * g.b];
    }
    return { a, b };
  };
  const cases: readonly [string, string, string, { a: number; b: number }][] = [
    [
      "a frozen layer",
      usualBody.replace("trunk = Dense(1", "trunk = Dense(1, trainable = false"),
      "optimizer SGD(0.1)",
      { a: 0, b: 0.1 },
    ],
    [
      "a factor on a layer's rate",
      usualBody.replace("trunk = Dense(1", "trunk = Dense(1, learning_rate = 0.5"),
      "optimizer SGD(0.1)",
      { a: 0.05, b: 0.1 },
    ],
    [
      "an optimizer of its own",
      usualBody,
      "optimizer SGD(0.1), trunk = SGD(0.02)",
      { a: 0.02, b: 0.1 },
    ],
  ];
  test.each(cases)("%s", async (_, body, optimizer, rates) => {
    await withTrainer(
      model(body, `  loss mse(t, y)\n  ${optimizer}\n  epochs 2`),
      async (opened) => {
        await opened.trainer.fit(opened.columns);
        const found = await weightsOf(opened);
        const { a, b } = byHand(6, rates);
        close(found["Line/trunk/kernel"], a);
        close(found["Line/head/kernel"], b);
      },
    );
  });

  test("accumulated gradients last over the end of an epoch, and over an interruption", async () => {
    const text = model(
      usualBody,
      "  loss mse(t, y)\n  optimizer SGD(0.1, gradient_accumulation_steps = 2, use_ema = true)\n  epochs 2",
    );
    const checkpoint = join(temporaryFolder(), "run.safetensors");
    const halves = await withTrainer(text, async (opened) => {
      await opened.trainer.fit(opened.columns, { epochs: 1, checkpoint });
      await opened.trainer.resume(checkpoint);
      await opened.trainer.fit(opened.columns);
      return weightsOf(opened);
    });
    let [a, b, meanOfA] = [1, 1, 0];
    for (let update = 0; update < 3; update++) {
      const [first, second] = [0, 1].map((i) => gradient(a, b, batch(2 * update + i)));
      [a, b] = [a - 0.05 * (first!.a + second!.a), b - 0.05 * (first!.b + second!.b)];
      meanOfA = update === 0 ? a : 0.99 * meanOfA + 0.01 * a;
    }
    close(halves["sgd/Line/trunk/kernel/gradient_sum"], 0);
    close(halves["Line/trunk/kernel"], meanOfA);
  });

  test("constraints hold after each update", async () => {
    const body = `  param a: f32[1, 1] = 1.0, constraint = MaxNorm(0.75)
  param b: f32[1, 1] = 1.0, constraint = NonNeg, learning_rate = 100
  output y = x @ a @ b`;
    await withTrainer(model(body, "  loss mse(t, y)\n  optimizer SGD(0.1)"), async (opened) => {
      let [a, b] = [1, 1];
      await opened.trainer.fit(opened.columns);
      for (let i = 0; i < 3; i++) {
        const g = gradient(a, b, batch(i));
        [a, b] = [a - 0.1 * g.a, Math.max(0, b - 10 * g.b)];
        const norm = Math.abs(a);
        a *= Math.min(norm, 0.75) / (1e-7 + norm);
      }
      const found = await weightsOf(opened);
      close(found["Line/a"], a);
      close(found["Line/b"], b);
    });
  });
});

const usual = (extra: string, optimizer = "SGD(0.1)", declarations = "") =>
  model(usualBody, `  loss mse(t, y)\n  optimizer ${optimizer}\n  ${extra}`, declarations);

describe("epochs and validation", () => {
  const fitted = (text: string, options: TrainOptions = {}) =>
    withTrainer(text, async (opened) => {
      const { state } = await opened.trainer.fit(opened.columns, options);
      return { state, weights: await weightsOf(opened) };
    });

  test("an epoch of so many steps goes on in the rows where the one before ended", async () => {
    const shuffled = usual("epochs 2\n  shuffle true").replace("shuffle false", "");
    const whole = await fitted(shuffled);
    const parts = await fitted(shuffled, { epochs: 6, stepsPerEpoch: 1 });
    expect(parts.weights["Line/head/kernel"]).toBe(whole.weights["Line/head/kernel"]);
    expect(parts.state.history.epoch).toEqual([0, 1, 2, 3, 4, 5]);
    const longer = await fitted(usual("epochs 1\n  steps_per_epoch 6"), {});
    expect(longer.weights).toMatchObject({
      "Line/head/kernel": (await fitted(usual("epochs 2"))).weights["Line/head/kernel"],
    });
  });

  test("validation runs when it is due, on as many batches as asked for", async () => {
    const text = usual("epochs 4\n  validation 0.5\n  validation_freq 2\n  validation_steps 1");
    const { state } = await fitted(text);
    expect(state.history.history.loss).toHaveLength(4);
    expect(state.history.history.val_loss).toHaveLength(2);
    const chosen = await fitted(text, { validationFreq: [1, 3, 4] });
    expect(chosen.state.history.history.val_loss).toHaveLength(3);
  });

  test("a run may begin with a later epoch", async () => {
    const { state } = await fitted(usual("epochs 5\n  initial_epoch 3"));
    expect(state.history.epoch).toEqual([3, 4]);
  });
});

describe("callbacks", () => {
  test("LearningRateScheduler sets each epoch's rate by a function of the file", async () => {
    const declarations = "fn halved(epoch, rate) = if epoch < 2 then rate else rate / 2";
    const text = usual(
      "epochs 4\n  callbacks LearningRateScheduler(halved)",
      "SGD(0.1)",
      declarations,
    );
    await withTrainer(text, async ({ trainer, columns }) => {
      const { state } = await trainer.fit(columns);
      expect(state.history.history.learning_rate).toEqual([0.1, 0.1, 0.05, 0.025]);
    });
  });

  test("LambdaCallback calls functions around training, epochs and batches", async () => {
    await withTrainer(usual("epochs 2"), async ({ trainer, columns }) => {
      const calls: string[] = [];
      const callback = new LambdaCallback({
        onTrainBegin: () => void calls.push("begin"),
        onEpochBegin: (epoch) => void calls.push(`epoch ${epoch}`),
        onTrainBatchBegin: (i) => void calls.push(`batch ${i}`),
        onTrainBatchEnd: (i, { loss }) => void calls.push(`${i} ${loss! > 0}`),
        onEpochEnd: (epoch) => void calls.push(`end ${epoch}`),
        onTrainEnd: () => void calls.push("over"),
      });
      await trainer.fit(columns, { callbacks: [callback] });
      const batches = [0, 1, 2].flatMap((i) => [`batch ${i}`, `${i} true`]);
      const epochs = [0, 1].flatMap((epoch) => [`epoch ${epoch}`, ...batches, `end ${epoch}`]);
      expect(calls).toEqual(["begin", ...epochs, "over"]);
    });
  });

  const ema = (callbacks: string) =>
    usual(
      `epochs 3\n  validation 0.5\n  ${callbacks}`,
      "SGD(0.1, use_ema = true, ema_momentum = 0.5)",
    );

  test("averages take the place of weights in the end, and with SwapEMAWeights in validation", async () => {
    await withTrainer(ema(""), async (opened) => {
      const { state } = await opened.trainer.fit(opened.columns);
      const found = await weightsOf(opened);
      expect(found["Line/head/kernel"]).toBe(found["sgd/Line/head/kernel/average"]);
      const plain = state.history.history;
      await withTrainer(ema("callbacks SwapEMAWeights()"), async (swapping) => {
        const { state } = await swapping.trainer.fit(swapping.columns);
        expect(state.history.history.loss).toEqual(plain.loss);
        expect(state.history.history.val_loss).not.toEqual(plain.val_loss);
        expect(await weightsOf(swapping)).toMatchObject({
          "Line/head/kernel": found["Line/head/kernel"],
        });
      });
    });
  });

  test("BackupAndRestore goes on where a run broke off, with the same bits", async () => {
    const folder = temporaryFolder();
    const text = usual(`epochs 4\n  callbacks BackupAndRestore("${folder}")`, "Adam(0.1)");
    const whole = await withTrainer(usual("epochs 4", "Adam(0.1)"), async (opened) => {
      await opened.trainer.fit(opened.columns);
      return weightsOf(opened);
    });
    const entry = write(text);
    const first = await openTrainer(entry);
    const broken = new LambdaCallback({
      onEpochBegin: (epoch) => {
        if (epoch === 2) throw new Error("the power is gone");
      },
    });
    const { callbacks } = first.trainer.plan.training!;
    const run = first.trainer.fit(first.columns, { callbacks: [...callbacks, broken] });
    await expect(run).rejects.toThrow("the power is gone");
    first.trainer.dispose();
    expect(existsSync(join(folder, "latest.safetensors"))).toBe(true);
    const second = await openTrainer(entry);
    const quiet = new LambdaCallback({});
    const { state } = await second.trainer.fit(second.columns, {
      callbacks: [...callbacks, quiet],
    });
    expect(state.history.epoch).toEqual([0, 1, 2, 3]);
    expect(await weightsOf(second)).toEqual(whole);
    expect(existsSync(join(folder, "latest.safetensors"))).toBe(false);
    second.trainer.dispose();
  });
});

describe("weights from another model", () => {
  test("fill what they match, under the names that parts have there", async () => {
    const trained = await withTrainer(usual("epochs 2"), async (opened) => {
      await opened.trainer.fit(opened.columns);
      return { bytes: await opened.trainer.weights(), weights: await weightsOf(opened) };
    });
    const body = `  base = Dense(1, use_bias = false, trainable = false)
  top = Dense(1)
  output y = x |> base |> top`;
    const text = model(
      body,
      '  loss mse(t, y)\n  optimizer SGD(0.1)\n  weights "old.safetensors", base = "Line/trunk"',
    );
    const entry = write(text);
    writeFileSync(join(entry, "../old.safetensors"), trained.bytes);
    const output = join(entry, "../new.safetensors");
    const written: string[] = [];
    const out = { write: (line: string) => written.push(line) };
    const environment = await prepareModel({ entry, target: "cpu" }, undefined, {
      out,
      errors: out,
      color: false,
    });
    const checkpoint = join(entry, "../run.safetensors");
    expect(await trainCommand(environment, { output, checkpoint, threads: 1, epochs: 1 })).toBe(0);
    expect(written.join("")).toContain("1 of 3 tensors from ");
    const { trainer } = await openTrainer(entry);
    await trainer.load(output);
    const found = await weightsOf({ trainer, columns: [] });
    expect(found["Line/base/kernel"]).toBe(trained.weights["Line/trunk/kernel"]);
    await expect(trainer.setMatchingWeights(trained.bytes)).rejects.toThrow("Line/base/kernel");
    trainer.dispose();
  });
});
