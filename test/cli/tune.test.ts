/** `nnc tune`: what it prints and keeps, who takes what is kept, and what it says where it cannot. */

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { tune } from "../../compiler/cli/commands/tune.ts";
import { compileModel } from "../../compiler/cli/compile-model.ts";
import { runCli } from "../../compiler/cli/program.ts";
import type { MeasureCandidates } from "../../compiler/cli/tuning/measure-candidates.ts";
import { PlanStore } from "../../compiler/cli/tuning/plan-store.ts";
import { invariant } from "../../compiler/diagnostics/diagnostic.ts";
import { wholeText } from "../../compiler/targets/cpu/c-source.ts";
import { launchOf, planOf } from "./tuned-launches.ts";

const folder = mkdtempSync(join(tmpdir(), "nnc-tune-"));
const cache = join(folder, "cache");
const model = join(folder, "rings.nn");

beforeAll(() => {
  vi.stubEnv("XDG_CACHE_HOME", cache);
  writeFileSync(
    model,
    `model Rings {
  input x: f32[N, 12]
  output y = x |> Dense(24, activation = relu) |> Dense(8)
}

data rings {
  train {
    x: f32[12] = csv("rings.csv", columns = [${Array.from({ length: 12 }, (_, i) => `"a${i}"`).join(", ")}])
    target: i32 = csv("rings.csv", column = "ring")
  }
}

train Rings on rings {
  loss       sparse_categorical_crossentropy(target, y, from_logits = true)
  optimizer  SGD(learning_rate = 0.1)
  epochs     2
  batch_size 16
  seed       1
}
`,
  );
  const names = Array.from({ length: 12 }, (_, i) => `a${i}`);
  const rows = Array.from({ length: 48 }, (_, row) =>
    [...names.map((_, i) => Math.sin(row + i)), row % 8].join(","),
  );
  writeFileSync(join(folder, "rings.csv"), `${[...names, "ring"].join(",")}\n${rows.join("\n")}\n`);
});

afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

beforeEach(() => {
  rmSync(join(cache, "nnc", "plans"), { recursive: true, force: true });
});

function collecting() {
  const out: string[] = [];
  const errors: string[] = [];
  const streams = {
    out: { write: (text: string) => out.push(text) },
    errors: { write: (text: string) => errors.push(text) },
    color: false,
  };
  return { streams, text: () => ({ out: out.join(""), errors: errors.join("") }) };
}

async function nnc(...argv: string[]) {
  const { streams, text } = collecting();
  const code = await runCli(argv, streams);
  return { code, ...text() };
}

/** Runs `nnc tune` on made-up times. */
async function tuneWith(measure: MeasureCandidates, options: object = {}) {
  const { streams, text } = collecting();
  const flags = { target: "cpu", fusion: true, winograd: true, ...options };
  return { code: await tune(model, flags, streams, measure), ...text() };
}

describe("tuning a model", () => {
  it("measures, keeps the fastest, and others take them", async () => {
    const { code, out, errors } = await nnc(
      ...["tune", model, "--target", "cpu", "--candidates", "3", "--rounds", "3", "--json"],
    );
    expect([code, errors]).toEqual([0, ""]);
    const shapes = out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(shapes.length).toBeGreaterThanOrEqual(3);
    for (const { measured, predicted, tuned } of shapes) {
      expect(measured.length).toBeGreaterThan(1);
      expect(tuned.seconds).toBeLessThanOrEqual(predicted.seconds);
    }
    const explained = await nnc("explain", model, "--target", "cpu", "--tuned");
    expect(explained.out).toContain("measured to be the fastest");
    expect((await nnc("explain", model, "--target", "cpu")).out).not.toContain("measured to be");
    const losses = async (...flags: string[]) =>
      (await nnc("train", model, "--target", "cpu", "--json", ...flags)).out
        .split("\n")
        .map((line) => /"loss":[^,}]*/.exec(line)?.[0]);
    expect(await losses("--tuned")).toEqual(await losses());
  });

  it("says what each shape gains, and a step", async () => {
    const asked: object[] = [];
    const { code, out } = await tuneWith(
      async (_request, { onProgress, ...options }) => {
        asked.push(options);
        onProgress(1, 1);
        return [
          launchOf("small", [[2e-6], [1.99e-6]], "dense"),
          launchOf("large", [[4e-3], [3e-3]], "dense_1"),
          launchOf(null, [[1e-3], [1e-3]], "softmax"),
        ];
      },
      { candidates: 2, rounds: 5, threads: 2 },
    );
    expect(code).toBe(0);
    expect(asked).toEqual([{ candidates: 2, rounds: 5, threads: 2 }]);
    const { path } = await PlanStore.open(undefined);
    expect(out.replace(path, "PATH")).toMatchInlineSnapshot(`
      "2 shapes of products, up to 2 plans each, 5 rounds on 2 threads

                                 predicted  measured  gain
        train: dense_1
          large
          tiles of 1 × 1 vector     1.00 s   4.00 ms
          tiles of 2 × 1 vector     1.00 s   3.00 ms  25 %
        train: dense
          small
          tiles of 1 × 1 vector     1.00 s   2.00 µs

      train: 5.00 ms a step as predicted, 4.00 ms tuned, 20 % less
      kept in PATH: build, train and explain take them with --tuned
      "
    `);
    const kept = await (await PlanStore.open(undefined)).read();
    expect(kept.get("large")).toEqual({
      choice: planOf(1),
      seconds: 3e-3,
      predictedPlanSeconds: 4e-3,
    });
    expect(kept.get("small")!.choice).toEqual(planOf(0));
  });

  it("adds to what is kept, in a file for each machine", async () => {
    const times = [[2], [1]];
    await tuneWith(async () => [launchOf("a", times)]);
    await tuneWith(async () => [launchOf("b", times)]);
    await tuneWith(async () => [launchOf("b", [[1], [2]])], { march: "x86-64-v2" });
    const here = await (await PlanStore.open(undefined)).read();
    expect([...here.keys()]).toEqual(["a", "b"]);
    expect(here.get("b")!.choice).toEqual(planOf(1));
    const folderOfPlans = join(cache, "nnc", "plans");
    expect(readdirSync(folderOfPlans)).toHaveLength(2);
  });
});

