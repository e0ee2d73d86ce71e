/** Training on a graphics processor that goes away: another is opened, and the run ends as if nothing had been. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { instantiateProgram } from "../../../compiler/trainer/instantiate.ts";
import { type Device, stepCount } from "../../../runtime/devices/device.ts";
import { WebGpuDevice } from "../../../runtime/devices/webgpu/webgpu-device.ts";
import type { CommandEnvironment } from "../../../runtime/training/command/environment.ts";
import { type TrainCommandOptions, trainCommand } from "../../../runtime/training/command/train.ts";
import { lineKernels, smallWgslProgram } from "../../trainer/small-wgsl-program.ts";
import { hasGpu, needsGpu } from "../devices/webgpu/software-gpu.ts";
import { openWatchedGpu } from "../devices/webgpu/watched-gpu.ts";
import { lineColumns } from "./fake-model.ts";

const definition = instantiateProgram(smallWgslProgram, { wgsl: lineKernels });
const folder = mkdtempSync(join(tmpdir(), "device-loss-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Trains for 8 epochs of 5 batches; the device is lost the first time, or every time, that it trains these. */
async function train(
  losses: { readonly batches: readonly number[]; readonly everyTime?: boolean },
  options: TrainCommandOptions = {},
  name = mkdtempSync(join(folder, "run-")),
) {
  const out: string[] = [];
  const errors: string[] = [];
  const toCome = new Set(losses.batches);
  let opened = 0;
  async function openDevice(): Promise<Device> {
    opened++;
    const watched = await openWatchedGpu();
    const program = lineKernels;
    const device = await WebGpuDevice.create({ plan: definition.plan, program, ...watched });
    const run = device.run.bind(device);
    device.run = (request) => {
      const running = run(request);
      const { firstBatch } = request;
      const end = firstBatch + stepCount(request);
      const due = [...toCome].filter((batch) => batch >= firstBatch && batch < end);
      if (request.graph === "train" && due.length > 0) {
        watched.device!.destroy();
        for (const batch of losses.everyTime ? [] : due) toCome.delete(batch);
      }
      return running;
    };
    return device;
  }
  const environment: CommandEnvironment = {
    definition,
    name: join(name, "line"),
    dataFolder: ".",
    openDevice,
    readColumns: async () => lineColumns(40),
    out: { write: (text) => out.push(text) },
    errors: { write: (text) => errors.push(text) },
    onInterrupt: () => () => {},
  };
  const code = await trainCommand(environment, { epochs: 8, json: true, ...options });
  const { history, test: tested, updates } = JSON.parse(out.at(-1)!);
  return { code, history, tested, updates, opened, warnings: errors.join(""), name };
}

describe.runIf(hasGpu)(`a device that is lost in training ${needsGpu}`, () => {
  test("before anything was saved: the run starts again", async () => {
    const whole = await train({ batches: [] });
    // An earlier run's checkpoint lies where this one's will be.
    const { name } = await train({ batches: [] }, { epochs: 3, seed: 5 });
    const { opened, warnings, ...outcome } = await train({ batches: [2] }, {}, name);
    expect(outcome).toEqual({ ...outcome, history: whole.history, tested: whole.tested });
    expect(opened).toBe(2);
    expect(warnings).toMatch(
      /^warning: the graphics processor was lost: .*; training goes on from where it began\n$/,
    );
  });

  test("again and again, but with some progress: it goes on from its checkpoints", async () => {
    const whole = await train({ batches: [] }, { learningRate: 0.125 });
    const { opened, warnings, ...outcome } = await train(
      { batches: [3, 7, 18, 19, 39] },
      {
        learningRate: 0.125,
      },
    );
    expect(outcome).toEqual({ ...outcome, history: whole.history, tested: whole.tested });
    expect(outcome).toMatchObject({ code: 0, updates: 40 });
    expect(opened).toBeGreaterThanOrEqual(5);
    expect(warnings).toMatch(/; training goes on from .*line\.checkpoint\.safetensors\n$/);
  });

  test("without any progress: it gives up", async () => {
    const run = train({ batches: [2], everyTime: true });
    await expect(run).rejects.toThrow(
      /^the graphics processor was lost: .*, 4 times in a row: update its driver/,
    );
  });
});
