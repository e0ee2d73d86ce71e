/**
 * The examples of the library's layers, losses and ways of training, each for as long as it takes to tell that it
 * learns; dsl-examples/README.md says what whole runs give. Bounds lie well below what was measured.
 */

import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { hasShared, needsShared, sharedPath } from "../shared-folder.ts";
import { examples, lastJson, nnc, temporaryFolder } from "./nnc.ts";
import { writeFirstLines } from "./small-data.ts";

const folder = temporaryFolder();

/** One thread: other tests run beside. */
const train = async (example: string, ...argv: string[]) =>
  lastJson(
    await nnc(["train", resolve(examples, example), "--json", "--threads", "1", ...argv], {
      cwd: folder,
    }),
  );

const epochs = (count: number): string[] => ["--epochs", String(count)];

/** A copy of an example that trains for one epoch of so many batches. */
function shortened(example: string, steps: number): string {
  const text = readFileSync(join(examples, example), "utf8");
  const path = join(folder, example);
  writeFileSync(path, text.replace(/^ {2}epochs +\d+$/m, `  epochs 1\n  steps_per_epoch ${steps}`));
  return path;
}

const withData = ["--data", examples];

test.each([
  ["reviews.nn", 4, 0.7],
  ["inception.nn", 8, 0.85],
  ["branches.nn", 10, 0.9],
  ["siamese.nn", 1, 0.75],
  ["cora.nn", 40, 0.65],
  ["lstm.nn", 2, 0.68],
  ["gru.nn", 1, 0.62],
  ["ntm.nn", 1, 0.62],
] as const)("%s after %i epochs", async (example, count, accuracy) => {
  const { test } = await train(example, ...epochs(count));
  expect(test.accuracy).toBeGreaterThanOrEqual(accuracy);
});

test("transformer: a quarter of the characters after 120 batches", async () => {
  const { test } = await train(shortened("transformer.nn", 120), ...withData);
  expect(test.accuracy).toBeGreaterThanOrEqual(0.24);
});

test("digits-conv: 93 % after 200 batches, and its trunk serves another model", async () => {
  const weights = join(folder, "digits-conv.safetensors");
  const short = shortened("digits-conv.nn", 200);
  const first = await train(short, ...withData, "--output", weights);
  expect(first.updates).toBe(200);
  expect(first.test.accuracy).toBeGreaterThanOrEqual(0.93);
  const second = await train("transfer.nn", ...epochs(2), "--weights", weights);
  expect(second.test.accuracy).toBeGreaterThanOrEqual(0.88);
});

test("vae: draws what it has seen", async () => {
  const { test } = await train(shortened("vae.nn", 150), ...withData);
  expect(test.loss).toBeLessThan(205);
});

test("gan: neither of both wins", async () => {
  const { updates, test, history } = await train(shortened("gan.nn", 150), ...withData);
  expect(updates).toBe(2 * 150);
  expect(Object.keys(history)).toEqual([
    "loss",
    "Discriminator_loss",
    "Generator_loss",
    "fooled",
    "seen",
  ]);
  expect(test.Discriminator_loss).toBeGreaterThan(0.4);
  expect(test.Generator_loss).toBeLessThan(4);
});

describe.each([
  ["newswires.nn", "data/reuters46", 9, "accuracy", 0.76],
  ["resnet.nn", "data/cifar10-subset", 1, "accuracy", 0.25],
  ["handwriting.nn", "data/ocr-words", 1, "loss", -22],
] as const)("%s", (example, place, count, figure, bound) => {
  test.runIf(hasShared(place))(`learns ${needsShared(place)}`, async () => {
    const data = join(folder, example);
    mkdirSync(join(data, "data"), { recursive: true });
    symlinkSync(sharedPath(place), join(data, place));
    const { test } = await train(example, ...epochs(count), "--data", data);
    // Losses are to be below a bound, all else above.
    expect(figure === "loss" ? -test[figure]! : test[figure]).toBeGreaterThanOrEqual(bound);
  });
});

const reviews = "data/imdb";
test.runIf(hasShared(reviews))(
  `imdb.nn learns from its first reviews ${needsShared(reviews)}`,
  async () => {
    const data = join(folder, "imdb");
    for (const [name, lines] of [
      ["train", 4000],
      ["test", 1000],
    ] as const) {
      const path = join(reviews, `${name}.jsonl.gz`);
      writeFirstLines(sharedPath(path), join(data, path), lines);
    }
    const { test } = await train("imdb.nn", ...epochs(6), "--data", data);
    expect(test.accuracy).toBeGreaterThanOrEqual(0.8);
  },
);
