/** Convolutions and poolings over any number of spatial axes, in index notation. Images are [N, C, spatial]. */

import {
  axisNames,
  element,
  isSet,
  notation,
  numberIn,
  numbersIn,
  outputShape,
  type RuleCase,
  type RuleResult,
  type RuleTable,
  reduction,
  shapeOf,
  single,
} from "../case-rules.ts";

interface Window {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  /** Zeros before each axis. */
  readonly before: readonly number[];
}

function windowOf(c: RuleCase, kernel: readonly number[]): Window {
  const ones = kernel.map(() => 1);
  const pads = c.config.pads ?? kernel.map(() => [0, 0]);
  return {
    kernel,
    stride: numbersIn(c, "stride", ones),
    dilation: numbersIn(c, "dilation", ones),
    before: (pads as readonly (readonly number[])[]).map(([first]) => first!),
  };
}

/** Where the point k of the window at p falls: p·stride + k·dilation − padding. */
const place = ({ stride, dilation, before }: Window, p: string, k: string, axis: number): string =>
  `${p} * ${stride[axis]} + ${k} * ${dilation[axis]} - ${before[axis]}`;

interface Convolution {
  readonly x: string;
  readonly xShape: readonly number[];
  readonly w: string;
  readonly wShape: readonly number[];
  readonly result: string;
  readonly resultShape: readonly number[];
  readonly groups: number;
}

/** y[n, o, p] = Σ x[n, first channel of o's group + c, place(p, k)] · w[o, c, k]. */
function convolution(conv: Convolution, window: Window): string {
  const { x, w, wShape, resultShape, groups } = conv;
  const [outer, inner, ...kernel] = wShape;
  const p = axisNames(kernel.length, "p");
  const k = axisNames(kernel.length, "k");
  const perGroup = outer! / groups;
  const channel = groups === 1 ? "c" : `o / ${perGroup} * ${inner} + c`;
  const places = p.map((axis, i) => place(window, axis, k[i]!, i));
  const product = `${element(x, ["n", channel, ...places])} * ${element(w, ["o", "c", ...k])}`;
  const body = reduction("sum", ["c", ...k], [inner!, ...kernel], product);
  return notation(conv.result, ["n", "o", ...p], resultShape, body);
}

const withBias = (c: RuleCase, rank: number): string =>
  c.inputs.has("b") ? `conv + reshape(b, [-1${", 1".repeat(rank - 2)}])` : "conv";

function convolve(c: RuleCase): RuleResult {
  const [xShape, wShape] = [shapeOf(c, "x"), shapeOf(c, "w")];
  const resultShape = outputShape(c);
  const groups = numberIn(c, "groups", 1);
  const conv = { x: "x", xShape, w: "w", wShape, result: "conv", resultShape, groups };
  return single(withBias(c, xShape.length), [convolution(conv, windowOf(c, wShape.slice(2)))]);
}

/** The gradient of a convolution by its input: x[n, c, p] goes to place(p, k). Kernels are [in, out / groups, …]. */
function transposed(c: RuleCase): RuleResult {
  const [xShape, wShape] = [shapeOf(c, "x"), shapeOf(c, "w")];
  const [inner, perGroup, ...kernel] = wShape;
  const window = windowOf(c, kernel);
  const groups = numberIn(c, "groups", 1);
  const q = axisNames(kernel.length, "q");
  const p = axisNames(kernel.length, "p");
  const k = axisNames(kernel.length, "k");
  const innerPerGroup = inner! / groups;
  const channel = groups === 1 ? "c" : `o / ${perGroup} * ${innerPerGroup} + c`;
  const output = groups === 1 ? "o" : `o % ${perGroup}`;
  const meets = q.map((axis, i) => `${axis} == ${place(window, p[i]!, k[i]!, i)}`).join(" and ");
  const product = `${element("x", ["n", channel, ...p])} * ${element("w", [channel, output, ...k])}`;
  const body = reduction(
    "sum",
    ["c", ...p, ...k],
    [innerPerGroup, ...xShape.slice(2), ...kernel],
    `if ${meets} then ${product} else 0.0`,
  );
  return single(withBias(c, xShape.length), [
    notation("conv", ["n", "o", ...q], outputShape(c), body),
  ]);
}

