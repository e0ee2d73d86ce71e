/** From strokes to the pixels that a model reads. */

import { describe, expect, test } from "vitest";
import { boundingBox, centreByMass, centreOfMass } from "../../runtime/page/image/centre.ts";
import {
  fromColumn,
  imageInput,
  inferPalette,
  toColumn,
} from "../../runtime/page/image/image-input.ts";
import { createRaster, type Raster, resample, wholeArea } from "../../runtime/page/image/raster.ts";

/** A raster with a rectangle of ink. */
function drawRectangle(
  [width, height]: readonly [number, number],
  [left, top, right, bottom]: readonly [number, number, number, number],
): Raster {
  const raster = createRaster(width, height, 1);
  for (let y = top; y < bottom; y++) raster.data.fill(1, y * width + left, y * width + right);
  return raster;
}

const mass = ({ data }: Raster) => data.reduce((sum, value) => sum + value, 0);

describe("resample", () => {
  test("takes the mean of what a pixel covers", () => {
    const source = {
      width: 4,
      height: 2,
      channels: 1,
      data: Float32Array.of(0, 1, 0, 0, 1, 1, 0, 0),
    };
    expect([...resample(source, wholeArea(source), 2, 1).data]).toEqual([0.75, 0]);
    expect([...resample(source, wholeArea(source), 1, 1).data]).toEqual([0.375]);
  });

  test("makes pixels larger where there are more of them than before", () => {
    const source = { width: 2, height: 1, channels: 1, data: Float32Array.of(1, 0) };
    expect([...resample(source, wholeArea(source), 4, 1).data]).toEqual([1, 1, 0, 0]);
    expect([...resample(source, wholeArea(source), 3, 1).data]).toEqual([1, 0.5, 0]);
  });

  test("counts nothing beyond the picture, and keeps channels apart", () => {
    const source = { width: 1, height: 1, channels: 3, data: Float32Array.of(0.25, 0.5, 1) };
    const wide = resample(source, { left: -1, top: 0, width: 2, height: 1 }, 2, 1);
    expect([...wide.data]).toEqual([0, 0, 0, 0.25, 0.5, 1]);
  });

  test("keeps the ink of a picture whose size does not divide evenly", () => {
    const source = drawRectangle([336, 336], [40, 17, 300, 291]);
    const small = resample(source, wholeArea(source), 28, 28);
    expect(mass(small) * 12 * 12).toBeCloseTo(mass(source), 0);
  });
});

describe("centreByMass", () => {
  test("fits a drawing into 20 of 28 pixels, whatever its size and place, and keeps its form", () => {
    for (const corners of [
      [10, 20, 50, 100],
      [200, 150, 330, 330],
      [0, 0, 336, 30],
    ] as const) {
      const centred = centreByMass(drawRectangle([336, 336], corners), 28, 28);
      const { x, y } = centreOfMass(centred);
      expect(x).toBeCloseTo(14, 3);
      expect(y).toBeCloseTo(14, 3);
      const [width, height] = [corners[2] - corners[0], corners[3] - corners[1]];
      const scale = 20 / Math.max(width, height);
      expect(mass(centred)).toBeCloseTo(width * height * scale * scale, 0);
    }
  });

  test("puts the centre of mass, not of the outline, into the middle", () => {
    const drawing = drawRectangle([100, 100], [40, 10, 50, 90]);
    // A foot on one side pulls the centre there.
    for (let y = 80; y < 90; y++) drawing.data.fill(1, y * 100 + 50, y * 100 + 80);
    const centred = centreByMass(drawing, 28, 28);
    const { x, y } = centreOfMass(centred);
    expect([x, y]).toEqual([expect.closeTo(14, 1), expect.closeTo(14, 1)]);
    const box = boundingBox(centred)!;
    expect(box.left + box.width / 2).toBeGreaterThan(14.5);
  });

  test("leaves an empty drawing empty", () => {
    expect(mass(centreByMass(createRaster(336, 336, 1), 28, 28))).toBe(0);
  });
});

describe("which input is an image", () => {
  const plan = (
    ...columns: readonly (readonly [
      name: string,
      dtype: "u8" | "f32" | "i32",
      shape: readonly number[],
    ])[]
  ) => ({
    columns: columns.map(([name, dtype, shape]) => ({ name, dtype, shape })),
    inputs: columns.map(([name]) => name),
  });

  test.each([
    [[28, 28], "u8", 1],
    [[28, 28, 1], "f32", 1],
    [[32, 48, 3], "u8", 3],
  ] as const)("%j of %s has %i channels", (shape, dtype, channels) => {
    const [height, width] = shape;
    expect(imageInput(plan(["x", dtype, shape]))).toEqual({
      name: "x",
      dtype,
      width,
      height,
      channels,
    });
  });

  test.each([
    ["a vector", plan(["x", "f32", [784]])],
    ["whole numbers", plan(["x", "i32", [28, 28]])],
    ["two channels", plan(["x", "f32", [28, 28, 2]])],
    ["a table", plan(["x", "f32", [50, 2]])],
    ["one of two inputs", plan(["x", "u8", [28, 28]], ["y", "f32", [3]])],
  ])("%s is none", (_what, { columns, inputs }) => {
    expect(imageInput({ columns, inputs })).toBeUndefined();
  });
});

describe("how values stand for ink", () => {
  const image = { name: "x", dtype: "u8", width: 4, height: 4, channels: 1 } as const;

  test("light strokes on dark, as MNIST has them", () => {
    const data = Uint8Array.of(0, 0, 0, 0, 0, 250, 254, 0, 0, 200, 9, 0, 0, 0, 0, 0);
    expect(inferPalette(image, data, 1)).toEqual({ maximum: 255, darkOnLight: false });
  });

  test("dark strokes on light, in floats up to 16", () => {
    const data = Float32Array.of(16, 16, 16, 16, 16, 0, 0, 16, 16, 0, 3, 16, 16, 16, 16, 16);
    const palette = inferPalette({ ...image, dtype: "f32" }, data, 1);
    expect(palette).toEqual({ maximum: 16, darkOnLight: true });
  });

  test("to a column and back", () => {
    const ink = drawRectangle([4, 4], [1, 1, 3, 3]);
    for (const darkOnLight of [false, true]) {
      const palette = { maximum: 255, darkOnLight };
      const column = toColumn(image, ink, palette);
      expect(column).toBeInstanceOf(Uint8Array);
      expect(column[0]).toBe(darkOnLight ? 255 : 0);
      expect(fromColumn(image, column, palette)).toEqual(ink);
    }
  });
});
