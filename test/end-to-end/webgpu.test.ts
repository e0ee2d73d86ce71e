/**
 * The command line on WebGPU: the same commands, files and JSON as on the CPU, and training that goes over from one to
 * the other. Figures agree to 1e-4: `parity.test.ts` says how far 20 steps lie apart, here are ten times as many.
 */

import { cpSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { hasGpu, needsGpu } from "../runtime/devices/webgpu/software-gpu.ts";
import { expectCloseWeights } from "./close-weights.ts";
import {
  examples,
  lastJson,
  nnc,
  readCheckpointState,
  root,
  runNode,
  type TrainingResult,
  temporaryFolder,
} from "./nnc.ts";
import { written } from "./written.ts";

const BOUND = 1e-4;
const EPOCHS = 16;
const UPDATES = EPOCHS * 13;

const folder = temporaryFolder();
/** Statistics of the data, a shared layer, dropout, two outputs, two losses, Adam. */
const model = join(examples, "functional.nn");
const trainer = join(folder, "elsewhere", "trainer");
const checkpoint = "run.safetensors";
const epochs = (count: number) => ["--epochs", String(count)];
const options = ["--json", "--data", examples, "--checkpoint", checkpoint];

type TargetName = "cpu" | "wgsl";
const targets = ["cpu", "wgsl"] as const;

function newRun(name: string): string {
  const run = join(folder, name);
  mkdirSync(run);
  return run;
}

const train = async (run: string, target: TargetName, ...argv: string[]): Promise<TrainingResult> =>
  lastJson(await nnc(["train", model, "--target", target, ...options, ...argv], { cwd: run }));

const bytesOf = (run: string): Uint8Array => readFileSync(join(run, checkpoint));

/** A line of `nnc predict`. */
interface Outputs {
  readonly benign: readonly number[];
  readonly spread: readonly number[];
}

/** The same keys, and numbers that agree. */
function expectCloseNumbers(
  actual: Readonly<Record<string, number | readonly number[]>>,
  wanted: Readonly<Record<string, number | readonly number[]>>,
): void {
  expect(Object.keys(actual)).toEqual(Object.keys(wanted));
  for (const [name, value] of Object.entries(wanted)) {
    const [found, expected] = [[actual[name]!].flat(), [value].flat()];
    expect(found).toHaveLength(expected.length);
    for (const [i, number] of expected.entries()) {
      const limit = BOUND * Math.max(1, Math.abs(number));
      expect(Math.abs(found[i]! - number), `${name}[${i}]`).toBeLessThanOrEqual(limit);
    }
  }
}

describe.runIf(hasGpu)(`nnc on WebGPU ${needsGpu}`, () => {
  /** Unbroken runs. */
  const unbroken = { cpu: join(folder, "cpu"), wgsl: join(folder, "wgsl") };
  const results: Partial<Record<TargetName, TrainingResult>> = {};

  beforeAll(async () => {
    for (const target of targets) {
      results[target] = await train(newRun(target), target, ...epochs(EPOCHS));
    }
    const built = join(folder, "built");
    const outcome = await nnc(["build", model, "--target", "wgsl", "-o", built], { cwd: folder });
    expect(outcome).toMatchObject({ code: 0, errors: "" });
    cpSync(built, trainer, { recursive: true });
  });

  test("trains as on the CPU, and prints and writes the same", () => {
    const { cpu, wgsl } = results as Record<TargetName, TrainingResult>;
    expect(Object.keys(wgsl)).toEqual(Object.keys(cpu));
    expect(wgsl).toMatchObject({ epochs: EPOCHS, updates: UPDATES, checkpoint });
    expectCloseNumbers(wgsl.history, cpu.history);
    expectCloseNumbers(wgsl.test, cpu.test);
    expect(readCheckpointState(join(unbroken.wgsl, checkpoint))).toMatchObject({ t: UPDATES });
    expectCloseWeights(bytesOf(unbroken.wgsl), bytesOf(unbroken.cpu), BOUND);
  });

  test.each([
    ["cpu", "wgsl"],
    ["wgsl", "cpu"],
  ] as const)("training begun on %s continues on %s", async (first, second) => {
    const run = newRun(`${first}-${second}`);
    await train(run, first, ...epochs(EPOCHS / 2));
    const result = await train(run, second, ...epochs(EPOCHS), "--resume");
    expect(result.updates).toBe(UPDATES);
    expectCloseNumbers(result.history, results.cpu!.history);
    expectCloseWeights(bytesOf(run), bytesOf(unbroken.cpu), BOUND);
  });

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("%s saves, and resumes to the same bits", async (signal, code) => {
    const run = newRun(signal);
    const file = join(run, checkpoint);
    const outcome = await nnc(["train", model, "--target", "wgsl", ...options, ...epochs(EPOCHS)], {
      cwd: run,
      interrupt: written(file, 2, 10).then(() => signal),
    });
    expect(outcome).toMatchObject({ code, signal: null, errors: "" });
    const last = JSON.parse(outcome.out.trimEnd().split("\n").at(-1)!);
    const { epoch, t } = readCheckpointState(file);
    expect(last).toEqual({ event: "interrupted", epochs: epoch, updates: t, checkpoint });
    expect(t).toBeLessThan(UPDATES);
    await train(run, "wgsl", ...epochs(EPOCHS), "--resume");
    expect(Buffer.from(bytesOf(run)).equals(bytesOf(unbroken.wgsl))).toBe(true);
  });

  test("evaluates and predicts as on the CPU", async () => {
    const weights = ["--weights", join(unbroken.cpu, checkpoint)];
    const run = (target: TargetName, command: string, ...argv: string[]) =>
      nnc([command, model, "--target", target, ...weights, ...argv], { cwd: folder });
    const evaluate = async (target: TargetName) => {
      const { block, ...metrics } = JSON.parse((await run(target, "evaluate", "--json")).out);
      expect(block).toBe("test");
      return metrics as Record<string, number>;
    };
    const predict = async (target: TargetName) => {
      const outcome = await run(target, "predict");
      expect(outcome).toMatchObject({ code: 0, errors: "" });
      const rows = outcome.out
        .trimEnd()
        .split("\n")
        .map((row) => JSON.parse(row) as Outputs);
      expect(rows).toHaveLength(114);
      return {
        benign: rows.flatMap(({ benign }) => benign),
        spread: rows.flatMap(({ spread }) => spread),
      };
    };
    expectCloseNumbers(await evaluate("wgsl"), await evaluate("cpu"));
    expectCloseNumbers(await predict("wgsl"), await predict("cpu"));
  });

  test("auto takes the CPU where there is a graphics processor in software only", async () => {
    const outcome = await nnc(["train", model, "--target", "auto", ...epochs(0)], {
      cwd: newRun("auto"),
    });
    expect(outcome).toMatchObject({ code: 0, errors: "" });
    expect(outcome.out).toMatch(/, cpu, \d+ threads?\n/);
  });

  test("says so where there is none", async () => {
    const outcome = await nnc(["train", model, "--target", "wgsl", "--json"], {
      cwd: newRun("none"),
      environment: { ...process.env, VK_ICD_FILENAMES: "/nonexistent" },
    });
    expect(outcome).toMatchObject({ code: 1, out: "" });
    expect(outcome.errors).toMatch(/^error: no graphics processor was found/m);
  });

  describe("a built trainer", () => {
    const selfTest = () =>
      runNode([join(trainer, "trainer.js"), "--selftest"], { cwd: join(folder, "elsewhere") });

    test("says what to install beside it", async () => {
      const outcome = await selfTest();
      expect(outcome).toMatchObject({ code: 1, out: "" });
      expect(outcome.errors).toMatch(/^error: .*`npm install webgpu`\n$/);
    });

    test("tests the device, and trains to the bits of nnc train", async () => {
      const packages = join(folder, "elsewhere", "node_modules");
      mkdirSync(packages);
      symlinkSync(join(root, "node_modules", "webgpu"), join(packages, "webgpu"));
      const tested = await selfTest();
      expect(tested).toMatchObject({ code: 0, errors: "" });
      expect(tested.out).toMatch(/^self-test passed: \d+ values on webgpu, /);
      const outcome = await runNode([join(trainer, "trainer.js"), ...options, ...epochs(EPOCHS)], {
        cwd: newRun("trained"),
      });
      expect(lastJson(outcome).updates).toBe(UPDATES);
      const trained = bytesOf(join(folder, "trained"));
      expect(Buffer.from(trained).equals(bytesOf(unbroken.wgsl))).toBe(true);
    });
  });
});
