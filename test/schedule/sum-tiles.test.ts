/** Sums of neighbouring points that one loop adds up side by side, as of a depthwise convolution and its derivatives. */

import { describe, expect, test } from "vitest";
import {
  type Affine,
  addAffine,
  axisAffine,
  offsetAffine,
  scaleAffine,
  subtractAffine,
} from "../../compiler/graph/affine.ts";
import { always, and, inRange, nonnegative } from "../../compiler/graph/condition.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { batchExtent, type Extent, elementsAt, fixed } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Graph } from "../../compiler/graph/node.ts";
import { printKernel } from "../../compiler/kernel/print.ts";
import { baselineCpu } from "../../compiler/targets/cpu/description.ts";
import { thisCpu } from "../targets/run-kernels.ts";
import { randomNumbers } from "./contraction-cases.ts";
import { expectClose } from "./expect-close.ts";
import { runGraph } from "./run-program.ts";
import { scheduleCase } from "./schedule-case.ts";

const batchMax = 2;

interface Sizes {
  /** Places of the output along each of two axes. */
  readonly places: readonly [number, number];
  readonly taps: readonly [number, number];
  readonly channels: number;
  readonly stride: number;
  /** Whether windows reach beyond the input by one place. */
  readonly padded: boolean;
  /** Whether the derivative by the output, where taps are summed for, is one number for all channels. */
  readonly isSingle?: boolean;
}

type Axes = readonly [Affine, Affine];

/**
 * y[n, p, q, c] = Σ x[n, s·p + a − o, s·q + b − o, c]·w[a, b, c], or of the same products for each tap the sum over places,
 * where o is 1 if windows reach beyond the input.
 */
function depthwise(
  of: "places" | "taps",
  { places, taps, channels, stride, padded, isSingle = false }: Sizes,
) {
  const context = new GraphContext();
  const beyond = padded ? 1 : 0;
  const size = (i: 0 | 1) => fixed(stride * (places[i] - 1) + taps[i] - 2 * beyond);
  const [n, c] = [batchExtent, fixed(channels)];
  const [height, width] = [size(0), size(1)];
  const inputs = [n, height, width, c];
  const [outputs, kernel] = [places.map(fixed), taps.map(fixed)];
  const isOfPlaces = of === "places";
  const x = context.leaf("param", "x", "f32", inputs);
  const last = isSingle ? [] : [c];
  const shape = isOfPlaces ? [...kernel, c] : [n, ...outputs, ...last];
  const other = context.leaf("param", "y", "f32", shape);
  const [first, second]: readonly Axes[] = [
    [axisAffine(1), axisAffine(2)],
    [axisAffine(4), axisAffine(5)],
  ];
  const [place, tap] = isOfPlaces ? [first!, second!] : [second!, first!];
  const at = (i: 0 | 1) => offsetAffine(addAffine(scaleAffine(place[i], stride), tap[i]), -beyond);
  const channel = axisAffine(3);
  const otherIndex = isOfPlaces
    ? [...tap, channel]
    : [axisAffine(0), ...place, ...last.map(() => channel)];
  const sum = context.compute({
    parallel: [n, ...(isOfPlaces ? outputs : kernel), c],
    reduction: isOfPlaces ? kernel : outputs,
    where: padded ? and(inRange(at(0), height), inRange(at(1), width)) : always,
    reducer: "sum",
    body: context.call(
      "multiply",
      context.load(x, [axisAffine(0), at(0), at(1), channel]),
      context.load(other, otherIndex),
    ),
  });
  const results = [{ name: "sum", value: sum.values[0]! }];
  const graph: Graph = { name: "depthwise", batchMax, results, assignments: [] };
  const shapes = new Map([
    ["x", x.shape],
    ["y", other.shape],
  ]);
  const leaf = (_role: string, path: string) =>
    randomNumbers(path, elementsAt(shapes.get(path)!, batchMax));
  return { context, graph, leaf };
}

function kernelOf(of: "places" | "taps", sizes: Sizes): string {
  const target = { ...baselineCpu("x64"), vectorLanes: 4 };
  const { program } = scheduleCase(depthwise(of, sizes), target, true);
  return program.module.functions[0]!.launches.map(({ kernel }) => printKernel(kernel)).join("\n");
}

const loopsOf = (kernel: string): readonly string[] =>
  kernel
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line.startsWith("loop"));

