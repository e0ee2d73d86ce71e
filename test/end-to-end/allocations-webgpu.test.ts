/**
 * After the first steps nothing is made on a WebGPU device, and nothing of a step is kept on the JavaScript heap: the
 * encoder and the command buffer that every step needs are gone when it is done.
 */

import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { prepareModel } from "../../compiler/cli/prepare-model.ts";
import { WebGpuDevice } from "../../runtime/devices/webgpu/webgpu-device.ts";
import { allRows, createDataset } from "../../runtime/training/dataset.ts";
import { Trainer } from "../../runtime/training/trainer.ts";
import { hasGpu, needsGpu } from "../runtime/devices/webgpu/software-gpu.ts";
import { openWatchedGpu } from "../runtime/devices/webgpu/watched-gpu.ts";
import { examples } from "./nnc.ts";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as () => void;

/** Steps of a call, and calls before those that are measured. */
const STEPS = 200;
const WARM_UP = 8;

/** What wraps objects of the device is freed some turns after it was found to be garbage. */
async function heapInUse(): Promise<number> {
  for (let turn = 0; turn < 8; turn++) {
    gc();
    await setTimeout(5);
  }
  return process.memoryUsage().heapUsed;
}

test.runIf(hasGpu)(`steps keep nothing ${needsGpu}`, async () => {
  const nowhere = { write: () => undefined };
  const { definition, dataFolder, readColumns } = await prepareModel(
    { entry: join(examples, "functional.nn"), target: "wgsl", fusion: true },
    undefined,
    { out: nowhere, errors: nowhere, color: false },
  );
  const { plan, wgsl } = definition;
  const watched = await openWatchedGpu();
  const device = await WebGpuDevice.create({ plan, program: wgsl!, ...watched });
  try {
    const { runner } = await Trainer.create(definition, device);
    const dataset = createDataset(await readColumns(plan.data!.blocks.train, dataFolder));
    await runner.bind(dataset, ["train"]);
    const { rows: all } = allRows(dataset);
    const context = { seed: 1, hypers: plan.hypers, t: 1, batch: 0 };
    const take = (steps: number) =>
      Int32Array.from({ length: steps * plan.batchMax }, (_, i) => all[i % all.length]!);
    const rows = take(STEPS);
    const heap: number[] = [];
    const run = async () => {
      await runner.run("train", rows, plan.batchMax, context);
      heap.push(await heapInUse());
    };
    await device.compiled(Object.keys(plan.graphs));
    // The engine keeps what it learns of code that runs for the first time, and what it compiles of it.
    for (let call = 0; call < WARM_UP; call++) await run();
    const before = watched.created.length;
    for (let call = 0; call < 6; call++) await run();
    expect(watched.created.length).toBe(before);
    // The heap also moves for reasons of the engine's own, but steps would move it every time: 600 of them, from the
    // best of three calls to the best of the last three, keep less than the smallest object each.
    const grown = Math.min(...heap.slice(-3)) - Math.min(...heap.slice(WARM_UP, -3));
    expect(grown).toBeLessThan(3 * STEPS * 48);
  } finally {
    device.dispose();
  }
});
