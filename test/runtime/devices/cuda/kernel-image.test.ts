/** Where a device's kernels come from: files beside the trainer, or NVRTC, whose images are kept. */

import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { findNativeAddon, loadNativeAddon } from "../../../../runtime/devices/cpu/native-addon.ts";
import type { CudaProgram } from "../../../../runtime/devices/cuda/cuda-program.ts";
import {
  type CudaImage,
  imageName,
  loadImage,
} from "../../../../runtime/devices/cuda/kernel-image.ts";
import { openCudaDevice } from "../../../../runtime/devices/cuda/open-device.ts";
import { openModel } from "../../../../runtime/index.ts";
import type { TrainerDefinition } from "../../../../runtime/plan.ts";
import { emulatedCuda, hasEmulation, needsEmulation } from "../../../cuda/emulation.ts";
import { createFolder } from "../../native/kernel-library.ts";
import { request } from "../request.ts";
import { bindAll, dataColumns, expectedTotal } from "../sum-data.ts";
import { cleanUp, openDevice } from "./emulated-device.ts";
import { oneStep, plan, program, source } from "./sum-model.ts";

cleanUp();

const folder = createFolder();
afterAll(folder.remove);
const cache = join(folder.path, "cache");
beforeEach(() => rmSync(cache, { recursive: true, force: true }));

const device = {
  name: "NVIDIA emulation 0",
  capability: 90,
  driverVersion: 13000,
  isCooperative: true,
};
const text = (value: string): CudaImage => ({ kind: "source", text: value });

/** In the cache of these tests. */
async function environmentOf(): Promise<NodeJS.ProcessEnv> {
  const { environment } = await emulatedCuda();
  return { ...process.env, ...environment, XDG_CACHE_HOME: cache };
}

/** Names of the cache's files, without checksums. */
function kept(): readonly string[] {
  return readdirSync(join(cache, "nnc")).filter((name) => name.endsWith(".cubin"));
}

test("files are named after their variants", () => {
  expect(imageName("sm_80", "fatbin")).toBe("kernels.fatbin");
  expect(imageName("sm_90a", "cu")).toBe("kernels-sm_90a.cu");
});

test("without NVRTC it is said what to do", async () => {
  const use = { addon: loadNativeAddon(), device, environment: { NNC_LIBNVRTC: "/nowhere.so" } };
  await expect(loadImage(text(source), "sm_80", use)).rejects.toThrow(
    /^the library named in NNC_LIBNVRTC cannot be loaded: \/nowhere\.so/,
  );
});

