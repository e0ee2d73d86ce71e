/** Convolutions against sums written out, over strides, paddings, dilations, groups and data formats. */

import { describe, expect, it } from "vitest";
import { checkLayer, faultsOf, shapeOf, valuesOf } from "./layer-checks.ts";

const numbers = (count: number, seed = 1): number[] =>
  Array.from({ length: count }, (_, i) => ((i * 7 + seed * 3) % 11) - 5);

/** One dimension: x[L][C], kernel[K][C / groups][F], windows that start `before` the input. */
interface Case {
  readonly length: number;
  readonly channels: number;
  readonly filters: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly dilation?: number;
  readonly groups?: number;
  readonly padding?: "valid" | "same" | "causal";
}

function convolved(x: number[], w: number[], c: Case): number[] {
  const { length, channels, filters, kernel } = c;
  const { stride = 1, dilation = 1, groups = 1, padding = "valid" } = c;
  const span = (kernel - 1) * dilation + 1;
  const count =
    padding === "valid" ? Math.floor((length - span) / stride) + 1 : Math.ceil(length / stride);
  const missing = Math.max((count - 1) * stride + span - length, 0);
  const before = { valid: 0, causal: span - 1, same: Math.floor(missing / 2) }[padding];
  const depth = channels / groups;
  const y: number[] = [];
  for (let p = 0; p < count; p++) {
    for (let o = 0; o < filters; o++) {
      const group = Math.floor(o / (filters / groups));
      let sum = 0;
      for (let k = 0; k < kernel; k++) {
        const at = p * stride + k * dilation - before;
        if (at < 0 || at >= length) continue;
        for (let d = 0; d < depth; d++) {
          sum += x[at * channels + group * depth + d]! * w[(k * depth + d) * filters + o]!;
        }
      }
      y.push(sum);
    }
  }
  return y;
}

const options = (c: Case): string =>
  [
    `strides = ${c.stride ?? 1}`,
    `dilation_rate = ${c.dilation ?? 1}`,
    `padding = "${c.padding ?? "valid"}"`,
  ].join(", ");

const base = { length: 7, channels: 4, filters: 2, kernel: 3 };

describe("Conv1D", () => {
  const cases: readonly Case[] = [
    base,
    { ...base, stride: 2, padding: "same" },
    { ...base, stride: 3, padding: "same" },
    { ...base, dilation: 2, padding: "same" },
    { ...base, dilation: 3, padding: "causal" },
    { ...base, groups: 2 },
    { ...base, kernel: 2, filters: 4, groups: 4, stride: 2, padding: "same" },
  ];
  it.each(cases)("%o", (c) => {
    const groups = c.groups ?? 1;
    const x = numbers(c.length * c.channels);
    const w = numbers((c.kernel * c.channels * c.filters) / groups, 2);
    const layer = `Conv1D(${c.filters}, ${c.kernel}, ${options(c)}, groups = ${groups}, use_bias = false)`;
    const inputs = { x: `f32[N, ${c.length}, ${c.channels}]` };
    const found = valuesOf(inputs, `x |> ${layer}`, { x }, 1, { "conv1d/kernel": w });
    expect(found).toEqual(convolved(x, w, c));
    checkLayer(inputs, `x |> ${layer}`, 1);
  });

  it("adds its bias and applies its activation", () => {
    const params = { "conv1d/kernel": [1, -1], "conv1d/bias": [0.5, 0.25] };
    const found = valuesOf(
      { x: "f32[N, 2, 1]" },
      'x |> Conv1D(2, 1, activation = "relu")',
      { x: [1, -2] },
      1,
      params,
    );
    expect(found).toEqual([1.5, 0, 0, 2.25]);
  });
});

/** What each element of x adds to y, which is cut to what padding leaves. */
function spread(x: number[], w: number[], c: Case, count: number, before: number): number[] {
  const { length, channels, filters, kernel, stride = 1, dilation = 1 } = c;
  const y = new Array<number>(count * filters).fill(0);
  for (let i = 0; i < length; i++) {
    for (let k = 0; k < kernel; k++) {
      const at = i * stride + k * dilation - before;
      if (at < 0 || at >= count) continue;
      for (let o = 0; o < filters; o++) {
        for (let d = 0; d < channels; d++) {
          y[at * filters + o]! += x[i * channels + d]! * w[(k * filters + o) * channels + d]!;
        }
      }
    }
  }
  return y;
}

describe("Conv1DTranspose", () => {
  // Lengths and the cells cut off in front as Keras computes them.
  it.each([
    [{ ...base, stride: 2 }, "", 15, 0],
    [{ ...base, stride: 4 }, "", 28, 0],
    [{ ...base, stride: 2, padding: "same" as const }, "", 14, 0],
    [{ ...base, padding: "same" as const }, "", 7, 1],
    [{ ...base, kernel: 4, stride: 2, padding: "same" as const }, "", 14, 1],
    [{ ...base, stride: 2, padding: "same" as const }, ", output_padding = 1", 14, 0],
    [{ ...base, kernel: 5, stride: 2, padding: "same" as const }, ", output_padding = 0", 13, 2],
    [{ ...base, stride: 3 }, ", output_padding = 2", 23, 0],
    [{ ...base, dilation: 2 }, "", 11, 0],
  ] as const)("%o%s", (c, more, count, before) => {
    const x = numbers(c.length * c.channels);
    const w = numbers(c.kernel * c.channels * c.filters, 2);
    const layer = `Conv1DTranspose(${c.filters}, ${c.kernel}, ${options(c)}${more}, use_bias = false)`;
    const inputs = { x: `f32[N, ${c.length}, ${c.channels}]` };
    const found = valuesOf(inputs, `x |> ${layer}`, { x }, 1, { "conv1d_transpose/kernel": w });
    expect(found).toEqual(spread(x, w, c, count, before));
    checkLayer(inputs, `x |> ${layer}`, 1);
  });
});

