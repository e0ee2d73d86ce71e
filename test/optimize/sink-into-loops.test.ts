/** Products and sums for all steps that move into the loop, and counts that become values: the values stay. */

import { describe, expect, test } from "vitest";
import { axisAffine, extentAffine } from "../../compiler/graph/affine.ts";
import { batchExtent, fixed, type Shape } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import { loopsIn } from "../../compiler/graph/loops.ts";
import { printGraph } from "../../compiler/graph/print.ts";
import { verifyGraph } from "../../compiler/graph/verify.ts";
import { addUpInLoops } from "../../compiler/optimize/fusion/add-up-in-loops.ts";
import { countValues } from "../../compiler/optimize/fusion/count-values.ts";
import { sinkIntoLoops } from "../../compiler/optimize/fusion/sink-into-loops.ts";
import { baselineCpu } from "../../compiler/targets/cpu/description.ts";
import { LoopBuilder, type LoopCase } from "../graph/loop-cases.ts";
import { expectClose } from "../schedule/expect-close.ts";

const rows = (...sizes: number[]): Shape => [batchExtent, ...sizes.map(fixed)];

/** The product, 6 × 3 × 8 elements at most, does not fit; the weights, 4 × 8, do so four times. */
const target = { ...baselineCpu("x64"), vectorRegisters: 4, cacheBytes: [64, 512] as const };

/** h ← tanh(h + x[:, t] · w), the steps in this order, and perhaps the product of all steps. */
function projected(isReversed: boolean, isShown = false): LoopCase {
  const b = new LoopBuilder();
  const x = b.leaf("state", "x", rows(3, 4));
  const w = b.leaf("param", "w", [fixed(4), fixed(8)]);
  const all = b.context.compute({
    parallel: rows(3, 8),
    reduction: [fixed(4)],
    reducer: "sum",
    body: b.call(
      "multiply",
      b.at(x, axisAffine(0), axisAffine(1), axisAffine(3)),
      b.at(w, axisAffine(3), axisAffine(2)),
    ),
  }).values[0]!;
  const loop = b.scan(
    3,
    [b.map(rows(8), b.number(1))],
    ([h], t) => {
      const part = b.at(all, axisAffine(0), t, axisAffine(1));
      return { next: [b.map(rows(8), b.call("tanh", b.call("add", b.at(h!), part)))] };
    },
    isReversed,
  );
  return b.finish({ last: loop.values[0]!, ...(isShown ? { all } : {}) });
}

function expectSame({ context, graph, leaf }: LoopCase, changed: LoopCase["graph"]): void {
  verifyGraph(changed);
  expect(context).toBeDefined();
  const environment = { n: 5, leaf };
  for (const [name, data] of interpret(graph, environment).results) {
    expect(interpret(changed, environment).results.get(name)).toEqual(data);
  }
}

describe("a product of all steps", () => {
  test.each([false, true])("moves into the loop, reversed %s", (isReversed) => {
    const each = projected(isReversed);
    const sunk = sinkIntoLoops(each.context, each.graph, target);
    expectSame(each, sunk);
    const [loop] = loopsIn(sunk);
    const sums = loop!.nodes.filter((node) => node.kind === "compute" && node.reducer === "sum");
    expect(sums.map(({ values: [value] }) => value!.shape)).toEqual([rows(8)]);
  });

  test.each([
    ["fits a cache", projected(false), { ...target, cacheBytes: [64, 1 << 20] as const }],
    ["is read elsewhere", projected(false, true), target],
    [
      "has weights that do not stay near",
      projected(false),
      { ...target, cacheBytes: [64, 256] as const },
    ],
    ["is of too few rows", projected(false), { ...target, vectorRegisters: 32 }],
  ])("stays where it %s", (_, { context, graph }, description) => {
    expect(sinkIntoLoops(context, graph, description)).toBe(graph);
  });
});

describe("a sum over all rows and steps of a stack", () => {
  /** The stack has 6 × 3 × 8 elements at most. */
  const small = { ...target, cacheBytes: [64, 512] as const };
  const large = { ...target, cacheBytes: [64, 1024] as const };

  /** h ← tanh(h + x[:, t]), stacked, and what is reduced of the stack over these axes: that of the row, that of the step. */
  const summed = (
    isReversed: boolean,
    order: readonly [number, number],
    reducer: "sum" | "max",
  ) => {
    const b = new LoopBuilder();
    const x = b.leaf("state", "x", rows(3, 8));
    const loop = b.scan(
      3,
      [b.map(rows(8), b.number(1))],
      ([h], t) => {
        const part = b.at(x, axisAffine(0), t, axisAffine(1));
        const next = b.map(rows(8), b.call("tanh", b.call("add", b.at(h!), part)));
        return { next: [next], stacked: [next] };
      },
      isReversed,
    );
    const [row, step] = order;
    const total = b.context.compute({
      parallel: [fixed(8)],
      reduction: row < step ? [batchExtent, fixed(3)] : [fixed(3), batchExtent],
      reducer,
      body: b.at(loop.values[1]!, axisAffine(row), axisAffine(step), axisAffine(0)),
    }).values[0]!;
    return b.finish({ last: loop.values[0]!, total });
  };

  test.each([
    [false, [1, 2]],
    [true, [2, 1]],
  ] as const)("is added up by the loop, reversed %s, axes %j", (isReversed, order) => {
    const { context, graph, leaf } = summed(isReversed, order, "sum");
    const changed = addUpInLoops(context, graph, small);
    verifyGraph(changed);
    const environment = { n: 5, leaf };
    const wanted = interpret(graph, environment).results;
    for (const [name, data] of interpret(changed, environment).results) {
      expectClose(data, wanted.get(name)!, name);
    }
    const [loop] = loopsIn(changed);
    expect(loop!.carries.map(({ leaf: { shape } }) => shape)).toEqual([rows(8), rows(8)]);
    expect(printGraph(changed)).toMatch(/f32\[8\] = sum\[i1 < N\] %\d+\.1\[i1, i0\]/);
  });

  test.each([
    ["the stack fits a cache", summed(false, [1, 2], "sum"), large],
    ["it is no sum", summed(false, [1, 2], "max"), small],
  ])("stays where %s", (_, { context, graph }, description) => {
    expect(addUpInLoops(context, graph, description)).toBe(graph);
  });
});

describe("what follows from the number of rows", () => {
  const scaled = (withLoop: boolean) => {
    const b = new LoopBuilder();
    const x = b.leaf("state", "x", rows(2));
    const count = b.context.cast(b.context.index(extentAffine(batchExtent)), "f32");
    const share = b.call("divide", b.number(1), count);
    const y = b.map(rows(2), b.call("multiply", b.at(x), share));
    const loop = b.scan(2, [y], ([h]) => ({ next: [b.map(rows(2), b.call("tanh", b.at(h!)))] }));
    return b.finish(withLoop ? { last: loop.values[0]! } : { y });
  };

  test("is a value of its own beside loops", () => {
    const each = scaled(true);
    const changed = countValues(each.context, each.graph);
    expectSame(each, changed);
    expect(printGraph(changed)).toMatch(
      /%(\d+): f32\[\] = 1\.0 \/ f32\(N\)[\s\S]*= %0\[i0, i1\] \* %\1\[\]/,
    );
  });

  test("stays in graphs without loops", () => {
    const { context, graph } = scaled(false);
    expect(countValues(context, graph)).toBe(graph);
  });
});
