/**
 * The command line on CUDA, on the emulation: the same commands, files and JSON as on the CPU, training that goes over
 * from one target to another, and built trainers.
 */

import { cpSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { emulatedCuda, hasEmulation, needsEmulation } from "../cuda/emulation.ts";
import { hasGpu, needsGpu } from "../runtime/devices/webgpu/software-gpu.ts";
import { expectCloseWeights } from "./close-weights.ts";
import {
  examples,
  lastJson,
  nnc,
  readCheckpointState,
  runNode,
  type TrainingResult,
  temporaryFolder,
} from "./nnc.ts";
import { written } from "./written.ts";

/** `parity.test.ts` says how far 20 steps lie apart, here are ten times as many. */
const BOUND = 1e-4;
const EPOCHS = 16;
const UPDATES = EPOCHS * 13;

const folder = temporaryFolder();
/** Statistics of the data, a shared layer, dropout, two outputs, two losses, Adam. */
const model = join(examples, "functional.nn");
const checkpoint = "run.safetensors";
const epochs = (count: number) => ["--epochs", String(count)];
const options = ["--json", "--data", examples, "--checkpoint", checkpoint];

type TargetName = "cpu" | "wgsl" | "cuda";

function newRun(name: string): string {
  const run = join(folder, name);
  mkdirSync(run);
  return run;
}

const bytesOf = (run: string): Uint8Array => readFileSync(join(run, checkpoint));

describe.runIf(hasEmulation)(`nnc on emulated CUDA ${needsEmulation}`, async () => {
  const emulation = hasEmulation ? await emulatedCuda() : null;
  const environment = { ...process.env, ...emulation?.environment };
  const train = async (
    run: string,
    target: TargetName,
    ...argv: string[]
  ): Promise<TrainingResult> =>
    lastJson(
      await nnc(["train", model, "--target", target, ...options, ...argv], {
        cwd: run,
        environment,
      }),
    );

  const unbroken = { cpu: join(folder, "cpu"), cuda: join(folder, "cuda") };
  const results = {} as Record<"cpu" | "cuda", TrainingResult>;
  const built = join(folder, "built");
  const faulty = () => kernelOf(join(built, "kernels.cu"));

  beforeAll(async () => {
    for (const target of ["cpu", "cuda"] as const) {
      results[target] = await train(newRun(target), target, ...epochs(EPOCHS));
    }
  });

  test("trains as on the CPU, and prints and writes the same", () => {
    const { cpu, cuda } = results;
    expect(Object.keys(cuda)).toEqual(Object.keys(cpu));
    expect(cuda).toMatchObject({ epochs: EPOCHS, updates: UPDATES, checkpoint });
    for (const [name, value] of Object.entries(cpu.test))
      expect(cuda.test[name]).toBeCloseTo(value, 4);
    expect(readCheckpointState(join(unbroken.cuda, checkpoint))).toMatchObject({ t: UPDATES });
    expectCloseWeights(bytesOf(unbroken.cuda), bytesOf(unbroken.cpu), BOUND);
  });

  test("training goes from the CPU to CUDA and back", async () => {
    const run = newRun("there-and-back");
    await train(run, "cpu", ...epochs(4));
    await train(run, "cuda", ...epochs(10), "--resume");
    expect((await train(run, "cpu", ...epochs(EPOCHS), "--resume")).updates).toBe(UPDATES);
    expectCloseWeights(bytesOf(run), bytesOf(unbroken.cpu), BOUND);
  });

  test.runIf(hasGpu)(`training begun on CUDA continues on WebGPU ${needsGpu}`, async () => {
    const run = newRun("to-wgsl");
    await train(run, "cuda", ...epochs(EPOCHS / 2));
    expect((await train(run, "wgsl", ...epochs(EPOCHS), "--resume")).updates).toBe(UPDATES);
    expectCloseWeights(bytesOf(run), bytesOf(unbroken.cpu), BOUND);
  });

  test("SIGINT saves, and training resumes to the same bits", async () => {
    const run = newRun("interrupted");
    const file = join(run, checkpoint);
    const outcome = await nnc(["train", model, "--target", "cuda", ...options, ...epochs(EPOCHS)], {
      cwd: run,
      environment,
      interrupt: written(file, 2, 10).then(() => "SIGINT"),
    });
    expect(outcome).toMatchObject({ code: 130, signal: null, errors: "" });
    expect(readCheckpointState(file).t).toBeLessThan(UPDATES);
    await train(run, "cuda", ...epochs(EPOCHS), "--resume");
    expect(Buffer.from(bytesOf(run)).equals(bytesOf(unbroken.cuda))).toBe(true);
  });

  test("the order of threads, and columns off the device, make no difference", async () => {
    const run = newRun("otherwise");
    // Little more than the model itself takes.
    const restricted = { NNC_EMULATION_ORDER: "shuffled", NNC_EMULATION_MEMORY: "2000000" };
    const outcome = await nnc(["train", model, "--target", "cuda", ...options, ...epochs(EPOCHS)], {
      cwd: run,
      environment: { ...environment, ...restricted },
    });
    expect(lastJson(outcome).updates).toBe(UPDATES);
    expect(Buffer.from(bytesOf(run)).equals(bytesOf(unbroken.cuda))).toBe(true);
  });

  test("an epoch of digits.nn, which auto takes to CUDA", async () => {
    const argv = ["train", join(examples, "digits.nn"), "--target", "auto", ...epochs(1)];
    const outcome = await nnc([...argv, "--json"], { cwd: newRun("digits"), environment });
    expect(outcome.errors).toBe("target: cuda, as there is NVIDIA emulation 0\n");
    const { updates, test: metrics } = lastJson(outcome);
    expect(updates).toBe(469);
    expect(metrics.accuracy).toBeGreaterThan(0.9);
  });

  // Where there is no nvcc when a trainer is built, its sources are all there is.
  describe.each(["binaries", "sources"])("a built trainer with %s", (kind) => {
    test("tests the device, and trains to the bits of nnc train", async () => {
      const outcome = await nnc(["build", model, "--target", "cuda", "-o", built], {
        cwd: folder,
        environment,
      });
      expect(outcome).toMatchObject({ code: 0, errors: "" });
      const trainer = join(folder, "elsewhere", kind);
      cpSync(built, trainer, { recursive: true });
      if (kind === "sources") rmSync(join(trainer, "kernels.fatbin"));
      const run = newRun(`trained with ${kind}`);
      const file = join(trainer, "trainer.js");
      const tested = await runNode([file, "--selftest"], { cwd: run, environment });
      expect(tested).toMatchObject({ code: 0, errors: "" });
      expect(tested.out).toMatch(/^self-test passed: \d+ values on cuda, NVIDIA emulation 0/);
      const trained = await runNode([file, ...options, ...epochs(EPOCHS)], {
        cwd: run,
        environment,
      });
      expect(lastJson(trained).updates).toBe(UPDATES);
      expect(Buffer.from(bytesOf(run)).equals(bytesOf(unbroken.cuda))).toBe(true);
    });
  });

  describe("says what is wrong, and ends", () => {
    const failing = async (restriction: NodeJS.ProcessEnv) => {
      const argv = ["train", model, "--target", "cuda", ...options, ...epochs(2)];
      const outcome = await nnc(argv, {
        cwd: folder,
        environment: { ...environment, ...restriction },
      });
      expect(outcome).toMatchObject({ code: 1, signal: null });
      return outcome.errors;
    };

    test("no driver", async () => {
      const error = await failing({ NNC_LIBCUDA: "/nonexistent/libcuda.so.1" });
      expect(error).toMatch(/^error: .*\/nonexistent\/libcuda\.so\.1/);
    });

    test("a driver that is too old", async () => {
      const error = await failing({ NNC_LIBCUDA: emulation!.oldDriver });
      expect(error).toMatch(/^error: .*CUDA 11\.2 .*install one that supports CUDA/s);
    });

    test("no device", async () => {
      expect(await failing({ NNC_EMULATION_INIT: "100" })).toMatch(/no graphics processor/);
    });

    test("a device that is too old", async () => {
      expect(await failing({ NNC_EMULATION_CAPABILITY: "75" })).toMatch(/compute capability 8\.0/);
    });

    test("too little memory", async () => {
      const error = await failing({ NNC_EMULATION_MEMORY: "100000" });
      expect(error).toMatch(/^error: .*needs .* of memory on NVIDIA emulation 0, which has 98 KiB/);
    });

    test("a fault in a kernel, which it names", async () => {
      const error = await failing({ NNC_EMULATION_FAULT: `${faulty()}:9` });
      const last = error.trimEnd().split("\n").at(-1)!;
      expect(last).toMatch(/^error: NVIDIA emulation 0 was lost: .*CUDA_ERROR_ILLEGAL_ADDRESS/);
      expect(last).toContain(`kernel ${faulty()} (`);
      expect(last).toMatch(/functional\.nn:\d+/);
      expect(last.length).toBeLessThan(1500);
    });
  });

  test("a device that is lost once is opened again, and training goes on to the same bits", async () => {
    const run = newRun("lost");
    const argv = ["train", model, "--target", "cuda", ...options, ...epochs(EPOCHS)];
    const outcome = await nnc(argv, {
      cwd: run,
      environment: { ...environment, NNC_EMULATION_FAULT: `${faulty()}:100-100` },
    });
    expect(outcome.errors).toMatch(/^warning: NVIDIA emulation 0 was lost: .*; training goes on/);
    expect(lastJson(outcome).updates).toBe(UPDATES);
    expect(Buffer.from(bytesOf(run)).equals(bytesOf(unbroken.cuda))).toBe(true);
  });
});

/** The name of a source's kernel that updates parameters. */
function kernelOf(path: string): string {
  const names = [...readFileSync(path, "utf8").matchAll(/(\w+)\(\s*[^()]*NncStep \*/g)];
  const name = names.map(([, found]) => found!).find((found) => found !== "nnc_next_step");
  if (name === undefined) throw new Error("no kernel takes the step");
  return name;
}
