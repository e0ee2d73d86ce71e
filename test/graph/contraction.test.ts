import { describe, expect, test } from "vitest";
import { differentiate } from "../../compiler/autodiff/differentiate.ts";
import {
  addAffine,
  axisAffine as i,
  offsetAffine,
  scaleAffine,
} from "../../compiler/graph/affine.ts";
import { inRange } from "../../compiler/graph/condition.ts";
import { GraphContext, graphNodes } from "../../compiler/graph/context.ts";
import { classifyContraction } from "../../compiler/graph/contraction.ts";
import { batchExtent, fixed } from "../../compiler/graph/extent.ts";
import type { Compute, Graph, Value } from "../../compiler/graph/node.ts";

/** Axis roles as text: `m 0 n 1 k 2`. */
function roles(node: Compute): string | null {
  const contraction = classifyContraction(node);
  if (contraction === null) return null;
  return (["batch", "m", "n", "k"] as const)
    .flatMap((role) => (contraction[role].length === 0 ? [] : [`${role} ${contraction[role]}`]))
    .join("; ");
}

/** The sums of products in the graph that computes the mean square of `y` and its gradients. */
function contractionsOfTraining(
  context: GraphContext,
  y: Value,
  params: readonly Value[],
): string[] {
  const load = context.load(
    y,
    y.shape.map((_, axis) => i(axis)),
  );
  const loss = context.compute({
    parallel: [],
    reduction: y.shape,
    reducer: "mean",
    body: context.call("square", load),
  });
  const gradients = params.map(({ node, dtype, shape }) => ({
    name: node.kind === "leaf" ? node.path : "",
    value: context.leaf("gradient", node.kind === "leaf" ? node.path : "", dtype, shape),
  }));
  const graph: Graph = {
    name: "train",
    batchMax: 16,
    results: [{ name: "loss", value: loss.values[0]! }, ...gradients],
    assignments: [],
  };
  return graphNodes(differentiate(context, graph)).flatMap((node) => {
    const text = node.kind === "compute" ? roles(node) : null;
    return text === null ? [] : [text];
  });
}

describe("contractions", () => {
  test("a matrix product, and both its derivatives", () => {
    const context = new GraphContext();
    const x = context.leaf("param", "x", "f32", [batchExtent, fixed(5)]);
    const w = context.leaf("param", "w", "f32", [fixed(5), fixed(3)]);
    const y = context.compute({
      parallel: [batchExtent, fixed(3)],
      reduction: [fixed(5)],
      reducer: "sum",
      body: context.call("multiply", context.load(x, [i(0), i(2)]), context.load(w, [i(2), i(1)])),
    });
    expect(contractionsOfTraining(context, y.values[0]!, [x, w])).toEqual([
      "m 0; n 1; k 2",
      "m 1; n 0; k 2",
      "m 0; n 1; k 2",
    ]);
  });

  test("a convolution with stride, dilation and padding, and both its derivatives", () => {
    const context = new GraphContext();
    const x = context.leaf("param", "x", "f32", [batchExtent, fixed(9), fixed(2)]);
    const w = context.leaf("param", "w", "f32", [fixed(3), fixed(2), fixed(4)]);
    const place = offsetAffine(addAffine(scaleAffine(i(1), 2), scaleAffine(i(3), 3)), -1);
    const y = context.compute({
      parallel: [batchExtent, fixed(4), fixed(4)],
      reduction: [fixed(3), fixed(2)],
      where: inRange(place, fixed(9)),
      reducer: "sum",
      body: context.call(
        "multiply",
        context.load(x, [i(0), place, i(4)]),
        context.load(w, [i(3), i(4), i(2)]),
      ),
    });
    const found = contractionsOfTraining(context, y.values[0]!, [x, w]);
    expect(found).toHaveLength(3);
    expect(found[0]).toBe("m 0,1; n 2; k 3,4");
  });

  test("products that share an axis with the result are batched", () => {
    const context = new GraphContext();
    const a = context.leaf("param", "a", "f32", [batchExtent, fixed(2), fixed(3)]);
    const b = context.leaf("param", "b", "f32", [batchExtent, fixed(3), fixed(4)]);
    const y = context.compute({
      parallel: [batchExtent, fixed(2), fixed(4)],
      reduction: [fixed(3)],
      reducer: "sum",
      body: context.call(
        "multiply",
        context.load(a, [i(0), i(1), i(3)]),
        context.load(b, [i(0), i(3), i(2)]),
      ),
    });
    expect(roles(y)).toBe("batch 0; m 1; n 2; k 3");
  });

  test("what repeats work or is no product of loads is none", () => {
    const context = new GraphContext();
    const a = context.leaf("param", "a", "f32", [fixed(3)]);
    const b = context.leaf("param", "b", "f32", [fixed(3), fixed(4)]);
    const one = context.load(a, [i(1)]);
    const two = context.load(b, [i(1), i(2)]);
    const sum = (body: typeof one | ReturnType<GraphContext["call"]>, parallel = [fixed(5)]) =>
      context.compute({ parallel, reduction: [fixed(3), fixed(4)], reducer: "sum", body });
    expect(roles(sum(context.call("multiply", one, two)))).toBeNull();
    expect(roles(sum(context.call("add", two, two)))).toBeNull();
    expect(roles(sum(one))).toBeNull();
  });
});
