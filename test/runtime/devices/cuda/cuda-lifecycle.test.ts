/** What the CUDA device does not leave behind: nothing after a step, after a session, after the process. */

import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findNativeAddon, loadNativeAddon } from "../../../../runtime/devices/cpu/native-addon.ts";
import { sessionOptions } from "../../../../runtime/devices/cuda/session-options.ts";
import { emulatedCuda, hasEmulation, needsEmulation } from "../../../cuda/emulation.ts";
import { createFolder } from "../../native/kernel-library.ts";
import { request } from "../request.ts";
import { bindAll, dataColumns } from "../sum-data.ts";
import { cleanUp, createDevice, openDevice } from "./emulated-device.ts";
import { oneStep, plan, program, source } from "./sum-model.ts";

cleanUp();

const folder = createFolder();
afterAll(folder.remove);
const options = join(folder.path, "options.json");
const image = join(folder.path, "image");

/** The graph `flip`, step after step. */
function flips(steps: number) {
  return { ...oneStep("flip"), rows: new Int32Array(steps) };
}

beforeAll(async () => {
  if (!hasEmulation) return;
  const { environment, compile } = await emulatedCuda();
  const choice = { library: environment.NNC_LIBCUDA, ordinal: 0 };
  const all = { ...choice, ...sessionOptions(plan, program.variants[0]!, { isCooperative: true }) };
  writeFileSync(options, JSON.stringify(all));
  writeFileSync(image, await compile(source));
});

/** A program that has an open session, and `run(steps)`, which flips so often. */
function programOf(body: string): string {
  return `
    const { readFileSync } = require("node:fs");
    const addon = require(${JSON.stringify(findNativeAddon())});
    const read = (path) => readFileSync(path);
    const options = JSON.parse(read(${JSON.stringify(options)}));
    const graph = options.graphs.findIndex(({ name }) => name === "flip");
    const open = () => new addon.CudaSession({ ...options, image: read(${JSON.stringify(image)}) });
    let session = open();
    const run = (steps) => session.run({ graph, rows: new Int32Array(steps), batchSize: 1,
      scalars: new Float32Array(0), seed: 0, firstBatch: 0 });
    session.open().then(async () => { ${body} });`;
}

function spawn(body: string, flags: readonly string[] = []) {
  const text = programOf(body);
  const started = performance.now();
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [...flags, "-e", text], {
    encoding: "utf8",
    timeout: 60_000,
  });
  const seconds = (performance.now() - started) / 1000;
  return { status, signal, output: `${stdout}${stderr}`, seconds };
}

const ended = { status: 0, signal: null };

describe.runIf(hasEmulation)(`a process ${needsEmulation}`, () => {
  test("ends by itself while a session is open", () => {
    expect(spawn(`await run(10); console.log("done");`)).toMatchObject({
      ...ended,
      output: "done\n",
    });
  });

  test("stays for a run that nobody waits for", () => {
    const body = `run(20_000).then(() => console.log("run over"));`;
    expect(spawn(body)).toMatchObject({ ...ended, output: "run over\n" });
  });

  test("can exit in the middle of a run", () => {
    const { status, signal, output, seconds } = spawn(
      `run(5_000_000); setTimeout(() => process.exit(3), 100);`,
    );
    expect({ status, signal, output }).toEqual({ status: 3, signal: null, output: "" });
    expect(seconds).toBeLessThan(30);
  });

  test("lives on when sessions are collected, with or without their run", () => {
    const body = `
      for (let i = 0; i < 20; i++) {
        session = open();
        const opened = session.open();
        if (i % 2) await opened.then(() => run(100));
        session = undefined;
        await new Promise((resolve) => setTimeout(resolve));
        gc();
      }
      console.log("done");`;
    expect(spawn(body, ["--expose-gc"])).toMatchObject({ ...ended, output: "done\n" });
  });

  test("can end a worker thread in the middle of a run", () => {
    const inner = programOf("run(5_000_000); setInterval(() => {}, 1000);");
    const body = `
      const { Worker } = require("node:worker_threads");
      const worker = new Worker(${JSON.stringify(inner)}, { eval: true });
      await new Promise((resolve) => setTimeout(resolve, 1000));
      await worker.terminate();
      await run(10);
      console.log("done");`;
    expect(spawn(body)).toMatchObject({ ...ended, output: "done\n" });
  });

  test("does other things while steps run", () => {
    const body = `
      let ticks = 0;
      const timer = setInterval(() => ticks++, 5);
      const begin = performance.now();
      await run(30_000);
      clearInterval(timer);
      console.log(ticks > (performance.now() - begin) / 50);`;
    expect(spawn(body)).toMatchObject({ ...ended, output: "true\n" });
  });
});

describe.runIf(hasEmulation)(`a CUDA device ${needsEmulation}`, () => {
  test("that is disposed of in a run ends it after the steps in flight", async () => {
    const device = await openDevice();
    const run = device.run(flips(5_000_000));
    const read = device.read("mask");
    const rejected = [
      expect(run).rejects.toThrow("the device was disposed of"),
      expect(read).rejects.toThrow("the device was disposed of"),
    ];
    await setTimeout(50);
    const started = performance.now();
    device.dispose();
    await Promise.all(rejected);
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  test("allocates nothing for a step", async () => {
    const device = await createDevice();
    const addon = loadNativeAddon();
    const allocated = async (steps: number, residentBytes: number) => {
      const other = await createDevice({ residentBytes });
      const rows = new Int32Array(steps);
      const run = request({ rows, batchSize: 1, scalars: new Float32Array(steps) });
      await other.run(run);
      const before = addon.allocations();
      await other.run(run);
      return addon.allocations() - before;
    };
    for (const residentBytes of [Infinity, 0]) {
      expect(await allocated(3000, residentBytes)).toBe(await allocated(3, residentBytes));
    }
    device.dispose();
  });

  test("gives the memory of columns back that are bound no more", async () => {
    process.env.NNC_EMULATION_MEMORY = String(3 * 2 ** 20);
    const device = await openDevice();
    for (let time = 0; time < 30; time++) {
      // Of ever different sizes, some too large for what is free.
      const rows = 3000 * (1 + ((time * 7) % 30));
      await bindAll(device, dataColumns(rows));
      const run = request({ rows: new Int32Array([rows - 1]), scalars: new Float32Array([1]) });
      await device.run(run);
      expect((await device.readResult("train", 0))[0]).toBe(rows);
    }
  });

  test("that is opened again and again has its memory every time", async () => {
    process.env.NNC_EMULATION_MEMORY = String(4 * 2 ** 20);
    for (let time = 0; time < 20; time++) {
      const device = await createDevice();
      await device.run(request());
      device.dispose();
    }
  });
});
