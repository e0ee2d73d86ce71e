/**
 * Each layer, loss and activation of Keras runs: its result has the type that Keras' has, is finite, and its derivatives,
 * by what it is given and by its params, are those that differences tell. What the values are is in the tests of values,
 * in which every name must be used.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
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

/** Files of this folder whose tests hold values to formulas or references that are written again. */
const valueTests = [
  ...["activations", "attention", "augmentation", "convolution", "core-layers", "ctc"],
  ...["initializers"],
  ...["layer-values", "layers", "loss-values", "loss-weights", "losses", "masked-layers"],
  ...["metric-functions", "metrics", "multi-optimizer", "normalization", "optimizers"],
  ...["pooling", "recurrent", "renormalization", "reshaping", "training-functions"],
];

/** Names that are nothing by themselves, with what is tested in their place. */
const testedAs: Readonly<Record<string, string>> = {
  Optimizer: "every optimizer extends it",
};

/** What the tests of values use: called, applied, or named in a table of names. */
function usedNames(): ReadonlySet<string> {
  const text = valueTests
    .map((name) => readFileSync(join(import.meta.dirname, `${name}.test.ts`), "utf8"))
    .join("\n")
    // A name with the number of dimensions is used with each.
    .replaceAll(/(\w+)\$\{[^}]*\}(D\w*)/g, "$11$2(), $12$2(), $13$2()");
  const uses = text.matchAll(/([A-Za-z_]\w*)\s*\(|\|>\s*([A-Za-z_]\w*)|["'`]([A-Za-z_]\w*)["'`]/g);
  return new Set([...uses].map(([, called, applied, named]) => (called ?? applied ?? named)!));
}

test("each has a test of its values, by all its names", () => {
  const used = usedNames();
  // Poolings are tested by what their names are made of.
  const pools = ["AveragePooling", "AvgPool", "MaxPooling", "MaxPool"];
  const isPool = (name: string) => {
    const [, kind] = /^(?:Global|Adaptive)?(\w+?)[123]D$/.exec(name) ?? [];
    return kind !== undefined && pools.includes(kind) && used.has(kind);
  };
  const groups = ["layers", "losses", "optimizers", "schedules", "metrics", "initializers"];
  const names = kerasNames()
    .filter(({ group }) =>
      [...groups, "activations", "regularizers", "constraints"].some((wanted) =>
        group.startsWith(wanted),
      ),
    )
    .flatMap(({ all }) => all.filter((name) => library.has(name)));
  const untested = names.filter(
    (name) => !used.has(name) && !isPool(name) && testedAs[name] === undefined,
  );
  expect(untested).toEqual([]);
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
