import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { gradientsOf } from "../../compiler/autodiff/differentiate.ts";
import {
  type Affine,
  addAffine,
  divAffine,
  axisAffine as i,
  modAffine,
  offsetAffine,
  scaleAffine,
} from "../../compiler/graph/affine.ts";
import { inRange, nonnegative } from "../../compiler/graph/condition.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { batchExtent, fixed, type Shape } from "../../compiler/graph/extent.ts";
import { evaluateValues } from "../../compiler/graph/interpret.ts";
import type { Scalar, Value } from "../../compiler/graph/node.ts";
import { type ReducerName, reducers } from "../../compiler/graph/reducers.ts";
import { axes } from "../graph/random-steps.ts";
import { checkDerivatives, weighted } from "./check-gradient.ts";

const context = new GraphContext();
const number = (value: number): Scalar => context.constant(value, "f32");

/** The gradient of Σ f(x) by a param x of the given elements. */
function gradientOf(elements: readonly number[], build: (x: Value) => Value): number[] {
  const x = context.leaf("param", `x${elements.length}`, "f32", [fixed(elements.length)]);
  const value = build(x);
  const body = context.load(value, axes(value.shape.length));
  const loss = context.compute({ parallel: [], reduction: value.shape, reducer: "sum", body });
  const gradient = gradientsOf(context, loss.values[0]!, [x], 1).get(x)!;
  return [...evaluateValues([gradient], { n: 1, leaf: () => elements }).get(gradient)!];
}

const map = (x: Value, f: (x: Scalar) => Scalar): Value =>
  context.compute({ parallel: x.shape, body: f(context.load(x, axes(x.shape.length))) }).values[0]!;

const reduce = (x: Value, reducer: ReducerName): Value =>
  context.compute({ parallel: [], reduction: x.shape, reducer, body: context.load(x, [i(0)]) })
    .values[0]!;

describe("at kinks and ties", () => {
  test("relu has slope 0 at 0", () => {
    const relu = (x: Scalar) => context.call("maximum", number(0), x);
    expect(gradientOf([-1, 0, 2], (x) => map(x, relu))).toEqual([0, 0, 1]);
  });

  test("clip passes the gradient at its bounds", () => {
    const clip = (x: Scalar) =>
      context.call("minimum", context.call("maximum", x, number(-1)), number(1));
    expect(gradientOf([-2, -1, 0, 1, 2], (x) => map(x, clip))).toEqual([0, 1, 1, 1, 0]);
  });

  test("max and min give it to the first", () => {
    expect(gradientOf([1, 3, 3, 2], (x) => reduce(x, "max"))).toEqual([0, 1, 0, 0]);
    expect(gradientOf([1, 3, 1, 2], (x) => reduce(x, "min"))).toEqual([1, 0, 0, 0]);
  });

  test("stop_gradient lets nothing through", () => {
    const half = (x: Scalar) => context.call("multiply", x, context.call("stopGradient", x));
    expect(gradientOf([2, 3], (x) => map(x, half))).toEqual([2, 3]);
  });

  test("integers and booleans let nothing through", () => {
    const steps = (x: Scalar) => context.cast(context.cast(x, "i32"), "f32");
    expect(gradientOf([2.5, 3], (x) => map(x, steps))).toEqual([0, 0]);
  });

  test("what a condition does not choose does no harm", () => {
    const safeLog = (x: Scalar) =>
      context.call("select", context.call("less", number(0), x), context.call("log", x), number(0));
    expect(gradientOf([0, 4], (x) => map(x, safeLog))).toEqual([0, 0.25]);
  });

  test("a product knows its zeros", () => {
    const gradient = (elements: readonly number[]) =>
      gradientOf(elements, (x) => reduce(x, "prod"));
    expect(gradient([2, 3, 4])).toEqual([12, 8, 6]);
    expect(gradient([2, 0, 4])).toEqual([0, 8, 0]);
    expect(gradient([0, 0, 4])).toEqual([0, 0, 0]);
  });
});

describe("every reducer", () => {
  const differentiable = (Object.keys(reducers) as ReducerName[]).filter(
    (name) => reducers[name].resultTypes("f32")?.[0] === "f32",
  );
  const x = context.leaf("param", "matrix", "f32", [batchExtent, fixed(5), fixed(3)]);

  test.each(differentiable)("%s, of a whole box, of rows, and of those in range", (reducer) => {
    const place = offsetAffine(addAffine(i(1), i(3)), -1);
    const cases = [
      context.compute({
        parallel: [],
        reduction: x.shape,
        reducer,
        body: context.load(x, axes(3)),
      }),
      context.compute({
        parallel: [batchExtent, fixed(3)],
        reduction: [fixed(5)],
        reducer,
        body: context.load(x, [i(0), i(2), i(1)]),
      }),
      // Windows of three that overlap, and miss an edge.
      context.compute({
        parallel: [batchExtent, fixed(5), fixed(3)],
        reduction: [fixed(3)],
        where: inRange(place, fixed(5)),
        reducer,
        body: context.call("sin", context.load(x, [i(0), place, i(2)])),
      }),
    ];
    for (const node of cases) {
      for (const value of node.values) {
        if (value.dtype === "f32") checkDerivatives(context, value, [x], 4);
      }
    }
  });

  test("both moments at once: normalisation by batch statistics", () => {
    const moments = context.compute({
      parallel: [fixed(5)],
      reduction: [batchExtent, fixed(3)],
      reducer: "moments",
      body: context.load(x, [i(1), i(0), i(2)]),
    });
    const [mean, variance] = moments.values.map((value) => context.load(value, [i(1)]));
    const centred = context.call("subtract", context.load(x, axes(3)), mean!);
    const scale = context.call("rsqrt", context.call("add", variance!, number(1e-3)));
    const body = context.call("multiply", centred, scale);
    checkDerivatives(context, context.compute({ parallel: x.shape, body }).values[0]!, [x], 4);
  });
});

