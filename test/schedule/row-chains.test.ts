/** Kernels that tasks take rows of the batch through: which they are, and that they give the bits of any other way. */

import { describe, expect, test } from "vitest";
import { axisAffine, extentAffine } from "../../compiler/graph/affine.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { batchExtent, type Extent, fixed } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Graph, LoadScalar, Scalar, Value } from "../../compiler/graph/node.ts";
import { printExpression } from "../../compiler/kernel/print.ts";
import type { TargetDescription } from "../../compiler/optimize/target-description.ts";
import { baselineCpu } from "../../compiler/targets/cpu/description.ts";
import { describeWgsl } from "../../compiler/targets/wgsl/description.ts";
import { thisCpu } from "../targets/run-kernels.ts";
import { randomNumbers } from "./contraction-cases.ts";
import { expectClose } from "./expect-close.ts";
import { runGraph } from "./run-program.ts";
import { scheduleCase } from "./schedule-case.ts";

const batchMax = 16;
const [length, width] = [24, 20];

/** Caches that hold the rows of a task, but not those of the batch. */
const narrow = { taskSeconds: 1e-9, cacheBytes: [2048, 1 << 17] as const };
/** Everything stays near anyway, and threads meet for nothing. */
const wide = { ...narrow, cacheBytes: [1 << 20, 1 << 24] as const, launchSeconds: 0 };

const kinds = ["plain", "with weights", "with a mean of the batch", "with a mean beside"] as const;

/**
 * mixed = softmax(x·yᵀ)·y for each row of the batch; with `weights` times those; or, between, less the mean of the batch;
 * or over the number of its rows, beside a mean of the batch that only the outside reads.
 */
function attention(kind: (typeof kinds)[number]) {
  const context = new GraphContext();
  const axis = axisAffine;
  const leaf = (name: string, ...sizes: Extent[]) => context.leaf("param", name, "f32", sizes);
  const [rows, steps, features] = [batchExtent, fixed(length), fixed(width)];
  const x = leaf("x", rows, steps, features);
  const y = leaf("y", rows, steps, features);
  const call = (fn: "multiply" | "subtract" | "divide", a: Scalar, b: Scalar) =>
    context.call(fn, a, b);
  const map = (parallel: Extent[], body: Scalar) => context.compute({ parallel, body }).values[0]!;
  const reduce = (reducer: "sum" | "max", parallel: Extent[], over: Extent, body: Scalar) =>
    context.compute({ parallel, reduction: [over], reducer, body }).values[0]!;
  const at = (value: Value, ...axes: number[]): LoadScalar =>
    context.load(value, axes.map(axis)) as LoadScalar;
  const square = [rows, steps, steps];
  const product = call("multiply", at(x, 0, 1, 3), at(y, 0, 2, 3));
  let scores = reduce("sum", square, features, product);
  if (kind === "with a mean of the batch") {
    const mean = reduce("sum", [steps, steps], batchExtent, at(scores, 2, 0, 1));
    scores = map(square, call("subtract", at(scores, 0, 1, 2), at(mean, 1, 2)));
  }
  const largest = reduce("max", [rows, steps], steps, at(scores, 0, 1, 2));
  const exponent = call("subtract", at(scores, 0, 1, 2), at(largest, 0, 1));
  const e = map(square, context.call("exp", exponent));
  const total = reduce("sum", [rows, steps], steps, at(e, 0, 1, 2));
  const share = call("divide", at(e, 0, 1, 2), at(total, 0, 1));
  const isMean = kind === "with a mean beside";
  const count = context.cast(context.index(extentAffine(batchExtent)), "f32");
  const shares = map(square, isMean ? call("divide", share, count) : share);
  const heads = [rows, steps, features];
  const mixing = call("multiply", at(shares, 0, 1, 3), at(y, 0, 3, 2));
  let mixed = reduce("sum", heads, steps, mixing);
  if (kind === "with weights") {
    const w = leaf("w", features, features);
    mixed = reduce("sum", heads, features, call("multiply", at(mixed, 0, 1, 3), at(w, 3, 2)));
  }
  const graph: Graph = {
    name: "attention",
    batchMax,
    results: [
      { name: "mixed", value: mixed },
      ...(isMean
        ? [{ name: "beside", value: reduce("sum", [steps], batchExtent, at(largest, 1, 0)) }]
        : []),
    ],
    assignments: [],
  };
  const data = (_role: string, path: string) => randomNumbers(path, batchMax * length * width);
  return { context, graph, leaf: data };
}

