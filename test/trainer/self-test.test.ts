/** The self-test's figures: they cover the model, and they would show a device that computes wrongly. */

import { describe, expect, it } from "vitest";
import { describeTarget } from "../../compiler/cli/machine.ts";
import { findPackageFiles } from "../../compiler/cli/package-files.ts";
import { diskSources } from "../../compiler/cli/source-files.ts";
import { compile } from "../../compiler/index.ts";
import { computeSelfTest, selfTestRanges } from "../../compiler/self-test.ts";
import { instantiateProgram } from "../../compiler/trainer/instantiate.ts";
import { selfTestDataset } from "../../runtime/training/self-test.ts";

const MODEL = `model Classes {
  input bytes: u8[N, 6]
  h = bytes / 255 |> Dense(5, tanh)
  output kind = h |> Dropout(0.5) |> Dense(3, softmax)
}

data rows {
  train {
    bytes: u8[6] = npy("bytes.npy")
    label: u8    = npy("label.npy")
  }
}

train Classes on rows {
  loss       sparse_categorical_crossentropy(label, kind)
  optimizer  Adam(learning_rate = 0.01)
  metrics    accuracy(label, kind)
  batch_size 4
}
`;

function selfTestOf(text: string) {
  const host = diskSources(findPackageFiles().std);
  const { program, lowered } = compile(
    "classes.nn",
    { ...host, readFile: () => text },
    { target: describeTarget("native") },
  );
  const definition = instantiateProgram(program!);
  const test = { seed: 5, rows: 3, ranges: selfTestRanges(lowered!) };
  const dataset = selfTestDataset(definition.plan.columns, { ...test, checks: [] });
  const columns = new Map([...dataset.columns].map(([name, { data }]) => [name, data]));
  return {
    definition,
    dataset,
    selfTest: computeSelfTest(lowered!, definition, { ...test, columns }),
  };
}

describe("the figures of a self-test", () => {
  const { definition, dataset, selfTest } = selfTestOf(MODEL);

  it("cover the outputs, the loss, every parameter and every slot", () => {
    const names = selfTest.checks.map(({ name }) => name);
    const { tensors } = definition.plan;
    expect(names).toEqual(expect.arrayContaining(["kind", "loss"]));
    for (const { name, role } of tensors) {
      if (role === "param" || role === "slot") expect(names).toContain(name);
    }
  });

  it("are exact enough to tell an updated parameter from one that was left alone", () => {
    const initial = definition.initialize(selfTest.seed);
    const params = definition.plan.tensors.filter(({ role }) => role === "param");
    for (const { name } of params) {
      const { positions, expected, tolerances } = selfTest.checks.find((c) => c.name === name)!;
      const moved = positions.map((position, i) =>
        Math.abs(expected[i]! - initial[name]![position]!),
      );
      expect(Math.max(...moved.map((change, i) => change / tolerances[i]!))).toBeGreaterThan(10);
    }
  });

  it("allow for some rounding everywhere", () => {
    for (const { expected, tolerances } of selfTest.checks) {
      for (const [i, tolerance] of tolerances.entries()) {
        expect(tolerance).toBeGreaterThan(Math.abs(expected[i]!) * 2 ** -22);
      }
    }
  });

  it("start from rows in the ranges of their types, the same every time", () => {
    expect([...dataset.columns.get("label")!.data].every((label) => label < 2)).toBe(true);
    expect(Math.max(...dataset.columns.get("bytes")!.data)).toBeGreaterThan(100);
    expect(selfTestOf(MODEL).selfTest).toEqual(selfTest);
  });
});