describe("index maps", () => {
  const x = context.leaf("param", "series", "f32", [batchExtent, fixed(12), fixed(2)]);
  const read = (shape: Shape, place: readonly Affine[], guard = inRange(place[1]!, fixed(12))) =>
    context.compute({ parallel: shape, body: context.load(x, place, guard) }).values[0]!;

  test("slices, reversals, repetition, reshapes, diagonals", () => {
    const flat = addAffine(scaleAffine(i(1), 2), i(2));
    const values = [
      read(
        [batchExtent, fixed(4)],
        [i(0), offsetAffine(scaleAffine(i(1), 3), 1), i(1)].with(2, modAffine(i(1), 2)),
      ),
      read(
        [batchExtent, fixed(12), fixed(2)],
        [i(0), offsetAffine(scaleAffine(i(1), -1), 11), i(2)],
      ),
      read([batchExtent, fixed(24), fixed(2)], [i(0), divAffine(i(1), 2), i(2)]),
      read([batchExtent, fixed(20), fixed(2)], [i(0), modAffine(i(1), 12), i(2)]),
      read([batchExtent, fixed(24)], [i(0), divAffine(i(1), 2), modAffine(i(1), 2)]),
      read([batchExtent, fixed(12), fixed(2)], [i(0), divAffine(flat, 2), modAffine(flat, 2)]),
      read([batchExtent, fixed(2)], [i(0), i(1), i(1)]),
      read([batchExtent, fixed(3), fixed(3)], [i(0), addAffine(i(1), i(2)), modAffine(i(1), 2)]),
    ];
    for (const value of values) checkDerivatives(context, value, [x], 3);
  });

  test("concatenation by guarded reads", () => {
    const other = context.leaf("param", "other", "f32", [batchExtent, fixed(3), fixed(2)]);
    const isFirst = nonnegative(offsetAffine(scaleAffine(i(1), -1), 11));
    const isSecond = nonnegative(offsetAffine(i(1), -12));
    const body = context.call(
      "select",
      context.condition(isFirst),
      context.load(x, axes(3), isFirst),
      context.load(other, [i(0), offsetAffine(i(1), -12), i(2)], isSecond),
    );
    const joined = context.compute({ parallel: [batchExtent, fixed(15), fixed(2)], body });
    const gradients = checkDerivatives(context, joined.values[0]!, [x, other], 3);
    // Each side's gradient is a plain slice of the whole's: the choice is gone.
    for (const gradient of gradients.values()) {
      expect(gradient.node.kind === "compute" && gradient.node.body.kind).toBe("load");
    }
  });

  test("convolutions of every stride, dilation and padding", () => {
    const size = fc.integer({ min: 1, max: 3 });
    fc.assert(
      fc.property(
        size,
        size,
        size,
        fc.nat(3),
        fc.nat(2),
        (width, stride, dilation, before, after) => {
          const reach = 12 + before + after - dilation * (width - 1) - 1;
          const count = fixed(Math.floor(reach / stride) + 1);
          const kernel = context.leaf("param", `kernel${width}`, "f32", [
            fixed(width),
            fixed(2),
            fixed(3),
          ]);
          const place = offsetAffine(
            addAffine(scaleAffine(i(1), stride), scaleAffine(i(3), dilation)),
            -before,
          );
          const node = context.compute({
            parallel: [batchExtent, count, fixed(3)],
            reduction: [fixed(width), fixed(2)],
            where: inRange(place, fixed(12)),
            reducer: "sum",
            body: context.call(
              "multiply",
              context.load(x, [i(0), place, i(4)]),
              context.load(kernel, [i(3), i(4), i(2)]),
            ),
          });
          checkDerivatives(context, node.values[0]!, [x, kernel], 2);
        },
      ),
      { numRuns: 40 },
    );
  });
});

test("several uses of one value are summed", () => {
  const x = context.leaf("param", "vector", "f32", [fixed(4)]);
  const y = map(x, (v) => context.call("exp", v));
  const load = (axis: number) => context.load(y, [i(axis)]);
  const outer = context.compute({
    parallel: [fixed(4), fixed(4)],
    body: context.call("multiply", load(0), context.call("sin", load(1))),
  });
  const total = weighted(context, outer.values[0]!);
  const again = context.compute({
    parallel: [fixed(4)],
    body: context.call("multiply", context.load(total, []), load(0)),
  });
  checkDerivatives(context, again.values[0]!, [x], 1);
});
