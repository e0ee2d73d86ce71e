/**
 * Optimizer updates in the kernel of their gradient: weights of odd sizes, full and partial batches, against the
 * interpreter, and bit for bit the same whether fused or not and on however many threads.
 */

import { expect, test } from "vitest";
import { axisAffine } from "../../compiler/graph/affine.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { batchExtent, elementsAt, fixed } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Scalar, Value } from "../../compiler/graph/node.ts";
import { algebraOf } from "../../compiler/graph/scalar-functions.ts";
import { hash32, uniformAt } from "../../compiler/graph/threefry.ts";
import { formGroups } from "../../compiler/optimize/fusion/form-groups.ts";
import { thisCpu } from "../targets/run-kernels.ts";
import { runGraph } from "./run-program.ts";

const sizes: readonly (readonly [inputs: number, outputs: number, n: number, batchMax: number])[] =
  [
    [17, 10, 5, 8],
    [64, 32, 128, 128],
    [100, 65, 33, 40],
    [9, 70, 1, 3],
    [300, 128, 20, 20],
  ];

/** Adam's update of w[inputs, outputs] by the gradient Σ x·d, which also goes back through w to x. */
function adamStep(inputs: number, outputs: number, batchMax: number) {
  const context = new GraphContext();
  const f = algebraOf<Scalar>(context, "f32");
  const place = [axisAffine(0), axisAffine(1)];
  const x = context.leaf("param", "x", "f32", [batchExtent, fixed(inputs)]);
  const d = context.leaf("param", "d", "f32", [batchExtent, fixed(outputs)]);
  const shape = [fixed(inputs), fixed(outputs)];
  const w = context.leaf("param", "w", "f32", shape);
  const [m, v] = ["m", "v"].map((path) => context.leaf("state", path, "f32", shape)) as [
    Value,
    Value,
  ];
  const gradient = context.compute({
    parallel: shape,
    reduction: [batchExtent],
    reducer: "sum",
    body: f.multiply(
      context.load(x, [axisAffine(2), axisAffine(0)]),
      context.load(d, [axisAffine(2), axisAffine(1)]),
    ),
  }).values[0]!;
  const back = context.compute({
    parallel: [batchExtent, fixed(inputs)],
    reduction: [fixed(outputs)],
    reducer: "sum",
    body: f.multiply(
      context.load(d, [axisAffine(0), axisAffine(2)]),
      context.load(w, [axisAffine(1), axisAffine(2)]),
    ),
  }).values[0]!;
  const map = (body: Scalar) => context.compute({ parallel: shape, body }).values[0]!;
  const at = (value: Value) => context.load(value, place);
  const mix = (old: Value, rate: number, next: Scalar) =>
    map(f.add(f.multiply(at(old), f.number(rate)), f.multiply(next, f.number(1 - rate))));
  const newM = mix(m, 0.9, at(gradient));
  const newV = mix(v, 0.99, f.multiply(at(gradient), at(gradient)));
  const step = f.divide(at(newM), f.add(f.call("sqrt", at(newV)), f.number(1e-3)));
  const newW = map(f.subtract(at(w), f.multiply(f.number(0.01), step)));
  const graph = {
    name: "adam",
    batchMax,
    results: [{ name: "back", value: back }],
    assignments: [
      { target: w, value: newW },
      { target: m, value: newM },
      { target: v, value: newV },
    ],
  };
  const leaf = (_role: string, path: string) => {
    const value = [x, d, w, m, v].find(({ node }) => node.kind === "leaf" && node.path === path);
    const stream = hash32(path);
    return Float64Array.from({ length: elementsAt(value!.shape, batchMax) }, (_, i) => {
      const uniform = uniformAt(3, stream, 0, i);
      // Second moments are not negative.
      return Math.fround(path === "v" ? uniform : 2 * uniform - 1);
    });
  };
  return { context, graph, leaf };
}

test.each(sizes)("w[%i, %i], N = %i of %i", async (inputs, outputs, n, batchMax) => {
  const cpu = thisCpu();
  const { context, graph, leaf } = adamStep(inputs, outputs, batchMax);
  const { groups } = formGroups(context, graph, cpu, { fusion: true });
  // The input gradient reads the old weights, so it comes first.
  expect(groups.map(({ kind, stages }) => [kind, stages.length])).toEqual([
    ["contraction", 1],
    ["contraction", 4],
  ]);

  const wanted = interpret(graph, { n, leaf });
  const run = (fusion: boolean, threads: number) =>
    runGraph({ context, graph, n, leaf }, { cpu, fusion, threads });
  const fused = await run(true, 1);
  for (const { target, data } of wanted.assignments) {
    const path = target.node.kind === "leaf" ? target.node.path : "";
    const actual = fused.assignments.get(path)!;
    expect(actual.length).toBe(data.length);
    for (let i = 0; i < data.length; i++) {
      const bound = 1e-4 * Math.max(1, Math.abs(data[i]!));
      const isClose = Math.abs(actual[i]! - data[i]!) < bound;
      if (!isClose) expect.fail(`${path}[${i}] is ${actual[i]}, not ${data[i]}`);
    }
  }
  for (const [fusion, threads] of [
    [true, 2],
    [false, 1],
    [false, 2],
  ] as const) {
    const other = await run(fusion, threads);
    expect(other.assignments).toEqual(fused.assignments);
    expect(other.results).toEqual(fused.results);
  }
});
