/** The commands of a trainer in a world of their own: what they print, write and return. */

import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Column } from "../../../runtime/data/column.ts";
import type { DataPlan, SelfTestPlan, TrainerPlan } from "../../../runtime/plan.ts";
import type { CommandEnvironment } from "../../../runtime/training/command/environment.ts";
import { inputSources } from "../../../runtime/training/command/predict.ts";
import { runStandalone } from "../../../runtime/training/command/standalone.ts";
import { type TrainCommandOptions, trainCommand } from "../../../runtime/training/command/train.ts";
import { FakeDevice, lineColumns, lineDefinition } from "./fake-model.ts";

const column = (name: string) => ({
  column: { name, dtype: "f32", shape: [] } as const,
  reader: "csv" as const,
  path: "line.csv",
  options: { column: name },
});

const data: DataPlan = {
  name: "line",
  blocks: { train: [column("x"), column("y")], test: [column("x"), column("y")] },
};

function world(plan: Partial<TrainerPlan> = {}) {
  const definition = lineDefinition();
  const out: string[] = [];
  const errors: string[] = [];
  const device = new FakeDevice(definition);
  let interrupt: (signal: "SIGINT" | "SIGTERM") => void = () => {};
  const environment: CommandEnvironment = {
    definition: { ...definition, plan: { ...definition.plan, data, ...plan } },
    name: join(mkdtempSync(join(tmpdir(), "command-")), "line"),
    dataFolder: ".",
    openDevice: async () => device,
    readColumns: async (sources): Promise<readonly Column[]> =>
      lineColumns(20).filter(({ name }) => sources.some((source) => source.column.name === name)),
    out: { write: (text: string) => out.push(text) },
    errors: { write: (text: string) => errors.push(text) },
    onInterrupt: (listener) => {
      interrupt = listener;
      return () => {};
    },
  };
  return {
    environment,
    device,
    interrupt: () => interrupt("SIGINT"),
    out: () => out.join(""),
    errors: () => errors.join(""),
    train: (options: TrainCommandOptions = {}) => trainCommand(environment, options),
    run: (...argv: string[]) => runStandalone(environment, argv),
  };
}

