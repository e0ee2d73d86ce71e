/** Image augmentation: what each layer makes of images in training, where its factor leaves no choice, and what it may make. */

import { describe, expect, it, test } from "vitest";
import { lowerSound } from "../semantics/lowering.ts";
import { run } from "../semantics/run-program.ts";
import { faultsOf, valuesOf } from "./layer-checks.ts";

type Size = readonly [height: number, width: number, channels: number];

/** The images that a layer makes of `n` of them in training: what a state is given. */
function trained(
  layer: string,
  x: readonly number[],
  [h, w, c]: Size,
  made: Size = [h, w, c],
  n = 1,
): number[] {
  const program = lowerSound(`
layer Seen()(x) {
  state images: f32[N, ${made.join(", ")}] = zeros
  if training {
    images <- x
  }
  return x
}
model M {
  input x: f32[N, ${h}, ${w}, ${c}]
  output y = x |> ${layer} |> Seen |> Flatten |> Dense(1)
}
data d {
  train {
    x: f32[${h}, ${w}, ${c}] = npy("x.npy")
  }
}
train M on d {
  loss mean(y)
  optimizer SGD()
}`);
  const images = Array.from({ length: n }, () => x).flat();
  const { assigned } = run(program, program.training!.train, { x: images }, { n });
  const [, seen] = Object.entries(assigned).find(([path]) => path.endsWith("/images"))!;
  return seen.slice(0, n * made.reduce((count, extent) => count * extent));
}

const size: Size = [3, 4, 2];
const [height, width, channels] = size;
const image = Array.from({ length: height * width * channels }, (_, i) => 10 + ((i * 7) % 24));
const cells = Array.from({ length: height * width }, (_, i) => i);

/** The image whose cells are read elsewhere, each at the index of a cell, or filled. */
const movedTo = (from: (row: number, column: number) => number | undefined, fill = 0): number[] =>
  cells.flatMap((cell) => {
    const at = from(Math.floor(cell / width), cell % width);
    const pixel = (c: number) => (at === undefined ? fill : image[at * channels + c]!);
    return Array.from({ length: channels }, (_, c) => pixel(c));
  });
const at = (row: number, column: number) => row * width + column;

function expectImage(found: readonly number[], wanted: readonly number[]): void {
  expect(found).toHaveLength(wanted.length);
  for (const [i, value] of wanted.entries()) expect(found[i]).toBeCloseTo(value, 5);
}

describe("images moved by whole cells", () => {
  const third = 1 / 3;
  const down = (fill_mode: string) =>
    trained(
      `RandomTranslation([${third}, ${third}], [-0.25, -0.25], fill_mode = "${fill_mode}", fill_value = 5)`,
      image,
      size,
    );

  it("are filled with a number, the cells at the edge, those before it, or those at the other end", () => {
    const inside = (row: number, column: number) =>
      row >= 1 && column < width - 1 ? at(row - 1, column + 1) : undefined;
    expectImage(down("constant"), movedTo(inside, 5));
    const clip = (i: number, n: number) => Math.min(Math.max(i, 0), n - 1);
    const edge = (row: number, column: number) =>
      at(clip(row - 1, height), clip(column + 1, width));
    expectImage(down("nearest"), movedTo(edge));
    // One cell beyond the edge the mirror shows the one at it.
    expectImage(down("reflect"), movedTo(edge));
    const other = (row: number, column: number) =>
      at((row + height - 1) % height, (column + 1) % width);
    expectImage(down("wrap"), movedTo(other));
  });

  it("by many go back and forth between mirrors", () => {
    const found = trained("RandomTranslation([0, 0], [1, 1])", image, size);
    expectImage(
      found,
      movedTo((row, column) => at(row, width - 1 - column)),
    );
  });

  it("turn counterclockwise about their middle", () => {
    const square: Size = [3, 3, 1];
    const x = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    expectImage(trained("RandomRotation([0.25, 0.25])", x, square), [3, 6, 9, 2, 5, 8, 1, 4, 7]);
    expectImage(
      trained('RandomRotation([0.5, 0.5], interpolation = "nearest")', x, square),
      x.toReversed(),
    );
  });

  it("are in channels first where that is said", () => {
    const x = [1, 2, 3, 4, 5, 6, 7, 8];
    const found = trained(
      'RandomTranslation([0, 0], [0.5, 0.5], fill_mode = "wrap", data_format = "channels_first")',
      x,
      [2, 2, 2],
    );
    expectImage(found, [2, 1, 4, 3, 6, 5, 8, 7]);
  });
});

