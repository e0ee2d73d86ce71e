/** Layers that move, cut, repeat and resize. */

import { describe, expect, it } from "vitest";
import { checkLayer, faultsOf, shapeOf, valuesOf } from "./layer-checks.ts";

const six = [1, 2, 3, 4, 5, 6];
const plane = { x: "f32[N, 2, 3, 1]" };
const line = { x: "f32[N, 6, 1]" };

describe("values", () => {
  it.each([
    [plane, "Flatten", six],
    [{ x: "f32[N, 2, 3]" }, 'Flatten("channels_first")', [1, 4, 2, 5, 3, 6]],
    [{ x: "f32[N, 2, 3]" }, "Permute((2, 1))", [1, 4, 2, 5, 3, 6]],
    [{ x: "f32[N, 6]" }, "RepeatVector(2)", [...six, ...six]],
    [line, "ZeroPadding1D", [0, ...six, 0]],
    [line, "ZeroPadding1D((2, 1))", [0, 0, ...six, 0]],
    [plane, "ZeroPadding2D(((1, 0), (0, 1)))", [0, 0, 0, 0, 1, 2, 3, 0, 4, 5, 6, 0]],
    [line, "Cropping1D", [2, 3, 4, 5]],
    [line, "Cropping1D((2, 1))", [3, 4, 5]],
    [plane, "Cropping2D(((1, 0), (0, 1)))", [4, 5]],
    [plane, "Cropping2D", six],
    [{ x: "f32[N, 3, 2]" }, "UpSampling1D", [1, 2, 1, 2, 3, 4, 3, 4, 5, 6, 5, 6]],
    [plane, "UpSampling2D((1, 2))", [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]],
    [
      plane,
      'UpSampling2D((1, 2), interpolation = "bilinear")',
      [1, 1.25, 1.75, 2.25, 2.75, 3, 4, 4.25, 4.75, 5.25, 5.75, 6],
    ],
    [{ x: "f32[N, 1, 6, 1]" }, "Resizing(1, 3)", [1.5, 3.5, 5.5]],
    [{ x: "f32[N, 1, 6, 1]" }, 'Resizing(1, 3, interpolation = "nearest")', [2, 4, 6]],
    [{ x: "f32[N, 1, 6, 1]" }, "CenterCrop(1, 2)", [3, 4]],
    [{ x: "f32[N, 1, 6, 1]" }, "Resizing(1, 2, crop_to_aspect_ratio = true)", [3, 4]],
  ] as const)("%o %s", (inputs, layer, wanted) => {
    const found = valuesOf(inputs, `x |> ${layer}`, { x: six });
    expect(found.length).toBe(wanted.length);
    for (const [i, value] of wanted.entries()) expect(found[i]).toBeCloseTo(value, 12);
    checkLayer(inputs, `x |> ${layer}`);
  });
});

it.each(["bilinear", "bicubic", "lanczos3", "lanczos5"])("%s keeps what is constant", (kind) => {
  const x = new Array<number>(12).fill(3);
  const layer = `x |> UpSampling2D((3, 2), interpolation = "${kind}")`;
  const inputs = { x: "f32[N, 4, 3, 1]" };
  for (const y of valuesOf(inputs, layer, { x })) expect(y).toBeCloseTo(3, 10);
  checkLayer(inputs, layer);
});

it("bicubic weights are Keys' with a = −½", () => {
  const x = [0, 0, 0, 1, 0, 0, 0, 0];
  const layer = 'x |> UpSampling2D((1, 2), interpolation = "bicubic")';
  const found = valuesOf({ x: "f32[N, 1, 8, 1]" }, layer, { x }).slice(3, 11);
  // k(¼), k(¾), k(1¼), k(1¾) on both sides of cell 3, whose centre lies between places 6 and 7.
  const [a, b, c, d] = [0.8671875, 0.2265625, -0.0703125, -0.0234375];
  for (const [i, value] of [d, c, b, a, a, b, c, d].entries())
    expect(found[i]).toBeCloseTo(value, 12);
});

describe("shapes", () => {
  const volume = { x: "f32[N, 3, 4, 5, 2]" };
  it.each([
    [volume, "ZeroPadding3D((1, 0, 2))", "[N, 5, 4, 9, 2]"],
    [volume, "Cropping3D", "[N, 1, 2, 3, 2]"],
    [volume, 'Cropping3D((1, 1, 0), "channels_first")', "[N, 3, 2, 3, 2]"],
    [volume, "UpSampling3D((1, 2, 3))", "[N, 3, 8, 15, 2]"],
    [volume, "Reshape((12, -1))", "[N, 12, 10]"],
    [volume, "Permute((4, 1, 3, 2))", "[N, 2, 3, 5, 4]"],
    [{ x: "f32[N, 2, 3, 4]" }, 'UpSampling2D(2, "channels_first")', "[N, 2, 6, 8]"],
    [{ x: "f32[N, 2, 3, 4]" }, "CenterCrop(4, 4)", "[N, 4, 4, 4]"],
  ] as const)("%o %s is %s", (inputs, layer, shape) => {
    expect(shapeOf(inputs, `x |> ${layer}`)).toBe(shape);
    checkLayer(inputs, `x |> ${layer}`, 1);
  });
});

it.each([
  ["ZeroPadding2D((-1, 0))", "padding is not negative"],
  ["Cropping2D(1)", "something is left of each dimension"],
  [
    "ZeroPadding2D((1, 1, 1))",
    "a list has one number, or a pair of numbers, for each spatial dimension",
  ],
  [
    'UpSampling2D(2, interpolation = "area")',
    "interpolation is nearest, bilinear, bicubic, lanczos3 or lanczos5",
  ],
  ["Permute((1, 2))", "dims names all dimensions but the batch"],
])("%s: %s", (layer, message) => {
  expect(faultsOf(plane, `x |> ${layer}`)).toContain(message);
});
