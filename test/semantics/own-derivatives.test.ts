/** Functions with a derivative of their own, from text to gradients. */

import { expect, test } from "vitest";
import { gradientsOf } from "../../compiler/autodiff/differentiate.ts";
import { axisAffine } from "../../compiler/graph/affine.ts";
import { inlineCalls } from "../../compiler/graph/calls.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Graph, Leaf, Value } from "../../compiler/graph/node.ts";
import { verifyGraph } from "../../compiler/graph/verify.ts";
import { canonicalise } from "../../compiler/optimize/canonicalise.ts";
import { simplify } from "../../compiler/optimize/simplify.ts";
import { lowerSound } from "./lowering.ts";

/**
 * The output's elements, and the derivatives of their sum by the inputs, before and after the graph passes. Functions
 * say wrong derivatives on purpose: that shows that theirs are taken.
 */
function derive(
  text: string,
  inputs: Readonly<Record<string, readonly number[]>>,
): Record<string, number[]> {
  const { predict, context, batchMax } = lowerSound(text);
  const { value } = canonicalise(context, predict).results[0]!;
  const body = context.load(
    value,
    value.shape.map((_, axis) => axisAffine(axis)),
  );
  const [loss] = context.compute({
    parallel: [],
    reduction: value.shape,
    reducer: "sum",
    body,
  }).values;
  const leaves = Object.keys(inputs).map((name): Value => context.leaf("input", name, "f32", []));
  const found = gradientsOf(context, loss!, leaves, batchMax);
  const results = leaves.map((leaf) => ({
    name: `d${(leaf.node as Leaf).path}`,
    value: found.get(leaf)!,
  }));
  const graph: Graph = {
    name: "derivatives",
    batchMax,
    results: [{ name: "y", value }, ...results],
    assignments: [],
  };
  const environment = { n: 1, leaf: (_: unknown, path: string) => inputs[path]! };
  const [before, after] = [graph, simplify(context, inlineCalls(context, graph))].map((each) => {
    verifyGraph(each);
    return Object.fromEntries(
      [...interpret(each, environment).results].map(([name, data]) => [name, [...data]]),
    );
  });
  expect(after).toEqual(before);
  return before!;
}

test("an expression with a derivative on the same line", () => {
  const text = `
fn scaled(x, k) = x * k gradient(d) { return (10 * d * k, 100 * d * x) }

model M {
  input x: f32[N, 2]
  input k: f32[N, 2]
  output y = 2 * scaled(x, k)
}`;
  expect(derive(text, { x: [1, 2], k: [3, 4] })).toEqual({
    y: [6, 16],
    dx: [60, 80],
    dk: [200, 400],
  });
});

test("a block that rebinds its parameter, whose derivative has it as it was", () => {
  const text = `
fn doubled(x: f32[N, C]) -> f32[N, C] {
  x = 2 * x
  return x
}
gradient(d) {
  factor = C
  return factor * d * x
}

model M {
  input x: f32[N, 2]
  output y = doubled(x)
}`;
  expect(derive(text, { x: [3, 5] })).toEqual({ y: [6, 10], dx: [6, 10] });
});

test("several results, each with its cotangent, and a number for a derivative", () => {
  const text = `
fn both(x, k = 3) {
  return (x * k, x + k)
} gradient(da, db) {
  return (100 * da + 10 * db, 0)
}

model M {
  input x: f32[N, 2]
  (a, b) = both(x)
  (c, _d) = both(x, 4)
  output y = a + 7 * b + c
}`;
  expect(derive(text, { x: [1, 2] })).toEqual({ y: [35, 49], dx: [270, 270] });
});

test("integers get none, lists one for each tensor", () => {
  const text = `
fn mixed(xs, keep) {
  return (if keep then xs[0] else xs[1])
} gradient(d) {
  return ([2 * d, 3 * d], none)
}

model M {
  input a: f32[N]
  input b: f32[N]
  output y = mixed([a, b], a > b)
}`;
  expect(derive(text, { a: [1], b: [2] })).toEqual({ y: [2], da: [2], db: [3] });
});

test("one inside another, in the derivative too", () => {
  const text = `
fn inner(x) = x gradient(d) { return 5 * d }
fn outer(x) = inner(x)^2 gradient(d) { return inner(d * x) }

model M {
  input x: f32[N]
  output y = inner(outer(x))
}`;
  // The derivative of inner is 5, that of outer x.
  expect(derive(text, { x: [3] })).toEqual({ y: [9], dx: [15] });
});

test("in a loop, also in one that keeps every other step alone", () => {
  const text = `
fn steep(x) = x gradient(d) { return 5 * d }

model M {
  input x: f32[N]
  a = scan t in 3 from x { a' = steep(a) }
  b = scan t in 3 from x checkpoint every 2 { b' = steep(b) }
  output y = a + 2 * b
}`;
  expect(derive(text, { x: [1] })).toEqual({ y: [3], dx: [3 * 125] });
});

test("an activation given by its name", () => {
  const text = `
fn steep(x) = tanh(x) gradient(d) { return 8 * d }

layer Apply(activation = linear)(x: f32[N]) -> f32[N] {
  return activation(x)
}

model M {
  input x: f32[N]
  output y = x |> Apply("steep")
}`;
  expect(derive(text, { x: [0] })).toEqual({ y: [0], dx: [8] });
});
