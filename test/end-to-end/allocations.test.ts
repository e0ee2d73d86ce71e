/**
 * After the first step nothing is allocated: not by the addon, whose allocations it counts itself, not on the device,
 * whose arenas are planned, and not on the JavaScript heap, however many steps a call makes.
 */

import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { loadNativeAddon } from "../../runtime/devices/cpu/native-addon.ts";
import { allRows, createDataset } from "../../runtime/training/dataset.ts";
import { examples } from "./nnc.ts";
import { openTrainer } from "./open-trainer.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

describe.each([
  ["digits.nn", 1],
  ["digits.nn", 2],
  ["functional.nn", 2],
] as const)("%s with %i threads", (example, threads) => {
  /** A run over so many steps in one call, after a first step of its own. */
  async function measure(): Promise<(steps: number) => Promise<{ addon: number; heap: number }>> {
    const { trainer, columns } = await openTrainer(join(examples, example), { threads });
    const { runner, plan } = trainer;
    const dataset = createDataset(columns);
    const { rows: all } = allRows(dataset);
    const { batchMax } = plan;
    const addon = loadNativeAddon();
    const context = { seed: 1, hypers: plan.hypers, t: 1, batch: 0 };
    await runner.bind(dataset, ["train"]);
    const take = (steps: number) =>
      Int32Array.from({ length: steps * batchMax }, (_, i) => all[i % all.length]!);
    await runner.run("train", take(2000), batchMax, context);
    return async (steps) => {
      const rows = take(steps);
      collectGarbage();
      const heap = process.memoryUsage().heapUsed;
      const before = addon.allocations();
      await runner.run("train", rows, batchMax, context);
      const after = addon.allocations();
      collectGarbage();
      return { addon: after - before, heap: process.memoryUsage().heapUsed - heap };
    };
  }

  test("a call of 2,000 steps allocates no more than a call of one", async () => {
    const run = await measure();
    const one = await run(1);
    const several: number[] = [];
    for (let i = 0; i < 5; i++) {
      const many = await run(2000);
      expect(many.addon).toBe(one.addon);
      several.push(many.heap);
    }
    // The heap also moves for reasons of the engine's own, once in a while; steps would move it every time.
    expect(Math.min(...several)).toBeLessThan(16 * 1024);
  });
});
