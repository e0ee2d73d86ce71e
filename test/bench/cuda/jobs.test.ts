import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { type Job, withConstants } from "../../../bench/cuda/job.ts";
import { productJobs, stepJobs, trafficJobs } from "../../../bench/cuda/workloads.ts";

const models = fileURLToPath(new URL("../../../bench/models", import.meta.url));

function allJobs(quick: boolean): Job[] {
  return [...stepJobs(quick), ...productJobs(quick), ...trafficJobs(quick).groups];
}

test("constants are replaced, and only those that there are", () => {
  const text = "// Of 4 rows.\nconst rows = 4\nconst columns = rows\n";
  expect(withConstants(text, { rows: 8 })).toBe(
    "// Of 4 rows.\nconst rows = 8\nconst columns = rows\n",
  );
  expect(() => withConstants(text, { depth: 1 })).toThrow("no constant depth");
});

test.each([true, false])(
  "jobs have names of their own and models with their constants, quick: %s",
  (quick) => {
    const jobs = allJobs(quick);
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(jobs.length);
    for (const { model, constants } of jobs) {
      const text = readFileSync(join(models, model), "utf8");
      expect(() => withConstants(text, constants)).not.toThrow();
    }
  },
);

test("the gradients of a dense layer are products of its shapes", () => {
  const sizes = (id: string) => {
    const { rows, inner, columns } = productJobs(false).find((job) => job.id === id)!;
    return [rows, inner, columns];
  };
  expect(sizes("dense_forward_128x784x512_f32")).toEqual([128, 784, 512]);
  expect(sizes("dense_inputs_128x512x784_f32")).toEqual([128, 512, 784]);
  expect(sizes("dense_weights_784x128x512_f32")).toEqual([784, 128, 512]);
});

test("every network is measured in float32, as losses are compared there most strictly", () => {
  const networks = (jobs: ReturnType<typeof stepJobs>) =>
    new Set(jobs.map(({ network }) => network));
  const strict = stepJobs(false).filter(({ precision }) => precision === "f32");
  expect(networks(strict)).toEqual(new Set(["mlp", "cnn", "resnet", "lstm", "transformer"]));
});