test("between cells an image is read in proportion", () => {
  const row: Size = [1, 4, 1];
  const half = trained(
    'RandomTranslation([0, 0], [0.125, 0.125], fill_mode = "constant", fill_value = 2)',
    [4, 8, 6, 10],
    row,
  );
  expectImage(half, [3, 6, 7, 8]);
  // Twice as wide: from −1.5 on in steps of two, mirrored.
  expectImage(
    trained("RandomZoom([1, 1])", [4, 8, 6, 10], row),
    [6, 4, 10, 8].map((_, i) => [6, 6, 8, 8][i]!),
  );
  expectImage(trained("RandomShear(x_factor = [0, 0])", [4, 8, 6, 10], row), [4, 8, 6, 10]);
});

test("sheared images are shifted by row, to either side", () => {
  const x = [1, 2, 3, 4, 5, 6];
  const found = trained('RandomShear(x_factor = [1, 1], fill_mode = "wrap")', x, [2, 3, 1]);
  expect([
    [1, 2, 3, 5, 6, 4],
    [1, 2, 3, 6, 4, 5],
  ]).toContainEqual(found.map((value) => Math.round(value * 1e4) / 1e4));
});

/** What a layer makes of many images that are the same. */
function several(layer: string): readonly string[] {
  const count = 24;
  const made = trained(layer, image, size, size, count);
  return Array.from({ length: count }, (_, i) =>
    made.slice(i * image.length, (i + 1) * image.length).join(),
  );
}

describe("images flipped, one in two", () => {
  const same = image.join();
  const flips = {
    horizontal: movedTo((row, column) => at(row, width - 1 - column)),
    vertical: movedTo((row, column) => at(height - 1 - row, column)),
    horizontal_and_vertical: movedTo((row, column) => at(height - 1 - row, width - 1 - column)),
  };
  it.each(Object.entries(flips))("%s", (mode, flipped) => {
    expect(new Set(several(`RandomFlip("${mode}")`))).toEqual(new Set([same, flipped.join()]));
  });
});

describe("colors", () => {
  const rgb: Size = [1, 2, 3];
  const x = [60, 80, 90, 180, 160, 170];
  const gray = [0, 3].map((i) => 0.2989 * x[i]! + 0.587 * x[i + 1]! + 0.114 * x[i + 2]!);
  it.each([
    ["RandomBrightness([0.1, 0.1])", x.map((v) => Math.min(v + 25.5, 255))],
    [
      "RandomBrightness([-0.5, -0.5], value_range = [0, 100])",
      x.map((v) => Math.min(Math.max(v - 50, 0), 100)),
    ],
    ["RandomContrast([0.5, 0.5])", undefined],
    ["RandomGrayscale(1)", [gray[0], gray[0], gray[0], gray[1], gray[1], gray[1]]],
    ["RandomGrayscale(0)", x],
    ["RandomColorDegeneration([0.5, 0.5])", x.map((v, i) => (v + gray[Math.floor(i / 3)]!) / 2)],
    ["RandomInvert([1, 1])", x.map((v) => 255 - v)],
    ["RandomInvert([0, 0], value_range = [0, 1])", x],
  ])("%s", (layer, wanted) => {
    const found = trained(layer, x, rgb);
    if (wanted !== undefined) return expectImage(found, wanted as number[]);
    // Both cells of a channel are as far from their mean, by one factor from 0.5 to 1.5, within 0 to 255.
    const spread = (found[3]! - found[0]!) / 120;
    expect(spread).toBeGreaterThan(0.5);
    expect(spread).toBeLessThan(1.5);
    expect(found[4]! - found[1]!).toBeCloseTo(80 * spread, 4);
  });
});

