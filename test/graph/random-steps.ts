/**
 * The steps that random graphs are grown by: each applies one kind of node to a value made before, as its
 * choices say, or declines by giving undefined.
 */

import {
  type Affine,
  addAffine,
  axisAffine,
  divAffine,
  modAffine,
  offsetAffine,
  scaleAffine,
} from "../../compiler/graph/affine.ts";
import { type Condition, inRange, nonnegative } from "../../compiler/graph/condition.ts";
import type { GraphContext } from "../../compiler/graph/context.ts";
import { type Extent, fixed, isFixed, type Shape } from "../../compiler/graph/extent.ts";
import type { Scalar, Value } from "../../compiler/graph/node.ts";
import type { ReducerName } from "../../compiler/graph/reducers.ts";
import {
  type ScalarFunctionName,
  scalarFunctionNames,
  scalarFunctions,
} from "../../compiler/graph/scalar-functions.ts";

/** What a step builds in. */
export interface StepContext {
  readonly context: GraphContext;
  /** Whether derivatives must tell the whole of how values change. */
  readonly isSmooth: boolean;
  /** The values made so far. */
  readonly values: readonly Value[];
  /** The input u8[N, 7]. */
  readonly bytes: Value;
  param(shape: Shape): Value;
  map(shape: Shape, body: Scalar): Value;
}

/** Takes the choices of one step one by one. */
export class Choices {
  readonly #choices: readonly number[];
  #taken = 0;

  constructor(choices: readonly number[]) {
    this.#choices = choices;
  }

  below(bound: number): number {
    return this.#choices[this.#taken++ % this.#choices.length]! % bound;
  }

  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
}

export const axes = (count: number, first = 0): Affine[] =>
  Array.from({ length: count }, (_, i) => axisAffine(first + i));

/** The trained functions: those of one float whose value and derivative stay small on their test domain. */
const unaryNames = scalarFunctionNames.filter((fn) => {
  const row = scalarFunctions[fn];
  return row.arity === 1 && row.resultType(["f32"]) === "f32";
});
const smoothNames = unaryNames.filter((fn) => fn !== "stopGradient");
const binaryNames: readonly ScalarFunctionName[] = [
  "add",
  "subtract",
  "multiply",
  "maximum",
  "minimum",
];
const reducerChoices: readonly ReducerName[] = [
  "sum",
  "mean",
  "max",
  "min",
  "prod",
  "logsumexp",
  "moments",
];

type Step = (builder: StepContext, x: Value, take: Choices) => Value | undefined;

/** The sizes of the dimensions after the batch. */
const trailing = (x: Value): number[] => x.shape.filter(isFixed).map((extent) => extent.constant);