describe("training", () => {
  it("prints a line an epoch, the test and a summary", async () => {
    const { train, out, environment } = world();
    expect(await train({ epochs: 2 })).toBe(0);
    const text = out()
      .replace(/\d\.\ds/g, "0.0s")
      .replace(/[\d.]+ [kM] samples/g, "1 k samples");
    const lines = text.trimEnd().split("\n");
    expect(lines[0]).toBe("Line: 2 parameters, 20 rows, fake");
    expect(lines[1]).toMatch(/^Epoch 1\/2 {2}3\/3 {2}0\.0s {2}loss: \d\.\d{4}$/);
    expect(lines[2]).toMatch(/^Epoch 2\/2 {2}3\/3/);
    expect(lines[3]).toMatch(/^Test {2}loss: \d\.\d{4}$/);
    expect(lines[4]).toMatch(
      /^6 updates, .* samples\/s, saved to .*line\.checkpoint\.safetensors$/,
    );
    expect(existsSync(`${environment.name}.checkpoint.safetensors`)).toBe(true);
  });

  it("ends with one JSON line that says everything", async () => {
    const { train, out, environment } = world();
    expect(await train({ json: true, epochs: 2 })).toBe(0);
    const lines = out()
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.map(({ event }) => event)).toEqual(["epoch", "epoch", undefined]);
    expect(lines[2]).toMatchObject({
      epochs: 2,
      updates: 6,
      history: { loss: [expect.any(Number), expect.any(Number)] },
      test: { loss: expect.any(Number) },
      checkpoint: `${environment.name}.checkpoint.safetensors`,
    });
    expect(lines[2].samples_per_second).toBeGreaterThan(0);
  });

  it("saves on Ctrl-C, gives 130, and goes on with --resume to the same end", async () => {
    const whole = world();
    await whole.train({ json: true });
    const { train, device, interrupt, out, errors } = world();
    device.beforeRun = () => {
      if (device.runs.length === 2) interrupt();
    };
    expect(await train({})).toBe(130);
    expect(errors()).toMatch(/^interrupted in epoch 1; saved to .*, go on with --resume\n$/);
    device.beforeRun = () => {};
    expect(await train({ resume: true, json: true })).toBe(0);
    const last = (text: string) => JSON.parse(text.trimEnd().split("\n").at(-1)!);
    const { history, test, updates } = last(out());
    const expected = last(whole.out());
    expect({ history, test, updates }).toEqual({
      history: expected.history,
      test: expected.test,
      updates: expected.updates,
    });
  });

  it("takes a learning rate, a seed and a file for the weights", async () => {
    const { train, device, environment } = world();
    const output = `${environment.name}.weights.safetensors`;
    expect(await train({ learningRate: 0.5, epochs: 1, seed: 7, output })).toBe(0);
    const [first] = device.runs.filter(({ graph }) => graph === "train");
    expect([first!.scalars[0], first!.seed]).toEqual([0.5, 7]);
    expect(existsSync(output)).toBe(true);
  });

  it("says before the first step that a file cannot be written", async () => {
    const { train, run, device, environment } = world();
    await train({ epochs: 1 });
    const ran = device.runs.length;
    const below = join(`${environment.name}.checkpoint.safetensors`, "below");
    await expect(train({ output: below })).rejects.toThrow(/below: expected a file that can be/);
    await expect(train({ checkpoint: below })).rejects.toThrow(/is not a folder/);
    expect(await run("--predict", "--output", `${below}.csv`)).toBe(1);
    expect(await run("--predict", "--output", "out.txt")).toBe(1);
    expect(device.runs.length).toBe(ran);
  });

  it("goes on with the checkpoint's learning rate, and says so if the file has another", async () => {
    const { train, environment, device, errors } = world();
    await train({ epochs: 1 });
    const { definition } = environment;
    const changed = {
      ...environment,
      definition: { ...definition, plan: { ...definition.plan, hypers: { learning_rate: 0.5 } } },
    };
    const rates = () => device.runs.flatMap(({ scalars }) => [...scalars].slice(0, 1)).slice(-1);
    await train({ epochs: 2, resume: true });
    expect(errors()).toBe("");
    await trainCommand(changed, { epochs: 3, resume: true });
    expect(rates()).toEqual([Math.fround(0.05)]);
    const warning =
      "warning: the run goes on with the checkpoint's learning_rate 0.05; the model's file now says 0.5 " +
      "(--learning-rate 0.5 takes that)\n";
    expect(errors()).toBe(warning);
    // Said once.
    await trainCommand(changed, { epochs: 4, resume: true });
    expect(errors()).toBe(warning);
    await trainCommand(changed, { epochs: 5, resume: true, learningRate: 0.5 });
    expect(rates()).toEqual([0.5]);
    expect(errors()).toBe(warning);
  });

  it("refuses a seed other than the checkpoint's, and a checkpoint that is not there", async () => {
    const { train, run, errors } = world();
    await train({ epochs: 1 });
    await expect(train({ resume: true, seed: 7 })).rejects.toThrow(/has the seed 42, not 7/);
    expect(await run("--resume", "nowhere")).toBe(1);
    expect(errors()).toContain(
      "error: there is no checkpoint nowhere to resume from\n  = train without",
    );
  });
});