test("all taps of a place are added up while what they share is in a register", () => {
  const sizes: Sizes = { places: [1, 9], taps: [1, 2], channels: 8, stride: 1, padded: false };
  expect(kernelOf("taps", sizes)).toMatchInlineSnapshot(`
    "kernel sum(x: read f32[160], y: read f32[144], sum_5: write f32[32]) tasks 1
      loop row = 0 .. n step 1
        loop row_2 = 0 .. 1 step 1
          loop i = 0 .. 8 step 8
            mutable sum: f32x4 = 0.0x4
            mutable sum_2: f32x4 = 0.0x4
            mutable sum_3: f32x4 = 0.0x4
            mutable sum_4: f32x4 = 0.0x4
            loop k = 0 .. 9 step 1
              let x_2: f32x4 = load(x[add(add(add(multiply(row, 80), multiply(row_2, 80)), multiply(k, 8)), i)], f32x4)
              let y_2: f32x4 = load(y[add(add(multiply(row, 72), multiply(k, 8)), i)], f32x4)
              let multiply: f32x4 = multiply.f(x_2, y_2)
              let add: f32x4 = add.f(sum, multiply)
              sum = add
              let x_3: f32x4 = load(x[add(add(add(multiply(row, 80), multiply(row_2, 80)), multiply(k, 8)), add(i, 4))], f32x4)
              let y_3: f32x4 = load(y[add(add(multiply(row, 72), multiply(k, 8)), add(i, 4))], f32x4)
              let multiply_2: f32x4 = multiply.f(x_3, y_3)
              let add_2: f32x4 = add.f(sum_2, multiply_2)
              sum_2 = add_2
              let x_4: f32x4 = load(x[add(add(add(add(multiply(row, 80), multiply(row_2, 80)), 8), multiply(k, 8)), i)], f32x4)
              let y_4: f32x4 = load(y[add(add(multiply(row, 72), multiply(k, 8)), i)], f32x4)
              let multiply_3: f32x4 = multiply.f(x_4, y_4)
              let add_3: f32x4 = add.f(sum_3, multiply_3)
              sum_3 = add_3
              let x_5: f32x4 = load(x[add(add(add(add(multiply(row, 80), multiply(row_2, 80)), 8), multiply(k, 8)), add(i, 4))], f32x4)
              let y_5: f32x4 = load(y[add(add(multiply(row, 72), multiply(k, 8)), add(i, 4))], f32x4)
              let multiply_4: f32x4 = multiply.f(x_5, y_5)
              let add_4: f32x4 = add.f(sum_4, multiply_4)
              sum_4 = add_4
            sum_5[add(add(multiply(row, 16), multiply(row_2, 16)), i)] = sum
            sum_5[add(add(multiply(row, 16), multiply(row_2, 16)), add(i, 4))] = sum_2
            sum_5[add(add(add(multiply(row, 16), multiply(row_2, 16)), 8), i)] = sum_3
            sum_5[add(add(add(multiply(row, 16), multiply(row_2, 16)), 8), add(i, 4))] = sum_4"
  `);
});

test("taps of a convolution to one channel are added up so, too", async () => {
  const sizes = { places: [9, 9], taps: [3, 3], channels: 4, stride: 1, isSingle: true } as const;
  expect(loopsOf(kernelOf("taps", { ...sizes, padded: false }))).toMatchInlineSnapshot(`
    [
      "loop row = 0 .. n step 1",
      "loop i = 0 .. 4 step 4",
      "loop k = 0 .. 9 step 1",
      "loop k_2 = 0 .. 9 step 1",
    ]
  `);
  for (const padded of [false, true]) {
    for (const channels of [4, 16, 21]) {
      const given = depthwise("taps", { ...sizes, channels, padded });
      const n = batchMax;
      const wanted = interpret(given.graph, { ...given, n }).results.get("sum")!;
      const actual = await runGraph({ ...given, n }, { cpu: thisCpu(), fusion: true });
      expectClose(actual.results.get("sum")!, wanted, "sum");
    }
  }
});

test("each run of places has the taps that do not reach beyond the input", () => {
  const sizes: Sizes = { places: [6, 6], taps: [3, 3], channels: 4, stride: 1, padded: true };
  expect(loopsOf(kernelOf("taps", sizes))).toMatchInlineSnapshot(`
    [
      "loop row = 0 .. n step 1",
      "loop i = 0 .. 4 step 4",
      "loop k = 0 .. 1 step 1",
      "loop k_2 = 0 .. 1 step 1",
      "loop k_3 = 1 .. 5 step 1",
      "loop k_4 = 5 .. 6 step 1",
      "loop k_5 = 1 .. 5 step 1",
      "loop k_6 = 0 .. 1 step 1",
      "loop k_7 = 1 .. 5 step 1",
      "loop k_8 = 5 .. 6 step 1",
      "loop k_9 = 5 .. 6 step 1",
      "loop k_10 = 0 .. 1 step 1",
      "loop k_11 = 1 .. 5 step 1",
      "loop k_12 = 5 .. 6 step 1",
    ]
  `);
});

