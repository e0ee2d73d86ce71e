/** Reductions of many points at each place of a row: those of the same points in one loop, neighbours in sums of their own. */

import { describe, expect, test } from "vitest";
import { axisAffine } from "../../compiler/graph/affine.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { batchExtent, fixed } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Graph, Scalar } from "../../compiler/graph/node.ts";
import type { ReducerName } from "../../compiler/graph/reducers.ts";
import { type Algebra, algebraOf } from "../../compiler/graph/scalar-functions.ts";
import { printKernel } from "../../compiler/kernel/print.ts";
import { baselineCpu } from "../../compiler/targets/cpu/description.ts";
import { thisCpu } from "../targets/run-kernels.ts";
import { randomNumbers } from "./contraction-cases.ts";
import { expectClose } from "./expect-close.ts";
import { runGraph } from "./run-program.ts";
import { scheduleCase } from "./schedule-case.ts";

const batchMax = 3;
const [height, width] = [2, 32];

/** Each reducer over all places of an image for each of so many columns, of x or of what `body` makes of it. */
function overPlaces(
  columns: number,
  reducers: Readonly<Record<string, ReducerName>>,
  body: (f: Algebra<Scalar>, name: string, x: Scalar, y: Scalar) => Scalar = (_, _name, x) => x,
) {
  const context = new GraphContext();
  const shape = [batchExtent, fixed(height), fixed(width), fixed(columns)];
  const at = [0, 2, 3, 1].map(axisAffine);
  const [x, y] = ["x", "y"].map((name) => context.leaf("param", name, "f32", shape));
  const results = Object.entries(reducers).flatMap(([name, reducer]) => {
    const { values } = context.compute({
      parallel: [batchExtent, fixed(columns)],
      reduction: [fixed(height), fixed(width)],
      reducer,
      body: body(algebraOf(context, "f32"), name, context.load(x!, at), context.load(y!, at)),
    });
    return values.map((value, i) => ({ name: `${name}_${i}`, value }));
  });
  const graph: Graph = { name: "reduce", batchMax, results, assignments: [] };
  const leaf = (_role: string, path: string) =>
    randomNumbers(path, batchMax * height * width * columns);
  return { context, graph, leaf };
}

test("two sums of the same points take one loop, in which neighbouring points have sums of their own", () => {
  const { context, graph } = overPlaces(2, { sum: "sum", products: "sum" }, (f, name, x, y) =>
    name === "sum" ? x : f.multiply(x, f.add(x, y)),
  );
  const target = { ...baselineCpu("x64"), vectorLanes: 4 };
  const { program } = scheduleCase({ context, graph }, target, true);
  const kernels = program.module.functions[0]!.launches.map(({ kernel }) => printKernel(kernel));
  expect(kernels.join("\n")).toMatchInlineSnapshot(`
    "kernel sum(x: read f32[384], y: read f32[384], sum_5: write f32[6], sum_6: write f32[6]) tasks 1
      loop row = 0 .. n step 1
        mutable sum: f32x4 = 0.0x4
        mutable sum_2: f32x4 = 0.0x4
        mutable sum_3: f32x4 = 0.0x4
        mutable sum_4: f32x4 = 0.0x4
        loop k = 0 .. 2 step 1
          loop k_2 = 0 .. 32 step 2
            let x_2: f32x4 = load(x[add(add(multiply(row, 128), multiply(k, 64)), multiply(k_2, 2))], f32x4, first 2)
            let add: f32x4 = add.f(sum, x_2)
            sum = add
            let x_3: f32x4 = load(x[add(add(multiply(row, 128), multiply(k, 64)), multiply(k_2, 2))], f32x4, first 2)
            let y_2: f32x4 = load(y[add(add(multiply(row, 128), multiply(k, 64)), multiply(k_2, 2))], f32x4, first 2)
            let add_2: f32x4 = add.f(x_3, y_2)
            let multiply: f32x4 = multiply.f(x_3, add_2)
            let add_3: f32x4 = add.f(sum_3, multiply)
            sum_3 = add_3
            let x_4: f32x4 = load(x[add(add(multiply(row, 128), multiply(k, 64)), multiply(add(k_2, 1), 2))], f32x4, first 2)
            let add_4: f32x4 = add.f(sum_2, x_4)
            sum_2 = add_4
            let x_5: f32x4 = load(x[add(add(multiply(row, 128), multiply(k, 64)), multiply(add(k_2, 1), 2))], f32x4, first 2)
            let y_3: f32x4 = load(y[add(add(multiply(row, 128), multiply(k, 64)), multiply(add(k_2, 1), 2))], f32x4, first 2)
            let add_5: f32x4 = add.f(x_5, y_3)
            let multiply_2: f32x4 = multiply.f(x_5, add_5)
            let add_6: f32x4 = add.f(sum_4, multiply_2)
            sum_4 = add_6
        let add_7: f32x4 = add.f(sum, sum_2)
        sum_5[multiply(row, 2)] = add_7 first 2
        let add_8: f32x4 = add.f(sum_3, sum_4)
        sum_6[multiply(row, 2)] = add_8 first 2"
  `);
});

describe.each([3, 16, 40])("of %i columns", (columns) => {
  test.each([true, false])("every reducer is as in the interpreter, fused: %s", async (fusion) => {
    const names = ["sum", "mean", "prod", "max", "argmin", "logsumexp", "moments"] as const;
    const given = overPlaces(columns, Object.fromEntries(names.map((name) => [name, name])));
    for (const n of [batchMax, 1]) {
      const wanted = interpret(given.graph, { ...given, n }).results;
      const actual = await runGraph({ ...given, n }, { cpu: thisCpu(), fusion });
      for (const [name, expected] of wanted) expectClose(actual.results.get(name)!, expected, name);
    }
  });
});

test("of the same points, too, where only one keeps the axes that it goes over", async () => {
  const context = new GraphContext();
  const columns = 16;
  const x = context.leaf("param", "x", "f32", [batchExtent, fixed(width), fixed(columns)]);
  const [kept] = context.compute({
    parallel: [batchExtent, fixed(columns), fixed(1)],
    reduction: [fixed(width)],
    reducer: "max",
    body: context.load(x, [0, 3, 1].map(axisAffine)),
  }).values;
  const [place] = context.compute({
    parallel: [batchExtent, fixed(columns)],
    reduction: [fixed(width)],
    reducer: "argmax",
    body: context.load(x, [0, 2, 1].map(axisAffine)),
  }).values;
  const results = [
    { name: "kept", value: kept! },
    { name: "place", value: place! },
  ];
  const graph: Graph = { name: "reduce", batchMax, results, assignments: [] };
  const leaf = (_role: string, path: string) => randomNumbers(path, batchMax * width * columns);
  const given = { context, graph, leaf, n: batchMax };
  const wanted = interpret(graph, given).results;
  for (const fusion of [false, true]) {
    const actual = await runGraph(given, { cpu: thisCpu(), fusion });
    for (const [name, expected] of wanted) expectClose(actual.results.get(name)!, expected, name);
  }
});
