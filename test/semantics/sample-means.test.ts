import { expect, test } from "vitest";
import { axisAffine } from "../../compiler/graph/affine.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { batchExtent, fixed } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Value } from "../../compiler/graph/node.ts";
import { accumulateMeans, weighSamples } from "../../compiler/semantics/sample-means.ts";

const shape = [batchExtent, fixed(2)];
const data = Float64Array.of(1, 2, 3, 4, 5, 9);
const weights = Float64Array.of(1, 0, 2);

function setup() {
  const context = new GraphContext();
  const x = context.leaf("input", "x", "f32", shape);
  const w = context.leaf("input", "w", "f32", [batchExtent]);
  const body = context.load(x, [axisAffine(0), axisAffine(1)]);
  const mean = context.compute({ parallel: [], reduction: shape, reducer: "mean", body })
    .values[0]!;
  const scalar = (
    of: (m: ReturnType<typeof context.load>) => ReturnType<typeof context.constant>,
  ) => context.compute({ parallel: [], body: of(context.load(mean, [])) }).values[0]!;
  return { context, w, mean, scalar };
}

function interpreted(value: Value, states: Record<string, number> = {}): number {
  const graph = {
    name: "test",
    batchMax: 3,
    results: [{ name: "y", value }],
    assignments: [],
  };
  const { results } = interpret(graph, {
    n: 3,
    seed: 0,
    batch: 0,
    leaf: (_, path) =>
      path === "x" ? data : path === "w" ? weights : Float64Array.of(states[path]!),
  });
  return results.get("y")![0]!;
}

test("a weighted mean is divided by the count, as a Keras loss is", () => {
  const { context, w, scalar } = setup();
  const loss = scalar((m) => context.call("add", m, context.constant(10, "f32")));
  const weighted = weighSamples(context, loss, w);
  if (weighted.kind !== "done") throw new Error("blocked");
  expect(interpreted(weighted.result)).toBeCloseTo((1 + 2 + 2 * (5 + 9)) / 6 + 10, 12);
});

test("a loss that is not linear in its means cannot be weighted", () => {
  const { context, w, scalar } = setup();
  const loss = scalar((m) => context.call("sqrt", m));
  expect(weighSamples(context, loss, w)).toMatchObject({ kind: "blocked", at: loss.node });
});

test("a metric is finished from totals over all batches", () => {
  const { context, w, scalar } = setup();
  const rootMean = scalar((m) => context.call("sqrt", m));
  const total = context.leaf("state", "total", "f32", []);
  const weight = context.leaf("state", "weight", "f32", []);
  const states = { total: 100, weight: 7 };
  const unweighted = accumulateMeans(context, rootMean, null, () => ({ total, weight }));
  if (unweighted.kind !== "done") throw new Error("blocked");
  const [sum, count] = unweighted.result.assignments;
  expect(interpreted(sum!.value, states)).toBeCloseTo(100 + 24 / 2, 12);
  expect(interpreted(count!.value, states)).toBe(7 + 3);
  expect(interpreted(unweighted.result.readout, states)).toBeCloseTo(Math.sqrt(100 / 7), 12);
  expect(interpreted(unweighted.result.readout, { total: 0, weight: 0 })).toBe(0);

  const weighted = accumulateMeans(context, rootMean, w, () => ({ total, weight }));
  if (weighted.kind !== "done") throw new Error("blocked");
  const [weightedSum, weightedCount] = weighted.result.assignments;
  expect(interpreted(weightedSum!.value, states)).toBeCloseTo(100 + (1.5 * 1 + 7 * 2), 12);
  expect(interpreted(weightedCount!.value, states)).toBe(7 + 3);
});

test("what needs the rows themselves is not a metric of means", () => {
  const { context, mean } = setup();
  const x = context.leaf("input", "x", "f32", shape);
  const largest = context.compute({
    parallel: [],
    reduction: shape,
    reducer: "max",
    body: context.load(x, [axisAffine(0), axisAffine(1)]),
  }).values[0]!;
  const attempt = accumulateMeans(context, largest, null, () => ({ total: mean, weight: mean }));
  expect(attempt.kind).toBe("blocked");
});
