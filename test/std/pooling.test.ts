/** Pooling against windows written out, over strides, paddings, sizes that do not divide, and masks. */

import { describe, expect, it } from "vitest";
import { checkLayer, faultsOf, shapeOf, valuesOf } from "./layer-checks.ts";

const x = [3, -1, 4, 1, -5, 9, 2];
const line = { x: "f32[N, 7, 1]" };
const mean = (items: readonly number[]) => items.reduce((a, b) => a + b, 0) / items.length;

/** Windows of `size` cells from each start, cut to the input. */
const windows = (size: number, starts: readonly number[]): number[][] =>
  starts.map((start) => x.slice(Math.max(start, 0), Math.max(start + size, 0)));

describe("windows", () => {
  it.each([
    ["2", 2, [0, 2, 4]],
    ["3, strides = 2", 3, [0, 2, 4]],
    ['2, padding = "same"', 2, [0, 2, 4, 6]],
    ['3, strides = 2, padding = "same"', 3, [-1, 1, 3, 5]],
    ['4, strides = 3, padding = "same"', 4, [-1, 2, 5]],
  ] as const)("of %s", (given, size, starts) => {
    const parts = windows(size, starts);
    const most = parts.map((part) => Math.max(...part));
    expect(valuesOf(line, `x |> MaxPooling1D(${given})`, { x })).toEqual(most);
    expect(valuesOf(line, `x |> AveragePooling1D(${given})`, { x })).toEqual(parts.map(mean));
    checkLayer(line, `x |> MaxPooling1D(${given})`);
    checkLayer(line, `x |> AveragePooling1D(${given})`);
  });

  it.each([3, 4, 5, 7])("adapted to %i results", (count) => {
    const parts = Array.from({ length: count }, (_, p) =>
      x.slice(Math.floor((p * 7) / count), Math.ceil(((p + 1) * 7) / count)),
    );
    const layer = (kind: string) => `x |> Adaptive${kind}Pooling1D(${count})`;
    expect(valuesOf(line, layer("Max"), { x })).toEqual(parts.map((part) => Math.max(...part)));
    const means = valuesOf(line, layer("Average"), { x });
    for (const [i, part] of parts.entries()) expect(means[i]).toBeCloseTo(mean(part), 12);
    checkLayer(line, layer("Max"));
    checkLayer(line, layer("Average"));
  });
});

describe("planes and volumes", () => {
  const image = { x: "f32[N, 4, 5, 2]" };
  const volume = { x: "f32[N, 2, 4, 3, 2]" };
  it.each([
    [image, "MaxPooling2D", "[N, 2, 2, 2]"],
    [image, 'MaxPool2D((2, 3), 1, "same")', "[N, 4, 5, 2]"],
    [image, 'AvgPool2D(2, data_format = "channels_first")', "[N, 4, 2, 1]"],
    [volume, "AveragePooling3D((1, 2, 2))", "[N, 2, 2, 1, 2]"],
    [volume, 'MaxPool3D(padding = "same")', "[N, 1, 2, 2, 2]"],
    [image, "GlobalAveragePooling2D", "[N, 2]"],
    [image, "GlobalMaxPool2D(keepdims = true)", "[N, 1, 1, 2]"],
    [volume, 'GlobalAvgPool3D("channels_first")', "[N, 2]"],
    [image, "AdaptiveAveragePooling2D((3, 2))", "[N, 3, 2, 2]"],
    [volume, "AdaptiveMaxPooling3D(2)", "[N, 2, 2, 2, 2]"],
  ] as const)("%o %s is %s", (inputs, layer, shape) => {
    expect(shapeOf(inputs, `x |> ${layer}`)).toBe(shape);
    checkLayer(inputs, `x |> ${layer}`);
  });
});

describe("global pooling", () => {
  it("of all places", () => {
    expect(valuesOf(line, "x |> GlobalMaxPooling1D", { x })).toEqual([9]);
    expect(valuesOf(line, "x |> GlobalAveragePooling1D", { x })[0]).toBeCloseTo(mean(x), 12);
  });

  it("averages the steps that are real", () => {
    const rows = [1, 2, 0, 0, 5, 6, 7, 8];
    const layer = "x |> Masking |> GlobalAveragePooling1D";
    expect(valuesOf({ x: "f32[N, 4, 2]" }, layer, { x: rows })).toEqual([13 / 3, 16 / 3]);
  });
});

it.each([
  ["MaxPooling2D", "pooling takes the batch, its spatial dimensions and channels"],
  ['AveragePooling1D(2, padding = "full")', "padding is valid or same"],
  ["MaxPooling1D(8)", "windows are larger than what they slide over"],
  ["MaxPooling1D(0)", "windows and dilations are positive"],
  ["AdaptiveMaxPooling1D(0)", "output_size is positive"],
])("%s: %s", (layer, message) => {
  expect(faultsOf(line, `x |> ${layer}`)).toContain(message);
});
