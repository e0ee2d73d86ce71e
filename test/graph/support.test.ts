/** Where values may differ from zero. */

import { describe, expect, test } from "vitest";
import { axisAffine, offsetAffine, subtractAffine } from "../../compiler/graph/affine.ts";
import { always, never, nonnegative } from "../../compiler/graph/condition.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { fixed } from "../../compiler/graph/extent.ts";
import type { Scalar } from "../../compiler/graph/node.ts";
import { Supports } from "../../compiler/graph/support.ts";

const context = new GraphContext();
const shape = [fixed(6), fixed(6)];
const at = [axisAffine(0), axisAffine(1)];
const leaf = context.leaf("param", "a", "f32", shape);
const map = (body: Scalar) => context.compute({ parallel: shape, body }).values[0]!;
const load = (value = leaf) => context.load(value, at);
const number = (value: number) => context.constant(value, "f32");
const inTriangle = nonnegative(subtractAffine(axisAffine(0), axisAffine(1)));
const triangle = map(context.call("select", context.condition(inTriangle), load(), number(0)));

describe("the support of", () => {
  test.each([
    ["a leaf", leaf, always],
    ["zeros", map(number(0)), never],
    ["a triangle", triangle, inTriangle],
    [
      "a product with a triangle",
      map(context.call("multiply", load(), load(triangle))),
      inTriangle,
    ],
    ["a triangle divided", map(context.call("divide", load(triangle), load())), inTriangle],
    ["a triangle and a tensor", map(context.call("add", load(triangle), load())), always],
    ["what is not zero at zero", map(context.call("exp", load(triangle))), always],
  ])("%s", (_, value, expected) => {
    expect(new Supports().supportOf(value).key).toBe(expected.key);
  });

  test("a value that reads another elsewhere", () => {
    const next = [axisAffine(0), offsetAffine(axisAffine(1), 1)];
    const guard = nonnegative(offsetAffine(subtractAffine(axisAffine(0), axisAffine(1)), -1));
    expect(new Supports().supportOf(map(context.load(triangle, next))).key).toBe(guard.key);
    expect(new Supports().supportOf(map(context.load(leaf, next, guard))).key).toBe(guard.key);
  });
});

describe("the variation along columns of", () => {
  const masked = map(context.call("select", context.condition(inTriangle), load(), number(-1e9)));
  const ofRow = context.load(leaf, [axisAffine(0), axisAffine(0)]);
  const shifted = map(context.call("exp", context.call("subtract", load(masked), ofRow)));
  const transposed = map(context.load(shifted, [axisAffine(1), axisAffine(0)]));

  test.each([
    ["a leaf", leaf, always],
    ["a number", map(number(3)), never],
    ["a number of the row", map(ofRow), never],
    ["what a number masks", masked, inTriangle],
    ["what is made of it and of numbers of the row", shifted, inTriangle],
    ["what two sides of a mask vary in", map(context.call("add", load(masked), load())), always],
    ["another axis of it", transposed, always],
  ])("%s", (_, value, expected) => {
    expect(new Supports().variationOf(value, 1).key).toBe(expected.key);
  });
});