describe.runIf(hasEmulation)(`sources are compiled when they are needed ${needsEmulation}`, () => {
  test("once, and run", async () => {
    const environment = await environmentOf();
    for (let time = 0; time < 2; time++) {
      const opened = await openDevice({ images: [text(source)], environment });
      await bindAll(opened, dataColumns());
      await opened.run(request());
      expect(await opened.read("total")).toEqual(new Float32Array([expectedTotal(request())]));
      expect(kept()).toHaveLength(1);
    }
  });

  test("again for another device, driver or source, and where the kept image is damaged", async () => {
    const addon = loadNativeAddon();
    const environment = await environmentOf();
    const load = (changes: Partial<typeof device>, code = source) =>
      loadImage(text(code), "sm_80", { addon, device: { ...device, ...changes }, environment });
    const image = await load({});
    const [path] = kept().map((name) => join(cache, "nnc", name));
    writeFileSync(path!, readFileSync(path!).subarray(0, 1000));
    expect(Buffer.compare(await load({}), image)).toBe(0);
    expect(kept()).toHaveLength(1);
    await load({ capability: 80 });
    await load({ driverVersion: 13010, isCooperative: true });
    await load({}, `${source}\n`);
    expect(kept()).toHaveLength(4);
  });

  test("for the newest devices that NVRTC knows, where the device is newer", async () => {
    const { NNC_LIBNVRTC: library = "" } = await environmentOf();
    const addon = loadNativeAddon();
    const choice = { library, folders: [], driverVersion: 13000, isCooperative: true };
    const find = (capability: number, isSpecific = false) =>
      addon.findNvrtc(choice, capability, isSpecific);
    expect(await find(90)).toEqual({ version: "13.0", architecture: "sm_90" });
    expect(await find(90, true)).toEqual({ version: "13.0", architecture: "sm_90a" });
    expect(await find(89)).toEqual({ version: "13.0", architecture: "compute_80" });
    expect(await find(120)).toEqual({ version: "13.0", architecture: "compute_100" });
    await expect(find(75)).rejects.toThrow(
      "NVRTC of CUDA 13.0 does not compile for compute capability 7.5: install a newer CUDA",
    );
    const older = addon.findNvrtc({ ...choice, driverVersion: 12040 }, 90, false);
    await expect(older).rejects.toThrow(
      /is of CUDA 13\.0, and the driver takes code of CUDA 12\.4: update the driver, or install CUDA 12$/,
    );
  });

  test("and what NVRTC says of a mistake is told", async () => {
    const opened = openDevice({
      images: [text(`${source}\nmistake`)],
      environment: await environmentOf(),
    });
    await expect(opened).rejects.toThrow(/NVRTC of CUDA 13\.0 refuses the kernels.*mistake/s);
  });

  test("even where nothing can be kept", async () => {
    writeFileSync(cache, "a file where the folder should be");
    const opened = await openDevice({ images: [text(source)], environment: await environmentOf() });
    await opened.run(oneStep("flip"));
  });
});

describe.runIf(hasEmulation)(`a trainer's folder ${needsEmulation}`, () => {
  /** Hopper's first, then the one for all. */
  const both: CudaProgram = {
    variants: [{ ...program.variants[0]!, architecture: "sm_90a" }, program.variants[0]!],
  };
  const definition: TrainerDefinition = {
    plan,
    cuda: both,
    initialize: () => ({ total: new Float32Array([7]) }),
    stepScalars: () => [1],
    readMetrics: (read) => ({ loss: read("total")[0]! }),
  };

  /** A folder with the addon and these files. */
  async function trainerFolder(name: string, files: Readonly<Record<string, string | Uint8Array>>) {
    const path = join(folder.path, name);
    mkdirSync(path, { recursive: true });
    // Not over one that is loaded.
    const addon = join(path, "nnc.node");
    if (!existsSync(addon)) copyFileSync(findNativeAddon()!, addon);
    for (const [file, content] of Object.entries(files)) writeFileSync(join(path, file), content);
    Object.assign(process.env, await environmentOf());
    return path;
  }

  test("has a fat binary for every variant, of which the device takes its own", async () => {
    const { compile } = await emulatedCuda();
    const image = await compile(source);
    const path = await trainerFolder("binaries", { "kernels-sm_90a.fatbin": image });
    const opened = await openCudaDevice(definition, path);
    await opened.run(oneStep("flip"));
    opened.dispose();
    process.env.NNC_EMULATION_CAPABILITY = "80";
    await expect(openCudaDevice(definition, path)).rejects.toThrow(
      /the kernels .*kernels\.cu cannot be read/,
    );
    await trainerFolder("binaries", { "kernels.fatbin": image });
    (await openCudaDevice(definition, path)).dispose();
  });

  test("or sources, and opens as a model", async () => {
    const path = await trainerFolder("sources", { "kernels-sm_90a.cu": source });
    const url = pathToFileURL(join(path, "trainer.js")).href;
    const model = await openModel(definition, url, {});
    model.dispose();
  });

  test("of another target is refused", async () => {
    const { cuda: _, ...other } = { ...definition, plan: { ...plan, target: "cpu" as const } };
    await expect(openCudaDevice(other, folder.path)).rejects.toThrow(
      "Sum was built for cpu, not for CUDA",
    );
  });
});
