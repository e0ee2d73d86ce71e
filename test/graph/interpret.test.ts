import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addAffine, axisAffine as i, offsetAffine } from "../../compiler/graph/affine.ts";
import { inRange } from "../../compiler/graph/condition.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { batchExtent, fixed } from "../../compiler/graph/extent.ts";
import { evaluateValues, interpret } from "../../compiler/graph/interpret.ts";
import type { Value } from "../../compiler/graph/node.ts";
import { hash32, uniformAt } from "../../compiler/graph/threefry.ts";
import { randomGraph } from "./random-graph.ts";

/** The elements of a value, its leaves being given by path. */
function evaluate(value: Value, leaves: Record<string, readonly number[]>, n = 1): number[] {
  const values = evaluateValues([value], {
    n,
    seed: 5,
    batch: 2,
    leaf: (_, path) => leaves[path]!,
  });
  return [...values.get(value)!];
}

describe("the interpreter", () => {
  const context = new GraphContext();
  const x = context.leaf("input", "x", "f32", [batchExtent, fixed(3)]);
  const w = context.leaf("param", "w", "f32", [fixed(3), fixed(2)]);

  test("multiplies matrices, of the rows that there are", () => {
    const product = context.compute({
      parallel: [batchExtent, fixed(2)],
      reduction: [fixed(3)],
      reducer: "sum",
      body: context.call("multiply", context.load(x, [i(0), i(2)]), context.load(w, [i(2), i(1)])),
    });
    const leaves = { x: [1, 2, 3, 4, 5, 6, 7, 8, 9], w: [1, 0, 0, 1, 1, 1] };
    expect(evaluate(product.values[0]!, leaves, 2)).toEqual([4, 5, 10, 11]);
    expect(evaluate(product.values[0]!, leaves, 1)).toEqual([4, 5]);
  });

  test("leaves out the points outside `where`, and counts those it keeps", () => {
    const place = offsetAffine(addAffine(i(1), i(2)), -1);
    const pooled = context.compute({
      parallel: [batchExtent, fixed(3)],
      reduction: [fixed(3)],
      where: inRange(place, fixed(3)),
      reducer: "mean",
      body: context.load(x, [i(0), place]),
    });
    expect(evaluate(pooled.values[0]!, { x: [1, 5, 9] })).toEqual([3, 5, 7]);
  });

  test("reads 0 where a guard fails", () => {
    const place = offsetAffine(i(1), -1);
    const padded = context.compute({
      parallel: [batchExtent, fixed(5)],
      body: context.load(x, [i(0), place], inRange(place, fixed(3))),
    });
    expect(evaluate(padded.values[0]!, { x: [1, 5, 9] })).toEqual([0, 1, 5, 9, 0]);
  });

  test("refuses a load that leaves its operand", () => {
    const outside = context.compute({
      parallel: [batchExtent, fixed(4)],
      body: context.load(x, [i(0), i(1)]),
    });
    expect(() => evaluate(outside.values[0]!, { x: [1, 2, 3] })).toThrow(
      "a load of [N, 3] at [i0, i1] reads 3 in dimension 1, at point [0, 3] with N = 1",
    );
  });

  test("gives the value and the place of the largest", () => {
    const largest = context.compute({
      parallel: [batchExtent],
      reduction: [fixed(3)],
      reducer: "max",
      body: context.load(x, [i(0), i(1)]),
    });
    const [value, arg] = largest.values;
    expect(evaluate(value!, { x: [1, 7, 7, -1, -2, -1] }, 2)).toEqual([7, -1]);
    expect(evaluate(arg!, { x: [1, 7, 7, -1, -2, -1] }, 2)).toEqual([1, 0]);
  });

  test("draws the numbers of the stream at the logical index", () => {
    const noise = context.compute({ parallel: [fixed(3)], body: context.random("s", i(0)) });
    expect(evaluate(noise.values[0]!, {})).toEqual(
      [0, 1, 2].map((k) => uniformAt(5, hash32("s"), 2, k)),
    );
  });

  test("wraps integers", () => {
    const big = context.constant(2147483647, "i32");
    const next = context.compute({
      parallel: [fixed(2)],
      body: context.call("add", big, context.index(i(0))),
    });
    expect(evaluate(next.values[0]!, {})).toEqual([2147483647, -2147483648]);
  });

  test("hands on what assignments store", () => {
    const body = context.call("square", context.load(w, [i(0), i(1)]));
    const value = context.compute({ parallel: w.shape, body }).values[0]!;
    const graph = { name: "g", batchMax: 1, results: [], assignments: [{ target: w, value }] };
    const { assignments } = interpret(graph, { n: 1, leaf: () => [1, 2, 3, 4, 5, 6] });
    expect([...assignments[0]!.data]).toEqual([1, 4, 9, 16, 25, 36]);
  });
});

test("random graphs evaluate to small numbers", () => {
  fc.assert(
    fc.property(randomGraph({ loops: true }), ({ graph, n, leaf }) => {
      const { results } = interpret(graph, { n, seed: 3, batch: 1, leaf });
      for (const data of results.values()) {
        for (const number of data) expect(Math.abs(number)).toBeLessThan(1e6);
      }
    }),
    { numRuns: 100 },
  );
});
