/** What goes wrong with CUDA, and what is said of it: before there is a device, when it is set up, and while it runs. */

import { describe, expect, test } from "vitest";
import {
  CudaDevice,
  type CudaDeviceOptions,
} from "../../../../runtime/devices/cuda/cuda-device.ts";
import type { CudaKernel, CudaProgram } from "../../../../runtime/devices/cuda/cuda-program.ts";
import { findCudaDevice } from "../../../../runtime/devices/cuda/find-cuda.ts";
import { DeviceError, DeviceLostError } from "../../../../runtime/devices/device.ts";
import type { TrainerPlan } from "../../../../runtime/plan.ts";
import { emulatedCuda, hasEmulation, needsEmulation } from "../../../cuda/emulation.ts";
import { request } from "../request.ts";
import { bindAll, dataColumns, expectedTotal } from "../sum-data.ts";
import { cleanUp, createDevice, openDevice } from "./emulated-device.ts";
import { kernels, oneStep, plan, program } from "./sum-model.ts";

cleanUp();

async function failureOf(promise: Promise<unknown>): Promise<Error> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DeviceError);
  return error as Error;
}

const encode = (text: string) => new TextEncoder().encode(text);

/** The program with some kernels changed. */
function withKernels(changes: Readonly<Record<string, Partial<CudaKernel>>>): CudaProgram {
  const changed = kernels.map((kernel) => ({ ...kernel, ...changes[kernel.name] }));
  return { variants: [{ ...program.variants[0]!, kernels: changed }] };
}

test("without a driver, why there is no device is known at once", async () => {
  const found = await findCudaDevice({ NNC_LIBCUDA: "/nowhere/libcuda.so.1" });
  expect(found).toEqual({
    reason: expect.stringMatching(
      /^the CUDA driver named in NNC_LIBCUDA cannot be loaded: .*nowhere/,
    ),
  });
  const options = { plan, program, images: [{ kind: "binary", bytes: new Uint8Array() }] } as const;
  const opened = CudaDevice.open({ ...options, environment: { NNC_LIBCUDA: "/nowhere" } });
  expect((await failureOf(opened)).message).toContain("NNC_LIBCUDA cannot be loaded");
});

test("a number of a device that is none", async () => {
  expect(await findCudaDevice({ NNC_CUDA_DEVICE: "first" })).toEqual({
    reason: expect.stringContaining("NNC_CUDA_DEVICE is first: give the number of a device"),
  });
});

describe.runIf(hasEmulation)(`no device ${needsEmulation}`, () => {
  async function found(settings: Readonly<Record<string, string>> = {}) {
    const { environment } = await emulatedCuda();
    Object.assign(process.env, settings);
    return findCudaDevice({ ...environment, ...settings });
  }

  test("is said of a device that is there", async () => {
    expect(await found()).toEqual({ name: "NVIDIA emulation 0", capability: 90 });
    const second = { NNC_EMULATION_DEVICES: "2", NNC_CUDA_DEVICE: "1" };
    expect(await found(second)).toEqual({ name: "NVIDIA emulation 1", capability: 90 });
  });

  test.each([
    ["a driver that finds none", { NNC_EMULATION_INIT: "100" }, "finds no graphics processor"],
    [
      "none that is shown",
      { NNC_EMULATION_DEVICES: "0", CUDA_VISIBLE_DEVICES: "" },
      "finds no graphics processor among CUDA_VISIBLE_DEVICES=",
    ],
    [
      "a driver that does not start",
      { NNC_EMULATION_INIT: "999" },
      "the NVIDIA driver does not start: CUDA_ERROR_UNKNOWN",
    ],
    [
      "a device of another number",
      { NNC_CUDA_DEVICE: "3" },
      "NNC_CUDA_DEVICE is 3, but the devices that the NVIDIA driver shows are numbered from 0 to 0",
    ],
    [
      "a device that is too old",
      { NNC_EMULATION_CAPABILITY: "75" },
      "NVIDIA emulation 0 is older than compute capability 8.0",
    ],
  ])("%s", async (_, settings, reason) => {
    try {
      expect(await found(settings)).toEqual({ reason: expect.stringContaining(reason) });
    } finally {
      delete process.env.CUDA_VISIBLE_DEVICES;
    }
  });

  test("a driver that is too old is told which one is needed", async () => {
    const { oldDriver } = await emulatedCuda();
    expect(await findCudaDevice({ NNC_LIBCUDA: oldDriver })).toEqual({
      reason: expect.stringMatching(
        /supports CUDA 11\.2 and lacks cu\w+: install one that supports CUDA 11\.4 or newer$/,
      ),
    });
  });
});

