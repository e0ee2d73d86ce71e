/** Steps of random graphs beyond maps and reductions: loops, loads by index, scatters, and functions with their own derivative. */

import {
  type Affine,
  addAffine,
  axisAffine,
  constantAffine,
  modAffine,
  scaleAffine,
  stepAffine,
} from "../../compiler/graph/affine.ts";
import type { GraphContext } from "../../compiler/graph/context.ts";
import { fixed, isFixed } from "../../compiler/graph/extent.ts";
import type { Scalar, Value } from "../../compiler/graph/node.ts";
import { axes, type Choices, type StepContext } from "./random-steps.ts";

type Step = (builder: StepContext, x: Value, take: Choices) => Value | undefined;

/** An integer of the row's bytes, or of the axis alone where there are no rows; below `limit`, from −1 on. */
function someIndex({ context, bytes }: StepContext, x: Value, axis: Affine, limit: number): Scalar {
  const hasRows = x.shape[0] !== undefined && !isFixed(x.shape[0]);
  const number = hasRows
    ? context.cast(context.load(bytes, [axisAffine(0), modAffine(axis, 7)]), "i32")
    : context.index(scaleAffine(axis, 3));
  const below = context.call("modulo", number, context.constant(limit + 1, "i32"));
  return context.call("subtract", below, context.constant(1, "i32"));
}

const isSequence = (x: Value): boolean => {
  const last = x.shape.at(-1);
  return last !== undefined && isFixed(last);
};

function map(context: GraphContext, value: Value, body: (x: Scalar) => Scalar): Value {
  const load = context.load(value, axes(value.shape.length));
  return context.compute({ parallel: value.shape, body: body(load) }).values[0]!;
}

export const loopSteps = {
  /** Elements of the last dimension at computed places, some of which are out of range. */
  gather: (builder, x, take) => {
    if (!isSequence(x)) return undefined;
    const { context } = builder;
    const rank = x.shape.length;
    const size = x.shape.at(-1)!.constant;
    const count = take.between(1, 6);
    const lead = axes(rank - 1).map((axis) => context.index(axis));
    const place = someIndex(builder, x, axisAffine(rank - 1), size + 1);
    const parallel = [...x.shape.slice(0, -1), fixed(count)];
    return builder.map(parallel, context.gather(x, [...lead, place]));
  },

  /** Rows of a table that is trained. */
  lookup: (builder, _x, take) => {
    const { context, bytes } = builder;
    const table = builder.param([fixed(take.between(1, 5)), fixed(take.between(1, 3))]);
    const token = context.cast(context.load(bytes, axes(2)), "i32");
    const limit = context.constant(table.shape[0]!.constant + 1, "i32");
    const row = context.call("modulo", token, limit);
    const parallel = [...bytes.shape, table.shape[1]!];
    return builder.map(parallel, context.gather(table, [row, context.index(axisAffine(2))]));
  },

  /** Elements of the last dimension added up at computed places. */
  scatter: (builder, x, take) => {
    if (!isSequence(x)) return undefined;
    const { context } = builder;
    const rank = x.shape.length;
    const size = take.between(1, 5);
    const lead = axes(rank - 1).map((axis) => context.index(axis));
    const place = someIndex(builder, x, axisAffine(rank - 1), size + 1);
    const node = context.scatter({
      parallel: x.shape,
      shape: [...x.shape.slice(0, -1), fixed(size)],
      index: [...lead, place],
      body: context.load(x, axes(rank)),
    });
    return map(context, node.values[0], (sum) => context.call("tanh", sum));
  },

  /** h ← tanh(x[t] + h·w), and a sum c of all h, over the last dimension, in either direction. */
  scan: (builder, x, take) => {
    if (!isSequence(x)) return undefined;
    const { context } = builder;
    const rank = x.shape.length;
    const length = x.shape.at(-1)!.constant;
    // Longer loops show no more, and take long.
    if (length > 6) return undefined;
    const shape = x.shape.slice(0, -1);
    const here = axes(rank - 1);
    const loop = context.newLoop();
    const step = stepAffine(loop, length);
    const isReversed = take.below(2) === 0;
    const last = constantAffine(length - 1);
    const at = isReversed ? addAffine(last, scaleAffine(step, -1)) : step;
    const [h, c] = [0, 1].map((place) => context.carry(loop, place, "f32", shape));
    const zero = builder.map(shape, context.constant(0, "f32"));
    const first =
      take.below(2) === 0
        ? zero
        : builder.map(shape, context.load(x, [...here, constantAffine(0)]));
    const before = mixed(builder, h!, take);
    const sum = context.call("add", context.load(x, [...here, at]), before);
    const next = builder.map(shape, context.call("tanh", sum));
    const half = context.call("multiply", context.constant(0.5, "f32"), context.load(c!, here));
    const total = builder.map(shape, context.call("add", half, context.load(next, here)));
    const scan = context.scan({
      loop,
      length,
      carries: [
        { leaf: h!, init: first, next },
        { leaf: c!, init: zero, next: total },
      ],
      stacks: [{ value: take.below(2) === 0 ? next : total, place: at }],
      recompute: take.below(2) === 0,
    });
    return take.of(scan.values);
  },

  /** tanh, whose derivative is said. */
  ownDerivative: ({ context }, x) => {
    const primal = [map(context, x, (element) => context.call("tanh", element))];
    const cotangents = context.cotangents(primal);
    const here = axes(x.shape.length);
    const gradient = map(context, primal[0]!, (y) => {
      const slope = context.call(
        "subtract",
        context.constant(1, "f32"),
        context.call("multiply", y, y),
      );
      return context.call("multiply", context.load(cotangents[0]!, here), slope);
    });
    return context.callNode({ primal, inputs: [x], cotangents, gradients: [gradient] }).values[0]!;
  },
} satisfies Record<string, Step>;

/** h over its last dimension times a matrix, or times one number each. */
function mixed(builder: StepContext, h: Value, take: Choices): Scalar {
  const { context } = builder;
  const rank = h.shape.length;
  if (take.below(2) === 0 || !isSequence(h)) {
    const weight = builder.param([]);
    return context.call("multiply", context.load(h, axes(rank)), context.load(weight, []));
  }
  const inner = h.shape.at(-1)!;
  const weights = builder.param([inner, inner]);
  const k = axisAffine(rank);
  const body = context.call(
    "multiply",
    context.load(h, [...axes(rank - 1), k]),
    context.load(weights, [k, axisAffine(rank - 1)]),
  );
  const product = context.compute({ parallel: h.shape, reduction: [inner], reducer: "sum", body });
  return context.load(product.values[0]!, axes(rank));
}