export const steps = {
  /** A function of one argument, which is first brought into the function's test domain. */
  unary: (builder, x, take) => {
    const { context } = builder;
    const names = builder.isSmooth ? smoothNames : unaryNames;
    const fn = take.of(names);
    const [domain] = scalarFunctions[fn].testDomain;
    const number = (value: number) => context.constant(value, "f32");
    const squashed = context.call("sigmoid", context.load(x, axes(x.shape.length)));
    const inside = context.call(
      "fma",
      squashed,
      number(domain!.max - domain!.min),
      number(domain!.min),
    );
    return builder.map(x.shape, context.call(fn, inside));
  },

  relu: ({ context }, x) => {
    const load = context.load(x, axes(x.shape.length));
    const body = context.call("maximum", context.constant(0, "f32"), load);
    return context.compute({ parallel: x.shape, body }).values[0]!;
  },

  /** With a param broadcast over some of the dimensions, or with another value of the same shape. */
  binary: (builder, x, take) => {
    const { context } = builder;
    const twins = builder.values.filter(
      (value) => value !== x && String(value.shape.map(key)) === String(x.shape.map(key)),
    );
    const fn = take.of(binaryNames);
    const a = context.load(x, axes(x.shape.length));
    if (twins.length > 0 && take.below(2) === 0) {
      const b = context.load(take.of(twins), axes(x.shape.length));
      return builder.map(x.shape, context.call(fn, a, b));
    }
    const kept = x.shape
      .map((_, i) => i)
      .filter((i) => isFixed(x.shape[i]!) && take.below(2) === 0);
    const param = builder.param(kept.map((i) => x.shape[i]!));
    const b = context.load(param, kept.map(axisAffine));
    return builder.map(x.shape, context.call(fn, a, b));
  },

  /** Over some trailing dimensions, or over the batch. */
  reduce: (builder, x, take) => {
    const { context } = builder;
    const rank = x.shape.length;
    if (rank === 0) return undefined;
    const overBatch = !isFixed(x.shape[0]!) && take.below(4) === 0;
    const count = overBatch ? 1 : take.between(1, Math.max(1, trailing(x).length));
    const parallel = overBatch ? x.shape.slice(1) : x.shape.slice(0, rank - count);
    const reduction = overBatch ? x.shape.slice(0, 1) : x.shape.slice(rank - count);
    const place = overBatch ? [axisAffine(rank - 1), ...axes(rank - 1)] : axes(rank);
    const reducer = take.of(reducerChoices);
    const node = context.compute({ parallel, reduction, reducer, body: context.load(x, place) });
    return take.of(node.values.filter((value) => value.dtype === "f32"));
  },

  /** Softmax over the last dimension: a reduction read again by a map. */
  softmax: ({ context }, x) => {
    const rank = x.shape.length;
    if (trailing(x).length === 0) return undefined;
    const parallel = x.shape.slice(0, -1);
    const reduction = x.shape.slice(-1);
    const load = context.load(x, axes(rank));
    const total = context.compute({ parallel, reduction, reducer: "logsumexp", body: load });
    const body = context.call(
      "exp",
      context.call("subtract", load, context.load(total.values[0]!, axes(rank - 1))),
    );
    return context.compute({ parallel: x.shape, body }).values[0]!;
  },

  /** x @ w over the last dimension. */
  matmul: (builder, x, take) => {
    const { context } = builder;
    const rank = x.shape.length;
    const [inner] = x.shape.slice(-1);
    if (inner === undefined || !isFixed(inner)) return undefined;
    const outer = fixed(take.between(1, 7));
    const weights = builder.param([inner, outer]);
    const k = axisAffine(rank);
    const body = context.call(
      "multiply",
      context.load(x, [...axes(rank - 1), k]),
      context.load(weights, [k, axisAffine(rank - 1)]),
    );
    const parallel = [...x.shape.slice(0, -1), outer];
    return context.compute({ parallel, reduction: [inner], reducer: "sum", body }).values[0]!;
  },

  /** A convolution over the dimension before the last, with stride, dilation and padding. */
  convolution: (builder, x, take) => {
    const window = slidingWindow(x, take);
    if (window === undefined) return undefined;
    const { context } = builder;
    const { rank, place, where, width, count } = window;
    const [inner] = x.shape.slice(-1);
    const outer = fixed(take.between(1, 4));
    const weights = builder.param([width, inner!, outer]);
    // Axes: those before the window's, its position, outer channel; then the window and inner channel.
    const body = context.call(
      "multiply",
      context.load(x, [...axes(rank - 2), place, axisAffine(rank + 1)]),
      context.load(weights, [axisAffine(rank), axisAffine(rank + 1), axisAffine(rank - 1)]),
    );
    const parallel = [...x.shape.slice(0, -2), count, outer];
    const reduction = [width, inner!];
    return context.compute({ parallel, reduction, where, reducer: "sum", body }).values[0]!;
  },

  /** Pooling over the dimension before the last; windows may overlap, and miss the edge. */
  pool: (builder, x, take) => {
    const window = slidingWindow(x, take);
    if (window === undefined) return undefined;
    const { context } = builder;
    const { rank, place, where, width, count } = window;
    const reducer = take.of(["max", "min", "mean", "sum", "prod", "moments"] as const);
    const body = context.load(x, [...axes(rank - 2), place, axisAffine(rank - 1)]);
    const parallel = [...x.shape.slice(0, -2), count, ...x.shape.slice(-1)];
    const node = context.compute({ parallel, reduction: [width], where, reducer, body });
    // A window that lies outside as a whole would bring an infinity in.
    const [value] = node.values;
    return builder.map(
      value!.shape,
      context.call("tanh", context.load(value!, axes(value!.shape.length))),
    );
  },

  /** Every s-th element from an offset on, of the last dimension. */
  slice: (builder, x, take) => {
    const last = trailing(x).at(-1);
    if (last === undefined) return undefined;
    const rank = x.shape.length;
    const start = take.below(last);
    const stride = take.between(1, 3);
    const size = Math.ceil((last - start) / stride);
    const place = offsetAffine(scaleAffine(axisAffine(rank - 1), stride), start);
    const load = builder.context.load(x, [...axes(rank - 1), place]);
    return builder.map([...x.shape.slice(0, -1), fixed(size)], load);
  },

  /** Reversed along the last dimension, with zeros before and after. */
  pad: (builder, x, take) => {
    const last = trailing(x).at(-1);
    if (last === undefined) return undefined;
    const rank = x.shape.length;
    const before = take.below(3);
    const i = axisAffine(rank - 1);
    const place = offsetAffine(scaleAffine(i, -1), last - 1 + before);
    const load = builder.context.load(x, [...axes(rank - 1), place], inRange(place, fixed(last)));
    return builder.map([...x.shape.slice(0, -1), fixed(last + before + take.below(3))], load);
  },

  /** The two last dimensions exchanged. */
  transpose: (builder, x) => {
    const rank = x.shape.length;
    if (trailing(x).length < 2) return undefined;
    const place = [...axes(rank - 2), axisAffine(rank - 1), axisAffine(rank - 2)];
    const [a, b] = x.shape.slice(-2);
    return builder.map([...x.shape.slice(0, -2), b!, a!], builder.context.load(x, place));
  },

  /** The trailing dimensions as one, or the one as two. */
  reshape: (builder, x, take) => {
    const sizes = trailing(x);
    const lead = axes(x.shape.length - sizes.length);
    const leading = x.shape.slice(0, lead.length);
    const total = sizes.reduce((product, size) => product * size, 1);
    const factors = [1, 2, 3, 5, 7].filter((factor) => total % factor === 0);
    const inner = take.of(factors);
    const shape = take.below(2) === 0 ? [fixed(total)] : [fixed(total / inner), fixed(inner)];
    const [first, second] = axes(2, lead.length);
    const flat = shape.length === 1 ? first! : addAffine(scaleAffine(first!, inner), second!);
    const place: Affine[] = [];
    let stride = total;
    for (const size of sizes) {
      stride /= size;
      const outer = divAffine(flat, stride);
      place.push(place.length === 0 ? outer : modAffine(outer, size));
    }
    return builder.map([...leading, ...shape], builder.context.load(x, [...lead, ...place]));
  },

  /** Along the last dimension, with another value that agrees on the others. */
  concatenate: (builder, x, take) => {
    const { context } = builder;
    const rank = x.shape.length;
    const last = trailing(x).at(-1);
    const others = builder.values.filter(
      (value) =>
        value.shape.length === rank &&
        trailing(value).length > 0 &&
        String(value.shape.slice(0, -1).map(key)) === String(x.shape.slice(0, -1).map(key)),
    );
    if (last === undefined || others.length === 0) return undefined;
    const y = take.of(others);
    const i = axisAffine(rank - 1);
    const size = last + y.shape.at(-1)!.constant;
    const isFirst = nonnegative(offsetAffine(scaleAffine(i, -1), last - 1));
    const isSecond = nonnegative(offsetAffine(i, -last));
    const body = context.call(
      "select",
      context.condition(isFirst),
      context.load(x, [...axes(rank - 1), i], isFirst),
      context.load(y, [...axes(rank - 1), offsetAffine(i, -last)], isSecond),
    );
    return builder.map([...x.shape.slice(0, -1), fixed(size)], body);
  },

  /** Where axis values or random numbers choose. */
  dropout: (builder, x, take) => {
    const { context } = builder;
    const shape = x.shape;
    let index: Affine = axisAffine(0);
    if (shape.length === 0) return undefined;
    for (let i = 1; i < shape.length; i++) {
      if (!isFixed(shape[i]!)) return undefined;
      index = addAffine(scaleAffine(index, shape[i]!.constant), axisAffine(i));
    }
    const uniform = context.random(`dropout_${take.below(4)}`, index);
    const keep = context.call("less", uniform, context.constant(0.5, "f32"));
    const load = context.load(x, axes(shape.length));
    return builder.map(shape, context.call("select", keep, load, context.constant(0, "f32")));
  },
} satisfies Record<string, Step>;