describe.runIf(hasEmulation)(`a model cannot be set up ${needsEmulation}`, () => {
  const large: TrainerPlan = { ...plan, arenas: { ...plan.arenas, temporaries: 3 * 2 ** 30 } };

  test.each<readonly [what: string, changes: Partial<CudaDeviceOptions>, message: RegExp]>([
    [
      "with less memory than it needs",
      { plan: large },
      /^Sum cannot be set up: the model Sum needs 3\.0 GiB of memory on NVIDIA emulation 0, which has 1\.0 GiB, 1\.0 GiB of them free: end what else uses it, or build with a smaller batch_size/,
    ],
    [
      "with an image that is none",
      { images: [{ kind: "binary", bytes: encode("nothing") }] },
      /the kernels cannot be loaded \(CUDA_ERROR_INVALID_IMAGE.*\): rebuild with `nnc build`/,
    ],
    [
      "with an image of a newer CUDA than the driver's",
      { images: [{ kind: "binary", bytes: encode("Cuda compilation tools, release 14.2, V") }] },
      /the kernels were compiled by CUDA 14\.2, and the NVIDIA driver supports CUDA 13\.0 \(.*\): install a driver that supports CUDA 14\.2, or rebuild with the nvcc of CUDA 13\.0/,
    ],
    [
      "without its files",
      { images: [{ kind: "file", path: "/nowhere/kernels.fatbin" }] },
      /the kernels \/nowhere\/kernels\.fatbin cannot be read \(.*\): rebuild/,
    ],
    [
      "without a kernel",
      { program: withKernels({ weigh: { name: "weight" } }) },
      /kernel weight \(weigh: of the sum; sum\.nn:1:1\) is not in the image; rebuild/,
    ],
    [
      "with more threads than the kernel's registers let",
      { program: withKernels({ total: { threads: 64 } }) },
      /kernel total \(.*\) has blocks of 64 threads, of which NVIDIA emulation 0 runs 32/,
    ],
    [
      "with more shared memory than there is",
      { program: withKernels({ share: { sharedBytes: 2 ** 20 } }) },
      /kernel share \(.*\) needs 1048576 bytes of shared memory, of which NVIDIA emulation 0 has 232448/,
    ],
    [
      "without a graph",
      { plan: { ...plan, graphs: { evaluate: { ...plan.graphs.train!, name: "evaluate" } } } },
      /^the kernels lack the graph evaluate: rebuild with `nnc build`/,
    ],
    [
      "on a device of another generation",
      { program: { variants: [{ ...program.variants[0]!, architecture: "sm_90a" }] } },
      /the kernels of Sum are for devices of compute capability 9\.0; NVIDIA emulation 0 has 8\.6/,
    ],
  ])("%s", async (what, changes, message) => {
    if (what.startsWith("on a device")) process.env.NNC_EMULATION_CAPABILITY = "86";
    expect((await failureOf(openDevice(changes))).message).toMatch(message);
  });

  test("and leaves nothing behind", async () => {
    process.env.NNC_EMULATION_MEMORY = String(4 * 2 ** 20);
    for (let time = 0; time < 5; time++) {
      await failureOf(openDevice({ program: withKernels({ weigh: { name: "weight" } }) }));
      const device = await createDevice();
      await device.run(request());
      device.dispose();
    }
  });
});

describe.runIf(hasEmulation)(`a kernel ${needsEmulation}`, () => {
  test("that cannot be launched is named, and the device works on", async () => {
    const changed = structuredClone(program.variants[0]!.graphs);
    const [weigh, total] = changed.train!;
    const graphs = { ...changed, train: [weigh!, { ...total!, arguments: [] }] };
    const device = await createDevice({
      program: { variants: [{ ...program.variants[0]!, graphs }] },
    });
    const failure = await failureOf(device.run(request()));
    expect(failure).not.toBeInstanceOf(DeviceLostError);
    expect(failure.message).toMatch(
      /^kernel total \(total: of the sum; sum\.nn:2:1\) cannot be launched in 1 blocks: CUDA_ERROR_INVALID_VALUE/,
    );
    await device.run(oneStep("flip"));
    expect(await device.read("mask")).toEqual(new Uint8Array([1, 1, 1, 1, 1, 1]));
  });

  const placements = [
    ["resident", Infinity],
    ["streamed", 0],
  ] as const;
  test.each(placements)(
    "that accesses what is not there is found again, columns %s",
    async (_, residentBytes) => {
      const device = await createDevice({ residentBytes }, 100);
      // The fifth batch has it.
      const rows = Int32Array.from({ length: 20 }, (_, i) => (i === 14 ? 60 : i));
      const run = { ...oneStep("poke"), rows, batchSize: 3 };
      const failure = await failureOf(device.run(run));
      expect(failure).toBeInstanceOf(DeviceLostError);
      expect(failure.message).toMatch(
        /^NVIDIA emulation 0 was lost: .*: CUDA_ERROR_ILLEGAL_ADDRESS, .*; kernel poke \(poke: of the sum; sum\.nn:8:1\) fails in step 5 of 7 of the graph poke$/,
      );
      for (const call of [device.run(run), device.read("total"), bindAll(device, dataColumns())]) {
        const later = await failureOf(call);
        expect(later).toBeInstanceOf(DeviceLostError);
        expect(later.message).toBe(failure.message);
      }
      device.dispose();
      const next = await createDevice();
      await next.run(request());
      expect(await next.read("total")).toEqual(new Float32Array([expectedTotal(request())]));
    },
  );

  test("that depends on parameters is not found again, and its graph is named", async () => {
    const device = await openDevice();
    await device.write("total", new Float32Array([60]));
    const failure = await failureOf(device.run(oneStep("pokeTotal")));
    expect(failure).toBeInstanceOf(DeviceLostError);
    expect(failure.message).toMatch(
      /; with other values of parameters it could not be reproduced; the graph pokeTotal has poke_total$/,
    );
  });
});
