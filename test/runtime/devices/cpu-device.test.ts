/** The CPU device on a hand-written kernel library: a running sum of weighted rows. */

import { afterAll, describe, expect, test, vi } from "vitest";
import type { Column } from "../../../runtime/data/column.ts";
import { CpuDevice, type WholeLibrary } from "../../../runtime/devices/cpu/cpu-device.ts";
import { findNativeAddon, loadNativeAddon } from "../../../runtime/devices/cpu/native-addon.ts";
import { DeviceError } from "../../../runtime/devices/device.ts";
import type { TrainerPlan } from "../../../runtime/plan.ts";
import { abi, compileLibrary, createFolder } from "../native/kernel-library.ts";
import { testRefusals } from "./refusals.ts";
import { request } from "./request.ts";

const folder = createFolder();
afterAll(folder.remove);

/** total += scale · Σ x[row]; results: scale · x[row] of every row, and the batch counter. */
const library = compileLibrary(
  folder.path,
  "kernels",
  `${abi}
void train(const nnc_step *s) {
  float *total = (float *)(s->persistent + 64);
  const float *x = s->columns[0];
  for (int32_t i = 0; i < s->n; i++) {
    ((float *)s->results)[i] = s->scalars[0] * x[s->rows[i]];
    *total += ((float *)s->results)[i];
  }
  *(int32_t *)(s->results + 64) = (int32_t)s->batch;
}
`,
);

const plan: TrainerPlan = {
  format: 1,
  model: "Sum",
  target: "cpu",
  requiredFeatures: [],
  batchMax: 4,
  arenas: { persistent: 128, temporaries: 0, results: 128 },
  columns: [
    { name: "x", dtype: "f32", shape: [] },
    { name: "unused", dtype: "u8", shape: [2] },
  ],
  inputs: ["x"],
  outputs: [],
  tensors: [
    { name: "mask", role: "state", dtype: "bool", shape: [2, 3], offset: 0 },
    { name: "total", role: "metric", dtype: "f32", shape: [], offset: 64 },
  ],
  graphs: {
    train: {
      name: "train",
      symbol: "train",
      scalars: 1,
      columns: [0],
      results: [
        { name: "weighted", dtype: "f32", shape: [4], offset: 0 },
        { name: "batch", dtype: "i32", shape: [], offset: 64 },
      ],
    },
  },
  statistics: [],
  layers: [],
  metrics: ["loss"],
  hypers: {},
  training: null,
  data: null,
  selfTest: null,
};

const x: Column = {
  name: "x",
  dtype: "f32",
  shape: [],
  rows: 5,
  data: new Float32Array([1, 2, 3, 4, 5]),
};

async function createDevice(): Promise<CpuDevice> {
  const device = new CpuDevice({ plan, library, threads: 2 });
  await device.bindColumn(0, x);
  return device;
}

test("tensors are written, updated by steps and read", async () => {
  const device = await createDevice();
  expect(device.kind).toBe("cpu");
  expect(device.description).toBe("cpu, 2 threads");
  await device.write("total", new Float32Array([0.5]));
  await device.write("mask", new Uint8Array([1, 0, 1, 0, 1, 1]));
  await device.run(request());
  expect(await device.read("total")).toEqual(new Float32Array([0.5 + 6 + 50 + 400]));
  expect(await device.read("mask")).toEqual(new Uint8Array([1, 0, 1, 0, 1, 1]));
  // The last step has one row; beyond it are those of the step before.
  expect(await device.readResult("train", 0)).toEqual(new Float32Array([400, 30, 0, 0]));
  expect(await device.readResult("train", 1)).toEqual(new Int32Array([9]));
  device.dispose();
});

test("what is read is a copy", async () => {
  const device = await createDevice();
  const before = await device.read("total");
  await device.run(request());
  expect(before).toEqual(new Float32Array([0]));
  device.dispose();
});

