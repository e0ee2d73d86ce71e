/**
 * Models whose weights are looked up, trained some steps on the CPU: what the interpreter makes of them, by optimizers
 * that change only what a step has read and by one that changes all.
 */

import { expect, test } from "vitest";
import { describeTarget } from "../../compiler/cli/machine.ts";
import { hash32, uniformAt } from "../../compiler/graph/threefry.ts";
import { compile } from "../../compiler/index.ts";
import { type CaseProgram, sourceOf, type Tensor } from "../conformance/cases/case-program.ts";
import { compiledTarget } from "../conformance/cases/compiled-target.ts";
import { interpreterTarget } from "../conformance/cases/interpreter-target.ts";
import { caseFile, hostOf } from "../conformance/cases/target.ts";

const words = 11;
const samples = 6;
const length = 5;
const units = 4;

function drawn(name: string, shape: readonly number[]): Tensor {
  const size = shape.reduce((product, extent) => product * extent, 1);
  const data = Array.from({ length: size }, (_, at) =>
    Math.fround(2 * uniformAt(2, hash32(name), 0, at) - 1),
  );
  return { dtype: "f32", shape, data };
}

/** Tokens that occur several times, are out of range, and never. */
function tokensOf(seed: number): Tensor {
  const data = Array.from(
    { length: samples * length },
    (_, at) => Math.floor(uniformAt(seed, 7, 0, at) * (words - 1)) - 1,
  );
  return { dtype: "i32", shape: [samples, length], data };
}

const outputs = [samples, 3];

/** Where the table is read once its gradient is a scatter alone. */
function embedding(optimizer: string, readsTwice: boolean): CaseProgram {
  return {
    params: new Map([
      ["table", drawn("table", [words, units])],
      ["position", drawn("position", [length, units])],
      ["kernel", drawn("kernel", [units, 3])],
    ]),
    inputs: new Map([["tokens", tokensOf(1)]]),
    statements: [
      `e[n < ${samples}, t < ${length}, d < ${units}] = table[tokens[n, t], d] * position[t, d]`,
      ...(readsTwice ? [`s[n < ${samples}, d < ${units}] = table[tokens[n, 0] / 2, d]`] : []),
      `h = tanh(mean(e, axis = 1))${readsTwice ? " + s^2" : ""}`,
      "p = h @ kernel",
    ],
    outputs: [
      { name: "y", expression: "p", shape: outputs, cotangent: drawn("cotangent", outputs) },
    ],
    optimizer,
  };
}

const steps = Array.from({ length: 4 }, (_, i) => ({
  columns: new Map([["rows_tokens", { ...tokensOf(i + 1), shape: [samples, length] }]]),
}));

const optimizers = [
  { optimizer: "SGD(0.1)", readsTwice: false, isSparse: true },
  { optimizer: "Adagrad(0.1)", readsTwice: false, isSparse: true },
  { optimizer: "Adam(0.01)", readsTwice: true, isSparse: false },
];

test.each(optimizers)("$optimizer trains", async ({ optimizer, readsTwice, isSparse }) => {
  const program = embedding(optimizer, readsTwice);
  const target = describeTarget(undefined);
  const { program: compiled } = compile(caseFile, hostOf(sourceOf(program)), { target });
  const names = compiled!.kernels.map(({ name }) => name);
  expect(names.some((name) => name.endsWith("_links"))).toBe(true);
  expect(names.some((name) => name.endsWith("_zeros"))).toBe(!isSparse);

  const wanted = await interpreterTarget.run(program, steps);
  const { outputs: made, steps: after } = await compiledTarget(target).run(program, steps);
  const expectClose = (actual: ArrayLike<number>, expected: ArrayLike<number>, what: string) => {
    for (const [i, value] of Array.from(expected).entries()) {
      expect(Math.abs(actual[i]! - value), what).toBeLessThan(1e-5 * (1 + Math.abs(value)));
    }
  };
  expectClose(made.get("y")!, wanted.outputs.get("y")!, "predictions");
  wanted.steps.forEach((tensors, i) => {
    for (const [path, expected] of tensors) {
      const actual = after[i]!.get(path);
      if (actual !== undefined) expectClose(actual, expected, `${path} after step ${i + 1}`);
    }
  });
});