test("a part that is erased is a rectangle of one color, or of noise", () => {
  const x = Array.from({ length: 36 }, (_, i) => i + 1);
  const found = trained("RandomErasing(scale = [0.25, 0.25], fill_value = 0)", x, [6, 6, 1]);
  const erased = cells36.filter((i) => found[i] === 0);
  expect(erased).toHaveLength(9);
  const rows = new Set(erased.map((i) => Math.floor(i / 6)));
  const columns = new Set(erased.map((i) => i % 6));
  expect([rows.size, columns.size]).toEqual([3, 3]);
  const noise = trained("RandomErasing(scale = [1, 1])", x, [6, 6, 1]);
  expect(noise.every((value) => value >= 0 && value <= 255)).toBe(true);
  expect(new Set(noise).size).toBeGreaterThan(10);
  expectImage(trained("RandomErasing(factor = [0, 0])", x, [6, 6, 1]), x);
});
const cells36 = Array.from({ length: 36 }, (_, i) => i);

test("a crop is a part of the image in training, and else its middle, resized", () => {
  const found = trained("RandomCrop(2, 2)", image, size, [2, 2, channels]);
  const parts = cells.map((cell) => {
    const [row, column] = [Math.floor(cell / width), cell % width];
    if (row > height - 2 || column > width - 2) return "";
    const there = [
      at(row, column),
      at(row, column + 1),
      at(row + 1, column),
      at(row + 1, column + 1),
    ];
    return there.flatMap((i) => image.slice(i * channels, (i + 1) * channels)).join();
  });
  expect(parts).toContain(found.join());
  const inputs = { x: "f32[N, 2, 4, 1]" };
  expect(valuesOf(inputs, "x |> RandomCrop(2, 2)", { x: [1, 2, 3, 4, 5, 6, 7, 8] })).toEqual([
    2, 3, 6, 7,
  ]);
});

test("nothing is done outside of training, but that images become floats", () => {
  for (const layer of [
    "RandomFlip",
    "RandomTranslation(0.2, 0.2)",
    "RandomRotation(0.2)",
    "RandomZoom(0.2)",
    "RandomShear(0.2)",
    "RandomErasing",
    "RandomBrightness(0.2)",
    "RandomContrast(0.2)",
    "RandomGrayscale",
    "RandomColorDegeneration(0.2)",
    "RandomInvert",
  ]) {
    const inputs = { x: "u8[N, 4, 2, 3]" };
    expect(valuesOf(inputs, `x |> ${layer}`, { x: image })).toEqual(image);
  }
});

describe("what is refused", () => {
  const inputs = { x: "f32[N, 3, 4, 2]" };
  it.each([
    ['RandomFlip("both")', "mode is horizontal, vertical or horizontal_and_vertical"],
    ["RandomRotation(2.0)", "factors lie between low and high"],
    ["RandomTranslation([0.1, 0.2, 0.3], 0.1)", "a factor is a number or a list of two"],
    ["RandomBrightness([-2, 1])", "factors lie between low and high"],
    [
      "RandomZoom(0.1, seed = 3)",
      "random numbers come from the seed of the train block; a layer's own means nothing",
    ],
    ["RandomCrop(0, 2)", "height and width are positive"],
  ])("%s", (layer, message) => {
    expect(faultsOf(inputs, `x |> ${layer}`)).toEqual([message]);
  });
  it("a batch of rows", () => {
    expect(faultsOf({ x: "f32[N, 3]" }, "x |> RandomFlip")).toEqual([
      "images are augmented in batches, of shape [N, H, W, C]",
    ]);
  });
});