describe("a library that has some of the graphs", () => {
  const far = { name: "far", dtype: "f32", shape: [1], offset: plan.arenas.results } as const;
  const doubled = { ...plan.graphs.train!, name: "doubled", symbol: "doubled", results: [far] };
  const more: TrainerPlan = { ...plan, graphs: { ...plan.graphs, doubled } };
  const results = plan.arenas.results + 4096;
  const arenas = { ...plan.arenas, temporaries: 1 << 20, results };
  const create = async (path: Promise<string>): Promise<CpuDevice> => {
    const whole = () => path.then((path) => ({ path, arenas }));
    const device = new CpuDevice({ plan: more, library, whole, threads: 1 });
    await device.bindColumn(0, x);
    return device;
  };

  test("is replaced by the one that has them all when another is run", async () => {
    const path = compileLibrary(
      folder.path,
      "whole",
      `${abi}
void train(const nnc_step *s) { *(float *)(s->persistent + 64) += 1; }
void doubled(const nnc_step *s) {
  *(float *)(s->persistent + 64) *= 2;
  *(float *)(s->results + 128) = 3 + s->temporaries[(1 << 20) - 1];
}
`,
    );
    let isThere: (path: string) => void = () => {};
    const device = await create(
      new Promise((resolve) => {
        isThere = resolve;
      }),
    );
    const step = { rows: new Int32Array([4]), scalars: new Float32Array([1]) };
    await device.run(request(step));
    expect(await device.read("total")).toEqual(new Float32Array([5]));
    const ran = device.run(request({ ...step, graph: "doubled" }));
    isThere(path);
    await ran;
    expect(await device.read("total")).toEqual(new Float32Array([10]));
    expect(await device.readResult("doubled", 0)).toEqual(new Float32Array([3]));
    // Of the library that came later.
    await device.run(request(step));
    expect(await device.read("total")).toEqual(new Float32Array([11]));
    device.dispose();
  });

  test("asks for all of them once a run is over and was told of", async () => {
    const whole = vi.fn(() => new Promise<WholeLibrary>(() => {}));
    const device = new CpuDevice({ plan: more, library, whole, threads: 1 });
    await device.bindColumn(0, x);
    await device.run(request());
    expect(whole).not.toHaveBeenCalled();
    await new Promise(setImmediate);
    expect(whole).toHaveBeenCalled();
    device.dispose();
  });

  test("does for those, whatever becomes of the others", async () => {
    const failing = Promise.reject(new Error("no space is left"));
    failing.catch(() => undefined);
    const device = await create(failing);
    const run = (graph: string) => device.run(request({ graph }));
    await run("train");
    await expect(run("doubled")).rejects.toThrow("no space is left");
    await run("train");
    device.dispose();
    const lacking = await create(Promise.resolve(library));
    await expect(lacking.run(request({ graph: "doubled" }))).rejects.toThrow(
      /kernels\.so lacks doubled, the graph doubled.*rebuild/,
    );
    lacking.dispose();
  });
});

describe("a device refuses", () => {
  testRefusals(
    async () => new CpuDevice({ plan, library, threads: 1 }),
    (device) => device.bindColumn(0, x),
  );

  test("kernels for another processor, before they are loaded", () => {
    const foreign = { ...plan, requiredFeatures: ["avx1024", "sse4.2", "quantum"] };
    const create = () => new CpuDevice({ plan: foreign, library: "/nowhere.so", threads: 1 });
    expect(create).toThrow(DeviceError);
    expect(create).toThrow(/Sum were compiled for a processor with avx1024.*quantum.*nnc build/);
  });

  test("a library that is missing or lacks a graph", () => {
    expect(() => new CpuDevice({ plan, library: "nowhere.so", threads: 1 })).toThrow(/nowhere\.so/);
    const graphs = {
      ...plan.graphs,
      more: { ...plan.graphs.train!, name: "more", symbol: "more" },
    };
    const create = () => new CpuDevice({ plan: { ...plan, graphs }, library, threads: 1 });
    expect(create).toThrow(/kernels\.so lacks more, the graph more.*rebuild/);
  });

  test("numbers of threads that are none", () => {
    for (const threads of [0, 1.5, Number.NaN, 100_000]) {
      expect(() => new CpuDevice({ plan, library, threads })).toThrow(
        "give a number from 1 to 1024",
      );
    }
  });
});

describe("the addon", () => {
  test("is found from the source tree, and named when it cannot be loaded", () => {
    expect(findNativeAddon()).toMatch(/runtime\/native\/build\/Release\/nnc\.node$/);
    expect(() => loadNativeAddon("/nowhere/nnc.node")).toThrow(DeviceError);
    expect(() => loadNativeAddon("/nowhere/nnc.node")).toThrow(
      "the native addon /nowhere/nnc.node",
    );
  });

  test.runIf(process.platform === "linux" && process.arch === "x64")(
    "knows the processor's features as the system does",
    async () => {
      const { readFile } = await import("node:fs/promises");
      const flags = /^flags\s*:(.*)$/m.exec(await readFile("/proc/cpuinfo", "utf8"))?.[1] ?? "";
      const present = new Set(flags.trim().split(" "));
      const linuxName: Readonly<Record<string, string>> = {
        sse3: "pni",
        "sse4.1": "sse4_1",
        "sse4.2": "sse4_2",
        bmi: "bmi1",
        avx512vnni: "avx512_vnni",
      };
      const features = loadNativeAddon().cpuFeatures();
      expect(features).toContain("sse4.2");
      for (const feature of features) expect(present).toContain(linuxName[feature] ?? feature);
    },
  );
});
