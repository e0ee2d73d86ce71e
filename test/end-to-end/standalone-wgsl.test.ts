/**
 * A trainer for WebGPU as `nnc build` writes it, carried to another place: small enough for pages, typed for people's
 * own code, and the same program in Node as the CPU's trainer, down to the files.
 */

import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { hasGpu, needsGpu } from "../runtime/devices/webgpu/software-gpu.ts";
import { examples, lastJson, nnc, type Outcome, root, runNode, temporaryFolder } from "./nnc.ts";

const folder = temporaryFolder();
const place = join(folder, "another", "place");

/** Two rings, told apart: tanh, a sigmoid, dropout's random numbers, and statistics of the rows. */
const MODEL = `model Rings {
  input point: f32[N, 2]
  output inside = point |> Normalization |> Dense(8, tanh) |> Dropout(0.1) |> Dense(1, sigmoid)
}

data rings {
  train {
    point: f32[2] = csv("rings.csv", columns = ["x", "y"])
    label: f32[1] = csv("rings.csv", columns = ["label"])
  }
  test {
    point = csv("rings.csv", columns = ["x", "y"])
    label = csv("rings.csv", columns = ["label"])
  }
}

train Rings on rings {
  loss       binary_crossentropy(label, inside)
  optimizer  Adam(learning_rate = 0.02)
  metrics    binary_accuracy(label, inside)
  epochs     6
  batch_size 16
  seed       3
}
`;

const run = (trainer: string, ...argv: string[]): Promise<Outcome> =>
  runNode([join(place, trainer, "trainer.js"), ...argv], { cwd: place });

beforeAll(async () => {
  mkdirSync(join(place, "node_modules"), { recursive: true });
  symlinkSync(join(root, "node_modules", "webgpu"), join(place, "node_modules", "webgpu"));
  const model = join(folder, "rings.nn");
  writeFileSync(model, MODEL);
  const rows = Array.from({ length: 72 }, (_, i) => {
    const radius = i % 2 === 0 ? 0.5 : 1.5;
    return `${radius * Math.cos(i)},${radius * Math.sin(i)},${1 - (i % 2)}\n`;
  });
  writeFileSync(join(folder, "rings.csv"), `x,y,label\n${rows.join("")}`);
  for (const target of ["cpu", "wgsl"]) {
    const built = join(folder, "built", target);
    const outcome = await nnc(["build", model, "--target", target, "-o", built], { cwd: folder });
    expect(outcome).toMatchObject({ code: 0, errors: "" });
    cpSync(built, join(place, target), { recursive: true });
  }
});

test("the trainer of digits.nn is under 40 KB gzipped, which nnc build prints", async () => {
  const built = join(folder, "digits");
  const outcome = await nnc(
    ["build", join(examples, "digits.nn"), "--target", "wgsl", "-o", built],
    { cwd: folder },
  );
  expect(outcome).toMatchObject({ code: 0, errors: "" });
  const bytes = ["trainer.js", "runtime.js"].reduce(
    (total, name) => total + gzipSync(readFileSync(join(built, name))).length,
    0,
  );
  console.log(outcome.out.trimEnd());
  expect(bytes).toBeLessThan(40_000);
  expect(outcome.out).toContain(`, ${(bytes / 1000).toFixed(1)} KB gzipped for the browser; `);
  expect(readFileSync(join(built, "trainer.js"), "utf8").includes(`"${root}`)).toBe(false);
});

describe("in people's own TypeScript", () => {
  const CONSUMER = `
import { fetchFrom, loadData } from "./wgsl/data.js";
import { type FitProgress, type History, originStorage } from "./wgsl/runtime.js";
import { definition, Rings, type RingsData, type RingsMetrics } from "./wgsl/trainer.js";

const model = await Rings.create({
  device: "webgpu",
  seed: 4,
  storage: originStorage("rings"),
  onProgress: (compiled, kernels) => console.log(compiled / kernels),
});
const data = await loadData<RingsData>(definition.plan, "train", fetchFrom("./"));
const pause = new AbortController();
let last: FitProgress | undefined;
const history: History = await model.fit(data, {
  epochs: 3,
  signal: pause.signal,
  onProgress: (progress) => { last = progress; },
});
await model.fit(data, { resume: true, force: true, checkpoint: "rings.safetensors" });
const bytes: Uint8Array<ArrayBuffer> = await model.checkpoint();
await model.restore(bytes);
const { loss, binary_accuracy }: RingsMetrics = await model.evaluate(data);
const { inside } = await model.predict({ point: [[0, 1]] });
const probability: number | undefined = inside.data[0];
// @ts-expect-error: the model has no such column
await model.predict({ points: [[0, 1]] });
// @ts-expect-error: it runs on WebGPU
await Rings.create({ device: "cpu" });
console.log(history.epoch, last, loss, binary_accuracy, probability, definition.plan.metrics, model.state.t);
`;
  const options = ["--noEmit", "--strict", "--noUncheckedIndexedAccess"];
  const exact = ["--exactOptionalPropertyTypes", "--target", "es2022", "--types", ""];

  test.each([
    ["of a page", ["--module", "esnext", "--moduleResolution", "bundler", "--lib", "es2023,dom"]],
    [
      "of a program in Node",
      ["--module", "nodenext", "--lib", "es2023", "--types", "node"].concat(
        "--typeRoots",
        join(root, "node_modules/@types"),
      ),
    ],
  ])("the module %s is typed by the model", async (_, surroundings) => {
    writeFileSync(join(place, "consumer.mts"), CONSUMER);
    const checked = await runNode(
      [
        join(root, "node_modules/typescript/bin/tsc"),
        ...options,
        ...exact.slice(0, 3),
        ...surroundings,
        "consumer.mts",
      ],
      { cwd: place },
    );
    expect(checked).toMatchObject({ code: 0, out: "" });
  });

  test("its source is strict TypeScript by itself", async () => {
    const source = readFileSync(join(place, "wgsl", "trainer.ts"), "utf8");
    writeFileSync(join(place, "wgsl", "checked.ts"), source.replace("// @ts-nocheck", "//"));
    const checked = await runNode(
      [
        join(root, "node_modules/typescript/bin/tsc"),
        ...["--noEmit", "--strict"],
        ...["--target", "es2022", "--module", "nodenext", "--lib", "es2023,dom", "checked.ts"],
      ],
      { cwd: join(place, "wgsl") },
    );
    expect(checked).toMatchObject({ code: 0, out: "" });
  });
});

