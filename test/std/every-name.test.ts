/**
 * Each layer, loss and activation of Keras runs: its result has the type that Keras' has, is finite, and its derivatives,
 * by what it is given and by its params, are those that differences tell. What the values are is in the tests and
 * conformance cases that mention the name.
 */

import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { checkDerivatives } from "../../compiler/derivatives/check.ts";
import { randomPoint } from "../../compiler/derivatives/random-point.ts";
import { GraphEvaluator } from "../../compiler/graph/evaluator.ts";
import { printTensorType } from "../../compiler/semantics/values.ts";
import { lowerSound } from "../semantics/lowering.ts";
import { kerasNames } from "./keras-names.ts";
import { libraryNames } from "./library.ts";
import { activations, layers, losses, penalties, type Sample } from "./samples.ts";

const library = libraryNames();

/** Names of some groups that are in the library. */
function present(...groups: readonly string[]): string[] {
  return kerasNames()
    .filter(({ group }) => groups.some((wanted) => group.startsWith(wanted)))
    .flatMap(({ name }) => (library.has(name) ? [name] : []));
}

/** Runs an expression as the body of a layer: on a batch, and against differences. */
function runSample({ inputs, use, result }: Sample, declared = ""): void {
  const given = inputs.split("; ");
  const names = given.map((input) => input.split(":")[0]!);
  const text = `
layer Sample()(${names.join(", ")}) {
${declared}
  return ${use}
}

model M {
${given.map((input) => `  input ${input}`).join("\n")}
  value = Sample()(${names.join(", ")})
  output y = ${result.includes("N") ? "value" : `f32(${names[0]}) * 0 + value`}
}
`;
  const program = lowerSound(text);
  const { context, predict, init, applications } = program;
  const [value] = applications.find(({ name }) => name === "Sample")!.outputs;
  expect(printTensorType(value!.dtype, value!.shape)).toBe(result);
  const n = 2;
  const initial = new GraphEvaluator(1).run(init, { leaf: () => [0] }).results;
  const leaf = randomPoint(context, [predict], { n, draw: 1, initial, hypers: {} });
  const { results } = new GraphEvaluator(n).run(predict, { leaf });
  expect(Array.from(results.get("y")!).filter((x) => !Number.isFinite(x))).toEqual([]);
  const { checks } = checkDerivatives(program, { all: true, budget: 1e8 });
  const wrong = checks.filter(({ outcome }) => outcome !== "agrees");
  expect(wrong.map(({ path, reason, difference }) => ({ path, reason, difference }))).toEqual([]);
  // Integers have no derivatives, of them or by them.
  if (!result.startsWith("f32") || !inputs.includes("f32")) return;
  expect(checks.some(({ name }) => name === "Sample")).toBe(true);
}

function testSamples(samples: Readonly<Record<string, Sample>>, names: readonly string[]): void {
  test("have a sample each", () => {
    expect(names.filter((name) => samples[name] === undefined)).toEqual([]);
  });

  test.each(Object.entries(samples))("%s", (name, sample) => {
    expect(sample.use.split(/\W+/)).toContain(name);
    runSample(sample);
  });
}

/** Tests and rules of Keras' cases, but for those that list all names. */
function textsOfTests(): string {
  const lists = new Set(["keras-names.ts", "left-out.ts", "library.ts", "vocabulary.test.ts"]);
  const tests = join(import.meta.dirname, "..");
  return readdirSync(tests, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !lists.has(basename(name)))
    .map((name) => readFileSync(join(tests, name), "utf8"))
    .join("\n");
}

test("each has a test that mentions it", () => {
  const words = new Set(textsOfTests().match(/[A-Za-z_]\w*/g));
  const groups = ["layers", "losses", "optimizers", "schedules", "metrics", "initializers"];
  const names = present(...groups, "activations", "regularizers", "constraints");
  expect(names.filter((name) => !words.has(name))).toEqual([]);
});

describe("layers", () => {
  testSamples(layers, present("layers"));
});

describe("losses", () => {
  testSamples(losses, present("losses"));
});

describe("activations", () => {
  test.each(present("activations"))("%s", (name) => {
    const use = activations[name] ?? `${name}(x)`;
    const result = name === "glu" ? "f32[N, 2]" : "f32[N, 4]";
    runSample({ inputs: "x: f32[N, 4]", use, result });
  });
});

describe("regularizers and constraints", () => {
  test("have a sample each", () => {
    const names = present("regularizers", "constraints");
    expect(names.filter((name) => penalties[name] === undefined)).toEqual([]);
  });

  test.each(Object.entries(penalties))("%s", (_, use) => {
    const param = "  param w: f32[3, 4] = glorot_uniform";
    runSample({ inputs: "x: f32[N, 4]", use: `${use} + sum(x) * 0`, result: "f32" }, param);
  });
});
