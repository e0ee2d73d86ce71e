/** The same bits: with one thread and with two, and run again. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { examples, lastJson, nnc, temporaryFolder } from "./nnc.ts";

const folder = temporaryFolder();

async function train(example: string, name: string, ...argv: string[]) {
  const checkpoint = join(folder, name);
  const options = ["--json", "--checkpoint", checkpoint, ...argv];
  const result = lastJson(
    await nnc(["train", join(examples, example), ...options], { cwd: folder }),
  );
  return {
    history: result.history,
    test: result.test,
    // Weights, optimizer slots, metric totals and the run's state.
    checkpoint: readFileSync(checkpoint).toString("base64"),
  };
}

// An odd batch size, so that batches end within vectors and chunks; dropout and validation in functional.nn.
test.each([
  ["digits.nn", "2", "128"],
  ["digits.nn", "1", "77"],
  ["digits-512.nn", "1", "128"],
  ["functional.nn", "10", "32"],
  ["custom.nn", "5", "31"],
])("%s, %s epochs, batches of %s", async (example, epochs, batchSize) => {
  const options = ["--epochs", epochs, "--batch-size", batchSize];
  const one = await train(example, "one", ...options, "--threads", "1");
  expect(await train(example, "two", ...options, "--threads", "2")).toEqual(one);
  expect(await train(example, "again", ...options, "--threads", "2")).toEqual(one);
  const other = await train(example, "other", ...options, "--threads", "1", "--seed", "12345");
  expect(other.checkpoint).not.toBe(one.checkpoint);
});