export type StepName = keyof typeof steps;

export const stepNames = Object.keys(steps) as StepName[];

const key = (extent: Extent): string => `${extent.batch}N+${extent.constant}`;

interface Window {
  readonly rank: number;
  /** Where the window's point falls, with axis rank−2 the window's position and axis rank its own. */
  readonly place: Affine;
  readonly where: Condition;
  readonly width: Extent;
  readonly count: Extent;
}

/** A window sliding over the dimension before the last. */
function slidingWindow(x: Value, take: Choices): Window | undefined {
  const sizes = trailing(x);
  if (sizes.length < 2) return undefined;
  const rank = x.shape.length;
  const size = sizes.at(-2)!;
  const width = take.between(1, 3);
  const stride = take.between(1, 3);
  const dilation = take.between(1, 3);
  const padding = take.below(3);
  const reach = size + padding + take.below(2) - dilation * (width - 1) - 1;
  if (reach < 0) return undefined;
  const position = scaleAffine(axisAffine(rank - 2), stride);
  const offset = offsetAffine(scaleAffine(axisAffine(rank), dilation), -padding);
  const place = addAffine(position, offset);
  return {
    rank,
    place,
    where: inRange(place, fixed(size)),
    width: fixed(width),
    count: fixed(Math.floor(reach / stride) + 1),
  };
}