test("neighbouring places take a weight together, as many as there are registers for", () => {
  const sizes: Sizes = { places: [3, 24], taps: [3, 3], channels: 4, stride: 1, padded: false };
  expect(loopsOf(kernelOf("places", sizes))).toMatchInlineSnapshot(`
    [
      "loop row = 0 .. n step 1",
      "loop row_2 = 0 .. 3 step 1",
      "loop i = 0 .. 24 step 12",
      "loop i_2 = 0 .. 4 step 4",
      "loop k = 0 .. 3 step 1",
      "loop k_2 = 0 .. 3 step 1",
    ]
  `);
});

test("a short row of places is one tile, each run of its taps with the places that have them", () => {
  const sizes: Sizes = { places: [6, 6], taps: [3, 3], channels: 4, stride: 1, padded: true };
  expect(loopsOf(kernelOf("places", sizes))).toMatchInlineSnapshot(`
    [
      "loop row = 0 .. n step 1",
      "loop row_2 = 0 .. 6 step 1",
      "loop i = 0 .. 4 step 4",
      "loop k = max(0, subtract(1, row_2)) .. min(3, subtract(7, row_2)) step 1",
      "loop k_2 = 0 .. 1 step 1",
      "loop k_3 = 1 .. 2 step 1",
      "loop k_4 = 2 .. 3 step 1",
    ]
  `);
});

test("a long one, whose places have other taps at its ends, is gone through one by one", () => {
  const sizes: Sizes = { places: [6, 24], taps: [3, 3], channels: 4, stride: 1, padded: true };
  expect(loopsOf(kernelOf("places", sizes))).toMatchInlineSnapshot(`
    [
      "loop row = 0 .. n step 1",
      "loop row_2 = 0 .. 6 step 1",
      "loop row_3 = 0 .. 24 step 1",
      "loop k = max(0, subtract(1, row_2)) .. min(3, subtract(7, row_2)) step 1",
      "loop k_2 = max(0, subtract(1, row_3)) .. min(3, subtract(25, row_3)) step 1",
    ]
  `);
});

describe.each(["taps", "places"] as const)(
  "sums for each of the %s are as in the interpreter",
  (of) => {
    const cases: readonly Sizes[] = [false, true].flatMap((padded) => [
      { places: [6, 6], taps: [3, 3], channels: 16, stride: 1, padded },
      { places: [5, 7], taps: [3, 5], channels: 40, stride: 2, padded },
      { places: [4, 22], taps: [2, 7], channels: 3, stride: 1, padded },
      { places: [12, 3], taps: [5, 5], channels: 33, stride: 1, padded },
    ]);

    test.each(cases)(
      "$places places, $taps taps, $channels channels, padded: $padded",
      async (sizes) => {
        const given = depthwise(of, sizes);
        for (const n of [batchMax, 1]) {
          const wanted = interpret(given.graph, { ...given, n }).results;
          for (const fusion of [false, true]) {
            const actual = await runGraph({ ...given, n }, { cpu: thisCpu(), fusion });
            for (const [name, expected] of wanted) {
              expectClose(actual.results.get(name)!, expected, name);
            }
          }
        }
      },
    );
  },
);

/** y[b, a, c] = Σ x[i + a - 1, c]·w[i, c] over the places i that have such an x, from b on. */
function boundedTwice(places: Extent) {
  const context = new GraphContext();
  const [rows, taps, channels] = [fixed(4), fixed(3), fixed(8)];
  const [b, a, c, i] = [0, 1, 2, 3].map(axisAffine) as [Affine, Affine, Affine, Affine];
  const at = offsetAffine(addAffine(i, a), -1);
  const x = context.leaf("param", "x", "f32", [places, channels]);
  const w = context.leaf("param", "w", "f32", [places, channels]);
  const sum = context.compute({
    parallel: [rows, taps, channels],
    reduction: [places],
    where: and(inRange(at, places), nonnegative(subtractAffine(i, b))),
    reducer: "sum",
    body: context.call("multiply", context.load(x, [at, c]), context.load(w, [i, c])),
  });
  const results = [{ name: "sum", value: sum.values[0]! }];
  const graph: Graph = { name: "bounded", batchMax: 9, results, assignments: [] };
  const leaf = (_role: string, path: string) => randomNumbers(path, 9 * 8);
  return { context, graph, leaf };
}

test.each([
  ["fixed", fixed(9)],
  ["of the batch", batchExtent],
])("bounds of places, %s, by other axes than that of the tile are kept as well", async (_, of) => {
  const given = boundedTwice(of);
  for (const n of [9, 5]) {
    const wanted = interpret(given.graph, { ...given, n }).results.get("sum")!;
    for (const fusion of [false, true]) {
      const actual = await runGraph({ ...given, n }, { cpu: thisCpu(), fusion });
      expectClose(actual.results.get("sum")!, wanted, "sum");
    }
  }
});