describe.runIf(hasGpu)(`as a program in Node ${needsGpu}`, () => {
  const data = ["--data", folder];

  test("it tests the device, trains, evaluates and predicts as the CPU's trainer does", async () => {
    const tested = await run("wgsl", "--selftest");
    expect(tested).toMatchObject({ code: 0, errors: "" });
    expect(tested.out).toMatch(/^self-test passed: \d+ values on webgpu, /);

    const results = [];
    for (const target of ["cpu", "wgsl"]) {
      const checkpoint = `whole-${target}.safetensors`;
      const trained = lastJson(await run(target, "--json", ...data, "--checkpoint", checkpoint));
      const files = ["--weights", checkpoint];
      const evaluated = lastJson(await run(target, "--evaluate", "--json", ...data, ...files));
      expect(evaluated).toEqual({ block: "test", ...trained.test });
      const predicted = await run(
        target,
        ...["--predict", join(folder, "rings.csv"), "--output", `${target}.csv`, ...files],
      );
      expect(predicted).toMatchObject({ code: 0, errors: "" });
      const rows = readFileSync(join(place, `${target}.csv`), "utf8")
        .trimEnd()
        .split("\n");
      results.push({ trained, predictions: rows.slice(1).map(Number) });
    }
    const [cpu, wgsl] = results;
    expect(wgsl!.trained).toMatchObject({ epochs: 6, updates: 30 });
    expect(Object.keys(wgsl!.trained.history)).toEqual(Object.keys(cpu!.trained.history));
    for (const [epoch, loss] of wgsl!.trained.history.loss!.entries()) {
      expect(loss).toBeCloseTo(cpu!.trained.history.loss![epoch]!, 4);
    }
    expect(wgsl!.predictions).toHaveLength(72);
    for (const [row, probability] of wgsl!.predictions.entries()) {
      expect(probability).toBeCloseTo(cpu!.predictions[row]!, 3);
    }
  });

  test.each([
    ["cpu", "wgsl"],
    ["wgsl", "cpu"],
  ])("training begun on %s goes on on %s", async (first, second) => {
    const checkpoint = ["--checkpoint", `${first}-${second}.safetensors`];
    await run(first, "--epochs", "3", ...data, ...checkpoint).then((outcome) =>
      expect(outcome).toMatchObject({ code: 0, errors: "" }),
    );
    const resumed = lastJson(await run(second, "--resume", "--json", ...data, ...checkpoint));
    const whole = lastJson(await run(second, "--json", ...data, "--checkpoint", "x.safetensors"));
    expect(resumed).toMatchObject({ epochs: 6, updates: 30 });
    for (const [epoch, loss] of resumed.history.loss!.entries()) {
      expect(loss).toBeCloseTo(whole.history.loss![epoch]!, 4);
    }
  });

  test("the first Ctrl-C saves, and the run goes on from there", async () => {
    const checkpoint = ["--checkpoint", "interrupted.safetensors"];
    const interrupted = await runNode(
      [join(place, "wgsl", "trainer.js"), "--epochs", "100000", ...data, ...checkpoint],
      {
        cwd: place,
        interrupt: new Promise((resolve) => setTimeout(() => resolve("SIGINT"), 6000)),
      },
    );
    expect(interrupted.code).toBe(130);
    expect(interrupted.errors).toContain("saved to interrupted.safetensors, go on with --resume");
    const resumed = await run(
      "wgsl",
      "--resume",
      "--epochs",
      "1",
      "--json",
      ...data,
      ...checkpoint,
    );
    expect(resumed.code).toBe(0);
  });
});
