/** NaN goes through comparisons with literals, such as those of relu, as tests of bits see to it. */

import { afterAll, describe, expect, test } from "vitest";
import {
  add,
  call,
  constant,
  f32,
  load,
  multiply,
  operation,
  place,
  store,
  symbol,
} from "../../../compiler/kernel/build.ts";
import type { Expression } from "../../../compiler/kernel/ir.ts";
import { missing, openDawn } from "../../dawn.ts";
import { input, launch, moduleOf, output } from "../kernels.ts";
import { runKernels } from "./run-kernels.ts";

const opened = await openDawn();
if (opened === null) console.log(`[SKIP] NaN on WebGPU: ${missing}`);
afterAll(() => opened?.close());

const task = symbol("task");
const x = load(place("x", task), f32);
const literal = (value: number): Expression => constant(value, "f32");
/** Not `Math.max` and `Math.min`, which order zeros. */
const either = (isFirst: boolean, a: number, b: number): number => (isFirst ? a : b);
const larger = (a: number, b: number): number => either(a > b, a, b);
const smaller = (a: number, b: number): number => either(a < b, a, b);

const cases: readonly (readonly [Expression, (x: number) => number])[] = [
  [call("maximum", x, literal(0)), (v) => larger(0, v)],
  [call("minimum", x, literal(6)), (v) => smaller(6, v)],
  [call("minimum", call("maximum", x, literal(-1)), literal(1)), (v) => smaller(1, larger(-1, v))],
  [operation("max", x, literal(2)), (v) => larger(v, 2)],
  [operation("min", x, literal(2)), (v) => smaller(v, 2)],
];

describe.skipIf(opened === null)("on SwiftShader", () => {
  test("maxima and minima with literals choose as the kernel IR says", async () => {
    const values = [Number.NaN, -1.5, 0.5, 7, -0, 0, Infinity, -Infinity, -Number.NaN, 1e-40];
    const persistent = new Uint8Array(256);
    new Float32Array(persistent.buffer).set(values);
    const width = values.length;
    const body = cases.map(([value], k) =>
      store(place("y", add(multiply(constant(k), constant(width)), task)), value),
    );
    const { results } = (await runKernels({
      module: moduleOf(
        launch([input("x", "f32", width, 0), output("y", "f32", width * cases.length)], body, {
          tasks: constant(width),
        }),
      ),
      symbol: "nnc_predict",
      persistent,
      resultsBytes: 512,
      opened: opened!,
    }))!;
    for (const [k, [, choose]] of cases.entries()) {
      const got = [...new Float32Array(results, 4 * k * width, width)];
      // Devices may flush what is smaller than the least normal number.
      expect(got.slice(0, -1)).toEqual(values.slice(0, -1).map((v) => Math.fround(choose(v))));
    }
  });
});
