/**
 * A run killed at any moment and continued gives the bits of an unbroken one: weights, optimizer slots, learning
 * rate, callbacks, history and all. The model has everything that a checkpoint must remember.
 */

import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { generator } from "../syntax/mutate.ts";
import { examples, lastJson, nnc, readCheckpointState, runNode, temporaryFolder } from "./nnc.ts";
import { written } from "./written.ts";

const seed = Number(process.env.NNC_FUZZ_SEED ?? 20_261_122);
const folder = temporaryFolder();
const model = join(folder, "resumed.nn");
const trainer = join(folder, "trainer");
const EPOCHS = 6;

const MODEL = `
model Digits {
  input image: u8[N, 28, 28]
  h = image / 255 |> Flatten |> Dense(24, relu) |> Dropout(0.3)
  output digit = h |> Dense(10, softmax)
}

data mnist {
  train {
    image: u8[28, 28] = idx("data/mnist/train-images-idx3-ubyte.gz")
    label: u8         = idx("data/mnist/train-labels-idx1-ubyte.gz")
  }
}

train Digits on mnist {
  loss       categorical_crossentropy(one_hot(label, 10), digit)
  optimizer  Adam(learning_rate = 0.004)
  metrics    accuracy(label, digit)
  epochs     ${EPOCHS}
  batch_size 64
  validation 0.1
  seed       3
  callbacks  EarlyStopping(monitor = "val_loss", patience = 50, restore_best_weights = true),
             ReduceLROnPlateau(monitor = "loss", factor = 0.5, patience = 1, min_delta = 0.05),
             ModelCheckpoint("best.safetensors", monitor = "val_accuracy", save_best_only = true),
             CSVLogger("log.csv")
}
`;

/** What a run leaves in its folder, by file. */
function left(run: string): ReadonlyMap<string, string> {
  return new Map(
    readdirSync(run)
      .sort()
      .map((name) => [name, readFileSync(join(run, name)).toString("base64")]),
  );
}

const checkpoint = "run.safetensors";
const options = ["--json", "--data", examples, "--checkpoint", checkpoint];

function newRun(name: string): string {
  const run = join(folder, name);
  mkdirSync(run);
  return run;
}

let unbroken: ReadonlyMap<string, string>;

beforeAll(async () => {
  writeFileSync(model, MODEL);
  const run = newRun("unbroken");
  const result = lastJson(await nnc(["train", model, ...options], { cwd: run }));
  // Of 844 batches, the last of 24 rows.
  expect(result.updates).toBe(EPOCHS * 844);
  unbroken = left(run);
  expect([...unbroken.keys()]).toEqual(["best.safetensors", "log.csv", checkpoint]);
  const built = await nnc(["build", model, "-o", trainer], { cwd: folder });
  expect(built).toMatchObject({ code: 0 });
}, 120_000);

describe("killed at any moment", () => {
  test.each([1, 2, 3])(
    `and resumed, attempt %i of seed ${seed}`,
    async (attempt) => {
      const random = generator(seed + attempt);
      const run = newRun(`killed-${attempt}`);
      const file = join(run, checkpoint);
      const positions: number[] = [];
      let resume: readonly string[] = [];
      for (let kills = 0; kills < 16; kills++) {
        const interrupt = written(file, 1 + random(12), random(25)).then(() => "SIGKILL" as const);
        const argv = [
          ...options,
          "--checkpoint-seconds",
          "0.002",
          "--threads",
          String(1 + random(2)),
        ];
        const outcome = await runNode([join(trainer, "trainer.js"), ...argv, ...resume], {
          cwd: run,
          interrupt,
        });
        if (outcome.code === 0) {
          if (positions.some((position) => position > 0)) break;
          // It ended before a kill met the middle of an epoch: once more from the start.
          for (const name of readdirSync(run)) rmSync(join(run, name));
          resume = [];
          continue;
        }
        expect(outcome).toMatchObject({ signal: "SIGKILL", errors: "" });
        positions.push(readCheckpointState(file).position);
        resume = ["--resume"];
      }
      expect(positions.some((position) => position > 0)).toBe(true);
      lastJson(await nnc(["train", model, ...options, ...resume], { cwd: run }));
      // What was being written when the process died lies there under a temporary name.
      const kept = [...left(run)].filter(([name]) => !name.endsWith(".tmp"));
      expect(kept.map(([name]) => name)).toEqual([...unbroken.keys()]);
      for (const [name, contents] of kept) {
        expect(contents === unbroken.get(name), `${name} differs, killed at ${positions}`).toBe(
          true,
        );
      }
    },
    240_000,
  );
});

test.each(["SIGINT", "SIGTERM"] as const)(
  "%s saves, and resumes to the same bits",
  async (signal) => {
    const run = newRun(signal);
    const file = join(run, checkpoint);
    // Twice: within the first epoch that has a checkpoint behind it, and within a later one.
    for (const resume of [[], ["--resume"]]) {
      const outcome = await runNode([join(trainer, "trainer.js"), ...options, ...resume], {
        cwd: run,
        interrupt: written(file, 1, 30).then(() => signal),
      });
      expect(outcome).toMatchObject({ code: signal === "SIGINT" ? 130 : 143, errors: "" });
      const last = JSON.parse(outcome.out.trimEnd().split("\n").at(-1)!);
      const { epoch, t } = readCheckpointState(file);
      expect(last).toEqual({ event: "interrupted", epochs: epoch, updates: t, checkpoint });
      expect(t).toBeLessThan(EPOCHS * 844);
    }
    lastJson(await nnc(["train", model, ...options, "--resume"], { cwd: run }));
    expect(left(run)).toEqual(unbroken);
  },
  120_000,
);

test("a run that has ended has nothing left to do", async () => {
  const run = newRun("ended");
  copyFileSync(join(folder, "unbroken", checkpoint), join(run, checkpoint));
  const { updates, samples_per_second } = lastJson(
    await nnc(["train", model, ...options, "--resume"], { cwd: run }),
  );
  expect([updates, samples_per_second]).toEqual([EPOCHS * 844, null]);
});
