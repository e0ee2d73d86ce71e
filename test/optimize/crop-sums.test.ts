import { describe, expect, test } from "vitest";
import {
  type Affine,
  addAffine,
  axisAffine,
  divAffine,
  offsetAffine,
  scaleAffine,
} from "../../compiler/graph/affine.ts";
import { and, type Condition, divides, inRange } from "../../compiler/graph/condition.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { batchExtent, fixed } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Graph } from "../../compiler/graph/node.ts";
import { printGraph } from "../../compiler/graph/print.ts";
import { findFaults } from "../../compiler/graph/verify.ts";
import { cropSums } from "../../compiler/optimize/fusion/crop-sums.ts";

/** y[n, i] = Σ x[n, j]·w[j, i − 4] where a condition on i and j holds: the gradient of a slice of 4 out of 12. */
function gradientOfSlice(
  context: GraphContext,
  where: (i: Affine, j: Affine) => Condition,
  reducer: "sum" | "max" = "sum",
): Graph {
  const x = context.leaf("state", "x", "f32", [batchExtent, fixed(6)]);
  const w = context.leaf("param", "w", "f32", [fixed(6), fixed(4)]);
  const [n, i, j] = [0, 1, 2].map(axisAffine) as [Affine, Affine, Affine];
  const body = context.call(
    "multiply",
    context.load(x, [n, j]),
    context.load(w, [j, offsetAffine(i, -4)]),
  );
  const { values } = context.compute({
    parallel: [batchExtent, fixed(12)],
    reduction: [fixed(6)],
    where: where(i, j),
    reducer,
    body,
  });
  return { name: "g", batchMax: 4, results: [{ name: "y", value: values[0]! }], assignments: [] };
}

const valuesOf = (graph: Graph) => {
  const leaf = (role: string) => Array.from({ length: 24 }, (_, i) => Math.sin(i + role.length));
  return interpret(graph, { n: 2, leaf }).results;
};

const inSlice = (i: Affine) => inRange(offsetAffine(i, -4), fixed(4));

describe("sums with nothing to add outside of an interval", () => {
  test("are done over the interval, with zeros around", () => {
    const context = new GraphContext();
    const graph = gradientOfSlice(context, inSlice);
    const cropped = cropSums(context, graph);
    expect(findFaults(cropped)).toEqual([]);
    expect(printGraph(cropped)).toMatchInlineSnapshot(`
      "graph g, N ≤ 4
      %0: f32[N, 6] = state x
      %1: f32[6, 4] = param w
      %2: f32[N, 4] = sum[i2 < 6] %0[i0, i2] * %1[i2, i1]
      %3: f32[N, 12] = %2[i0, i1 - 4]{-i1 + 7 >= 0 and i1 - 4 >= 0}
      y = %3"
    `);
    expect(valuesOf(cropped)).toEqual(valuesOf(graph));
  });

  test("keep conditions on other axes", () => {
    const context = new GraphContext();
    const graph = gradientOfSlice(context, (i, j) => and(inSlice(i), inRange(j, fixed(5))));
    const cropped = cropSums(context, graph);
    expect(findFaults(cropped)).toEqual([]);
    expect(printGraph(cropped)).toContain("where -i2 + 4 >= 0");
    expect(valuesOf(cropped)).toEqual(valuesOf(graph));
  });

  test("may be conditioned on quotients of the axis", () => {
    const context = new GraphContext();
    const graph = gradientOfSlice(context, (i) =>
      inRange(offsetAffine(divAffine(i, 2), -2), fixed(2)),
    );
    const cropped = cropSums(context, graph);
    expect(printGraph(cropped)).toContain("f32[N, 4] = sum[i2 < 6] %0[i0, i2] * %1[i2, i1]");
    expect(valuesOf(cropped)).toEqual(valuesOf(graph));
  });

  test("stay as they are where axes are conditioned together, or other points are left out", () => {
    const context = new GraphContext();
    const together = gradientOfSlice(context, (i, j) =>
      inRange(offsetAffine(addAffine(i, scaleAffine(j, -1)), -2), fixed(2)),
    );
    expect(cropSums(context, together)).toBe(together);
    const apart = gradientOfSlice(context, (i) => divides(2, i));
    expect(cropSums(context, apart)).toBe(apart);
    const largest = gradientOfSlice(context, inSlice, "max");
    expect(cropSums(context, largest)).toBe(largest);
  });
});