const baseline = baselineCpu("x64");

function chainsOf(
  kind: Parameters<typeof attention>[0],
  target: TargetDescription = { ...baseline, ...narrow },
) {
  const { loops } = functionOf(kind, target);
  return loops.map(({ first, end, count, tasks }) => [first, end, count, tasks?.rows]);
}

function functionOf(kind: Parameters<typeof attention>[0], target: TargetDescription) {
  return scheduleCase(attention(kind), target, true).program.module.functions[0]!;
}

describe("tasks take rows through", () => {
  test("all kernels of a part of the net that nothing else comes into", () => {
    expect(chainsOf("plain")).toEqual([[0, 3, 1, 2]]);
    expect(chainsOf("with weights")).toEqual([[0, 4, 1, 2]]);
  });

  test("fewer rows where a cache keeps less of what many touch", () => {
    const narrower = { ...baseline, ...narrow, cacheBytes: [2048, 1 << 15] as const };
    expect(chainsOf("plain", narrower)).toEqual([[0, 3, 1, 1]]);
  });

  test("kernels that are cut into no parts, however little is worth one", () => {
    const tasksOf = (target: TargetDescription) =>
      functionOf("plain", target).launches.map(({ kernel }) => printExpression(kernel.tasks));
    expect(tasksOf({ ...baseline, ...narrow })).toEqual(["multiply(3, n)", "1", "multiply(2, n)"]);
    expect(tasksOf({ ...baseline, ...wide })).toEqual(["multiply(3, n)", "n", "multiply(2, n)"]);
  });

  test("what is before and after a sum over the batch by itself", () => {
    expect(chainsOf("with a mean of the batch")).toEqual([[2, 4, 1, 2]]);
  });

  test("what knows the number of rows, while a small sum over them waits", () => {
    expect(chainsOf("with a mean beside")).toEqual([[0, 3, 1, 2]]);
  });

  test("nothing where nothing is won by it", () => {
    expect(chainsOf("plain", { ...baseline, ...wide })).toEqual([]);
    expect(chainsOf("plain", { ...baseline, ...narrow, taskSeconds: 1 })).toEqual([]);
  });

  test("nothing where the cache that threads share is as fast as their own", () => {
    const shared = { bytes: 1 << 30, bandwidth: baseline.cacheBandwidth };
    const target = { ...baseline, ...narrow, launchSeconds: 0 };
    expect(chainsOf("plain", target)).not.toEqual([]);
    expect(chainsOf("plain", { ...target, sharedCache: shared })).toEqual([]);
  });

  test("nothing on GPUs", () => {
    expect(chainsOf("plain", describeWgsl())).toEqual([]);
  });
});

describe.each(kinds)("%s", (kind) => {
  test.each([1, 5, 16])("the same bits as one kernel after the other, of %i rows", async (n) => {
    const given = { ...attention(kind), n };
    const cpu = { ...thisCpu(), ...narrow };
    const expected = interpret(given.graph, given).results.get("mixed")!;
    const chained = await runGraph(given, { cpu, fusion: true, threads: 1 });
    expectClose(chained.results.get("mixed")!, expected, "mixed");
    const inTwo = await runGraph(given, { cpu, fusion: true, threads: 2 });
    expect(inTwo.results).toEqual(chained.results);
    const apart = await runGraph(given, { cpu: { ...cpu, ...wide }, fusion: true, threads: 1 });
    expect(apart.results).toEqual(chained.results);
  });
});