it("compiles every candidate's plans, each in a graph of its own", () => {
  const request = { entry: model, target: "cpu", candidates: 3 } as const;
  const { kernels, plan } = compileModel(request, collecting().streams).program;
  expect(Object.keys(plan.graphs)).toEqual(
    expect.arrayContaining(["train", "train_candidate_1", "train_candidate_2"]),
  );
  const of = (graph: string) => kernels.filter((kernel) => kernel.graph === graph);
  of("train").forEach(({ plan: predicted, name }, i) => {
    const other = of("train_candidate_1")[i]!;
    const isSame = JSON.stringify(other.plan?.choice) === JSON.stringify(predicted?.choice);
    expect(other.name === name).toBe(isSame);
  });
});

describe("kept plans", () => {
  it("change nothing that is not asked to take them", async () => {
    const texts = () => {
      const { program } = compileModel({ entry: model, target: "cpu" }, collecting().streams);
      invariant(program.code.target === "cpu", "it is for the CPU");
      return wholeText(program.code.c);
    };
    const before = texts();
    const { program } = compileModel({ entry: model, target: "cpu" }, collecting().streams);
    const plans = program.kernels.flatMap(({ plan }) => plan ?? []);
    const launches = plans.map(({ shape }) => launchOf(shape, [[2], [1]]));
    await tuneWith(async () => launches);
    expect(texts()).toEqual(before);
  });

  it.each(["not JSON", "{}", '{"format":1,"plans":{"a":{"choice":{"rows":"4"}}}}'])(
    "that cannot be read are an error that says what to do: %s",
    async (content) => {
      const { path } = await PlanStore.open(undefined);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
      const message = `error: the measured plans in ${path} cannot be read\n  = remove the file and run nnc tune again\n`;
      for (const argv of [
        ["tune", model, "--target", "cpu"],
        ["build", model, "--target", "cpu", "--tuned"],
      ]) {
        expect(await nnc(...argv)).toEqual({ code: 1, out: "", errors: message });
      }
      expect(readFileSync(path, "utf8")).toBe(content);
      expect((await nnc("explain", model, "--target", "cpu")).code).toBe(0);
    },
  );

  it.each([
    [
      ["train", "--tuned"],
      "no plans were measured on this machine with this C compiler\n  = run nnc tune",
    ],
    [["build", "--tuned", "--target", "wgsl"], "--tuned takes plans for the CPU\n  = leave it out"],
    [["tune", "--target", "cuda"], "plans are measured for the CPU\n  = add --target cpu\n"],
    [["tune", "--candidates", "1"], "It must be a whole number of at least 2."],
    [["tune", "--rounds", "2"], "It must be a whole number of at least 3."],
    [["tune", "--threads", "0"], "It must be a whole number of at least 1."],
    [["tune", "--tuned"], "unknown option '--tuned'"],
  ])("%j", async ([command, ...flags], message) => {
    const target = flags.includes("--target") ? [] : ["--target", "cpu"];
    const { code, out, errors } = await nnc(command!, model, ...target, ...flags);
    expect([code, out]).toEqual([1, ""]);
    expect(errors).toContain(message);
  });
});