function separable(c: RuleCase): RuleResult {
  const [xShape, depth, point] = [shapeOf(c, "x"), shapeOf(c, "dw"), shapeOf(c, "pw")];
  const resultShape = outputShape(c);
  const [samples, , ...spatial] = resultShape;
  const middle = [samples!, depth[0]!, ...spatial];
  const window = windowOf(c, depth.slice(2));
  const unit = {
    kernel: point.slice(2),
    stride: spatial.map(() => 1),
    dilation: spatial.map(() => 1),
    before: spatial.map(() => 0),
  };
  return single(withBias(c, xShape.length), [
    convolution(
      {
        x: "x",
        xShape,
        w: "dw",
        wShape: depth,
        result: "each",
        resultShape: middle,
        groups: xShape[1]!,
      },
      window,
    ),
    convolution(
      { x: "each", xShape: middle, w: "pw", wShape: point, result: "conv", resultShape, groups: 1 },
      unit,
    ),
  ]);
}

function poolingWindow(c: RuleCase): Window {
  const kernel = numbersIn(c, "kernel");
  return { ...windowOf(c, kernel), stride: numbersIn(c, "stride", kernel) };
}

/** Windows that reach beyond the edge see only what is inside. */
function pooled(c: RuleCase, reducer: "max" | "mean", x: string, window: Window): string {
  const p = axisNames(window.kernel.length, "p");
  const k = axisNames(window.kernel.length, "k");
  const places = p.map((axis, i) => place(window, axis, k[i]!, i));
  const body = reduction(reducer, k, window.kernel, element(x, ["n", "c", ...places]));
  return notation("pool", ["n", "c", ...p], outputShape(c), body);
}

const pool = (c: RuleCase, reducer: "max" | "mean"): RuleResult =>
  single("pool", [pooled(c, reducer, "x", poolingWindow(c))]);

/** PyTorch counts padding unless told not to, but nothing beyond it. */
function averagePool(c: RuleCase): RuleResult {
  if (c.config.count_include_pad === false || c.config.pads === undefined) return pool(c, "mean");
  const window = poolingWindow(c);
  const [samples, channels, ...sizes] = shapeOf(c, "x");
  const pads = c.config.pads as readonly (readonly [number, number])[];
  const whole = sizes.map((size, i) => size + pads[i]![0] + pads[i]![1]);
  const p = axisNames(sizes.length, "p");
  const inner = element("x", ["n", "c", ...p.map((axis, i) => `${axis} - ${window.before[i]}`)]);
  const unpadded = { ...window, before: sizes.map(() => 0) };
  return single("pool", [
    notation("padded", ["n", "c", ...p], [samples!, channels!, ...whole], inner),
    pooled(c, "mean", "padded", unpadded),
  ]);
}

const dimensions = [1, 2, 3];
const perDimension = (name: (d: number) => string, rule: (c: RuleCase) => RuleResult): RuleTable =>
  Object.fromEntries(dimensions.map((d) => [name(d), rule]));

export const windowRules: RuleTable = {
  ...perDimension((d) => `conv${d}d`, convolve),
  ...perDimension((d) => `depthwise_conv${d}d`, convolve),
  ...perDimension((d) => `conv${d}d_transpose`, transposed),
  ...perDimension((d) => `separable_conv${d}d`, separable),
  ...perDimension(
    (d) => `maxpool${d}d`,
    (c) => pool(c, "max"),
  ),
  ...perDimension((d) => `avgpool${d}d`, averagePool),
  global_pool: (c) => {
    const rank = shapeOf(c, "x").length;
    const axes = Array.from({ length: rank - 2 }, (_, i) => i + 2);
    const reducer = /max/.test(`${c.reference} ${c.formula}`) ? "max" : "mean";
    const keepdims = outputShape(c).length === rank;
    return single(
      `${reducer}(x, axis = [${axes}], keepdims = ${isSet(c, "keepdims") || keepdims})`,
    );
  },
};