describe("images and volumes", () => {
  const image = { x: "f32[N, 5, 6, 2]" };

  it.each([
    [image, "Conv2D(3, (3, 2), (2, 1))", "[N, 2, 5, 3]"],
    [image, 'Conv2D(3, 3, padding = "same")', "[N, 5, 6, 3]"],
    [image, 'Convolution2D(3, 2, data_format = "channels_first")', "[N, 3, 5, 1]"],
    [image, "Conv2DTranspose(3, 3, strides = (2, 1))", "[N, 11, 8, 3]"],
    [image, 'Conv2DTranspose(3, 2, 2, "same", data_format = "channels_first")', "[N, 3, 12, 4]"],
    [image, "DepthwiseConv2D(2, depth_multiplier = 3)", "[N, 4, 5, 6]"],
    [image, 'SeparableConv2D(4, 3, strides = 2, padding = "same")', "[N, 3, 3, 4]"],
    [{ x: "f32[N, 4, 3, 5, 2]" }, "Conv3D(2, 2, (1, 1, 2))", "[N, 3, 2, 2, 2]"],
    [{ x: "f32[N, 2, 3, 2, 2]" }, "Conv3DTranspose(2, 2, 2)", "[N, 4, 6, 4, 2]"],
    [{ x: "f32[N, 5, 2]" }, 'DepthwiseConv1D(3, strides = 2, padding = "same")', "[N, 3, 2]"],
    [{ x: "f32[N, 5, 2]" }, "SeparableConvolution1D(4, 3)", "[N, 3, 4]"],
  ] as const)("%o %s is %s", (inputs, layer, shape) => {
    expect(shapeOf(inputs, `x |> ${layer}`)).toBe(shape);
    checkLayer(inputs, `x |> ${layer}`, 2);
  });

  it("a plane is what its rows and columns are", () => {
    const [rows, columns] = [numbers(3), numbers(2, 4)];
    const kernel = rows.flatMap((r) => columns.map((c) => r * c));
    const x = numbers(30, 3);
    const found = valuesOf(
      { x: "f32[N, 5, 6, 1]" },
      "x |> Conv2D(1, (3, 2), use_bias = false)",
      { x },
      1,
      { "conv2d/kernel": kernel },
    );
    const across = Array.from({ length: 5 }, (_, i) =>
      convolved(x.slice(i * 6, i * 6 + 6), columns, {
        length: 6,
        channels: 1,
        filters: 1,
        kernel: 2,
      }),
    );
    const expected = [0, 1, 2].flatMap((i) =>
      across[0]!.map((_, j) => rows.reduce((sum, r, k) => sum + r * across[i + k]![j]!, 0)),
    );
    expect(found).toEqual(expected);
  });

  it("depthwise kernels belong to channels", () => {
    const params = { "depthwise_conv1d/kernel": [1, 10, 2, 20] };
    const layer = "DepthwiseConv1D(1, depth_multiplier = 2, use_bias = false)";
    const found = valuesOf({ x: "f32[N, 1, 2]" }, `x |> ${layer}`, { x: [3, 4] }, 1, params);
    expect(found).toEqual([3, 30, 8, 80]);
  });

  it("separable ones mix channels after", () => {
    const params = {
      "separable_conv1d/depthwise_kernel": [1, 2],
      "separable_conv1d/pointwise_kernel": [1, 10, 100, 1000],
    };
    const layer = "SeparableConv1D(2, 1, use_bias = false)";
    const found = valuesOf({ x: "f32[N, 1, 2]" }, `x |> ${layer}`, { x: [3, 4] }, 1, params);
    expect(found).toEqual([803, 8030]);
  });
});

it.each([
  ["Conv2D(3, 3, groups = 2)", "the number of filters is a multiple of groups"],
  ["Conv2D(4, 3, groups = 3)", "the number of channels is a multiple of groups"],
  ['Conv2D(3, 3, padding = "causal")', "only Conv1D has causal padding"],
  ['Conv2D(3, 3, padding = "full")', "padding is valid, same or, in one dimension, causal"],
  ["Conv2D(3, 9)", "windows are larger than what they slide over"],
  ["Conv2D(3, (3, 3, 3))", "a list of sizes has one number for each spatial dimension"],
  ["Conv2D(3, 3, strides = 0)", "strides are positive"],
  ['Conv2D(3, 3, data_format = "last")', "data_format is channels_last or channels_first"],
  ["Conv1D(3, 3)", "a convolution takes the batch, its spatial dimensions and channels"],
  [
    "Conv2DTranspose(3, 3, 2, dilation_rate = 2)",
    "a transposed convolution takes strides or dilation_rate, not both",
  ],
  ["Conv2DTranspose(3, 3, output_padding = 1)", "output_padding is less than strides"],
  ["DepthwiseConv2D(3, depth_multiplier = 0)", "depth_multiplier is positive"],
])("%s: %s", (layer, message) => {
  expect(faultsOf({ x: "f32[N, 5, 6, 2]" }, `x |> ${layer}`)).toContain(message);
});