describe("a trainer by itself", () => {
  it("lists its options", async () => {
    const { run, out } = world();
    expect(await run("--help")).toBe(0);
    expect(out()).toContain("Usage: node trainer.js [options]");
    for (const option of ["--epochs N", "--data DIR", "--resume [FILE]", "--json", "--selftest"]) {
      expect(out()).toContain(`\n  ${option} `);
    }
  });

  it.each([
    [["--epoch", "3"], "error: unknown option --epoch\n  = did you mean --epochs?\n"],
    [["--wonder"], "error: unknown option --wonder\n  = see node trainer.js --help\n"],
    [["--epochs"], "error: --epochs needs a value: --epochs N\n"],
    [["--epochs", "x"], "error: --epochs must be a number, not x\n"],
    [["--epochs=1.5"], "error: --epochs must be a whole number of at least 0, not 1.5\n"],
    [["--json=1"], "error: --json takes no value\n"],
    [["5"], "error: unexpected argument 5\n  = see node trainer.js --help\n"],
    [["evaluate"], "error: unexpected argument evaluate\n  = did you mean --evaluate?\n"],
    [["--learning-rate", "-1"], "error: --learning-rate must be a number above 0, not -1\n"],
    [["--evaluate", "--predict", "x.csv"], "error: --evaluate and --predict exclude each other\n"],
    [
      ["--batch-size", "9"],
      "error: a batch of 9 rows is more than the 8 the trainer was built for\n",
    ],
    [["--data", "/nowhere"], "error: there is no folder /nowhere\n  = check --data\n"],
    [["--evaluate"], "error: there are no weights"],
    [["--selftest"], "error: this trainer was built without figures for a self-test\n"],
  ])("%j is an error", async (argv, message) => {
    const { run, errors, out } = world();
    expect(await run(...argv)).toBe(1);
    expect(errors()).toContain(message);
    expect(out().includes("Test")).toBe(false);
  });

  it("trains, evaluates and predicts", async () => {
    const { run, out, environment } = world();
    expect(await run("--epochs=3", "--batch-size", "4")).toBe(0);
    const before = out().length;
    expect(await run("--evaluate", "--json")).toBe(0);
    const evaluated = JSON.parse(out().slice(before));
    expect(evaluated).toEqual({ block: "test", loss: expect.any(Number) });
    const output = `${environment.name}.csv`;
    expect(await run("--predict", "rows.csv", "--output", output)).toBe(0);
    const lines = readFileSync(output, "utf8").trimEnd().split("\n");
    expect(lines.length).toBe(21);
    expect(lines[0]).toBe("prediction");
  });

  it("reads each input from its file, as the model's data say", () => {
    const { environment } = world();
    const { plan } = environment.definition;
    expect(inputSources(plan, ["x=a.csv"])).toEqual([
      { ...column("x"), path: "a.csv", options: { column: "x" } },
    ]);
    expect(inputSources(plan, ["b.jsonl"])[0]).toMatchObject({
      reader: "jsonl",
      options: { key: "x" },
    });
    expect(inputSources(plan, ["t10k-images-idx3-ubyte.gz"])[0]).toMatchObject({ reader: "idx" });
    expect(() => inputSources(plan, ["y=a.csv"])).toThrow(/no input y/);
    const two = { ...plan, inputs: ["x", "y"] };
    expect(inputSources(two, ["x=a.csv", "y=b.npy"])).toMatchObject([
      { path: "a.csv", reader: "csv" },
      { path: "b.npy", reader: "npy" },
    ]);
    expect(() => inputSources(two, ["x=a.csv"])).toThrow(
      expect.objectContaining({
        message: "no file was given for the input y",
        hint: "give x=FILE and y=FILE",
      }),
    );
    expect(() => inputSources(plan, ["a.txt"])).toThrow(/format of a.txt/);
  });
});

describe("the self-test", () => {
  const selfTest = (expected: number): SelfTestPlan => ({
    seed: 3,
    rows: 4,
    ranges: { x: [-1, 1] },
    checks: [
      {
        of: "output",
        name: "prediction",
        positions: [0],
        expected: [expected],
        tolerances: [1e-6],
      },
      { of: "tensor", name: "metric/count", positions: [0], expected: [4], tolerances: [0] },
    ],
  });

  it("compares with the figures and names what deviates", async () => {
    const probe = world({ selfTest: selfTest(0) });
    expect(await probe.run("--selftest")).toBe(1);
    const found = /prediction\[0\] is (\S+) in predict, expected 0 ± 0.000001/.exec(probe.errors());
    expect(found).not.toBeNull();
    const right = world({ selfTest: selfTest(Number(found![1])) });
    expect(await right.run("--selftest")).toBe(0);
    expect(right.out()).toBe("self-test passed: 2 values on fake\n");
  });

  it("takes NaN for wrong", async () => {
    const { run, device, errors } = world({ selfTest: selfTest(0) });
    const read = device.readResult.bind(device);
    device.readResult = async (graph) => (await read(graph)).fill(Number.NaN);
    expect(await run("--selftest")).toBe(1);
    expect(errors()).toContain("prediction[0] is NaN in predict");
  });
});
