/**
 * Names of the library against formulas written again, with plain loops: poolings of every number of dimensions, recurrent
 * convolutions, stacked cells, penalties, constraints, and other names of the same things.
 */

import { describe, expect, test } from "vitest";
import { lowerSound } from "../semantics/lowering.ts";
import { predict, run } from "../semantics/run-program.ts";
import { checkValues, type Row } from "./value-rows.ts";

const sum = (items: readonly number[]) => items.reduce((a, b) => a + b, 0);
const mean = (items: readonly number[]) => sum(items) / items.length;
const { exp, max, min, sqrt } = Math;
const clip = (x: number, low: number, high: number) => min(max(x, low), high);
const sigmoid = (x: number) => 1 / (1 + exp(-x));

// Poolings over any number of dimensions, channels last.

interface Image {
  readonly sizes: readonly number[];
  readonly channels: number;
}

const places = (sizes: readonly number[]): number[][] =>
  sizes.reduce<number[][]>(
    (outer, size) => outer.flatMap((at) => Array.from({ length: size }, (_, i) => [...at, i])),
    [[]],
  );

const offset = (at: readonly number[], sizes: readonly number[]) =>
  at.reduce((index, place, i) => index * sizes[i]! + place, 0);

/** What windows from `from(p)` to `to(p)` of each axis hold, reduced. */
function pooled(
  x: readonly number[],
  { sizes, channels }: Image,
  counts: readonly number[],
  window: (p: number, axis: number) => readonly [from: number, to: number],
  reduce: (items: readonly number[]) => number,
): number[] {
  return places(counts).flatMap((p) => {
    const bounds = p.map((place, axis) => window(place, axis));
    const inside = places(bounds.map(([from, to]) => to - from)).map((k) =>
      k.map((step, axis) => bounds[axis]![0] + step),
    );
    return Array.from({ length: channels }, (_, c) =>
      reduce(inside.map((at) => x[offset(at, sizes) * channels + c]!)),
    );
  });
}

describe.each([1, 2, 3])("poolings of %d dimensions", (d) => {
  const image = { sizes: [5, 4, 3].slice(0, d), channels: 2 };
  const count = image.sizes.reduce((a, b) => a * b, 2);
  const x = Array.from({ length: count }, (_, i) => Math.sin(3 * i + 1) * 5);
  const largest = (items: readonly number[]) => max(...items);
  const average = ["AveragePooling", "AvgPool"];
  const most = ["MaxPooling", "MaxPool"];
  const ways = [
    ...average.map((name) => [name, mean] as const),
    ...most.map((name) => [name, largest] as const),
  ];

  test("windows, adapted windows and all places", () => {
    const valid = image.sizes.map((size) => Math.floor((size - 2) / 1) + 1);
    const same = image.sizes.map((size) => Math.ceil(size / 2));
    const sameWindow = (p: number, axis: number) => {
      const size = image.sizes[axis]!;
      const padding = max((same[axis]! - 1) * 2 + 3 - size, 0);
      const from = p * 2 - Math.floor(padding / 2);
      return [max(from, 0), min(from + 3, size)] as const;
    };
    const adapted = image.sizes.map(() => 2);
    const adaptedWindow = (p: number, axis: number) => {
      const size = image.sizes[axis]!;
      return [Math.floor((p * size) / 2), Math.ceil(((p + 1) * size) / 2)] as const;
    };
    const whole = (_: number, axis: number) => [0, image.sizes[axis]!] as const;
    const ones = image.sizes.map(() => 1);
    const rows = ways.flatMap(([name, reduce]): Row[] => {
      const isFull = name.endsWith("Pooling");
      const global = `Global${name}${d}D`;
      return [
        [`x |> ${name}${d}D(2, strides = 1)`, pooled(x, image, valid, (p) => [p, p + 2], reduce)],
        [
          `x |> ${name}${d}D(3, strides = 2, padding = "same")`,
          pooled(x, image, same, sameWindow, reduce),
        ],
        [`x |> ${global}`, pooled(x, image, ones, whole, reduce)],
        [`x |> ${global}(keepdims = true)`, pooled(x, image, ones, whole, reduce)],
        ...(isFull
          ? [
              [
                `x |> Adaptive${name}${d}D(2)`,
                pooled(x, image, adapted, adaptedWindow, reduce),
              ] as const,
            ]
          : []),
      ];
    });
    checkValues({ x: `f32[N, ${image.sizes.join(", ")}, 2]` }, { x }, 1, rows);
  });
});

// Recurrent convolutions, stacked cells, penalties, constraints, initializers and other names of the same things.

/** Σ over the window and channels of x · kernel, for every output, without padding; kernels are [sizes, in, out]. */
function convolved(
  x: readonly number[],
  { sizes, channels }: Image,
  kernel: readonly number[],
  window: readonly number[],
  filters: number,
): number[] {
  const counts = sizes.map((size, i) => size - window[i]! + 1);
  return places(counts).flatMap((p) =>
    Array.from({ length: filters }, (_, o) =>
      sum(
        places(window).flatMap((k) =>
          Array.from({ length: channels }, (_, c) => {
            const at = p.map((place, axis) => place + k[axis]!);
            const weight = kernel[(offset(k, window) * channels + c) * filters + o]!;
            return x[offset(at, sizes) * channels + c]! * weight;
          }),
        ),
      ),
    ),
  );
}

describe.each([1, 2, 3])("ConvLSTM%dD", (d) => {
  test("is an LSTM whose products are convolutions", () => {
    const sizes = [4, 3, 3].slice(0, d);
    const window = sizes.map(() => 2);
    const cells = sizes.map((size) => size - 1).reduce((a, b) => a * b, 1);
    const steps = 2;
    const pixels = sizes.reduce((a, b) => a * b, 1);
    const x = Array.from({ length: steps * pixels }, (_, i) => Math.sin(2 * i + 1));
    const taps = 2 ** d;
    const kernel = Array.from({ length: taps * 4 }, (_, i) => Math.cos(3 * i));
    const own = Array.from({ length: 4 }, (_, i) => 0.3 * Math.cos(i));
    const bias = [0.1, -0.2, 0.3, 0.4];
    // The state is convolved by windows of one cell: padding would only add zeros to look at.
    let h = Array.from({ length: cells }, () => 0);
    let c = h;
    for (let t = 0; t < steps; t++) {
      const frame = x.slice(t * pixels, (t + 1) * pixels);
      const z = convolved(frame, { sizes, channels: 1 }, kernel, window, 4);
      const gates = h.map((state, i) =>
        [0, 1, 2, 3].map((g) => z[4 * i + g]! + bias[g]! + state * own[g]!),
      );
      c = c.map(
        (cell, i) =>
          sigmoid(gates[i]![1]!) * cell + sigmoid(gates[i]![0]!) * Math.tanh(gates[i]![2]!),
      );
      h = c.map((cell, i) => sigmoid(gates[i]![3]!) * Math.tanh(cell));
    }
    // Only the middle of the recurrent kernel is not zero.
    const middle = places(window).findIndex((k) => k.every((place) => place === 0));
    const recurrent = Array.from({ length: taps * 4 }, (_, i) =>
      Math.floor(i / 4) === middle ? own[i % 4]! : 0,
    );
    const layer = `conv_lstm${d}d`;
    const text = `model M {
  input x: f32[N, ${steps}, ${sizes.join(", ")}, 1]
  output y = x |> ConvLSTM${d}D(1, 2)
}`;
    const paths = lowerSound(text).init.results.map(({ name }) => name);
    const at = (name: string) => paths.find((path) => path.endsWith(`/${name}`))!;
    expect(paths.every((path) => path.includes(layer))).toBe(true);
    const found = predict(text, {
      x,
      [at("kernel")]: kernel,
      [at("recurrent_kernel")]: recurrent,
      [at("bias")]: bias,
    });
    h.forEach((value, i) => {
      expect(found.y![i]).toBeCloseTo(value, 9);
    });
  });
});

test("aliases are what they stand for", () => {
  const x = Array.from({ length: 54 }, (_, i) => Math.sin(i));
  const shapes = ["9, 6", "3, 6, 3", "3, 3, 3, 2"];
  shapes.forEach((shape, i) => {
    const made = (name: string) => `x |> ${name}(2, 2, kernel_initializer = Constant(0.3))`;
    const pairs = [
      [`Conv${i + 1}D`, `Convolution${i + 1}D`],
      [`Conv${i + 1}DTranspose`, `Convolution${i + 1}DTranspose`],
      ...(i < 2 ? [[`SeparableConv${i + 1}D`, `SeparableConvolution${i + 1}D`]] : []),
    ].map(([name, alias]) =>
      name!.startsWith("Sep")
        ? [name!, alias!].map(
            (layer) =>
              `x |> ${layer}(2, 2, depthwise_initializer = ones, pointwise_initializer = ones)`,
          )
        : [made(name!), made(alias!)],
    );
    const outputs = pairs.flat().map((use, k) => `  output y${k} = ${use}`);
    const text = `model M {\n  input x: f32[N, ${shape}]\n${outputs.join("\n")}\n}`;
    const found = predict(text, { x });
    pairs.forEach((_, k) => {
      expect(found[`y${2 * k}`]!.some((value) => value !== 0)).toBe(true);
      expect(found[`y${2 * k + 1}`]).toEqual(found[`y${2 * k}`]);
    });
  });
});

test("cells on top of each other are layers after each other", () => {
  const use = (layer: string, units: number, rest = "") =>
    `${layer}(${units}, kernel_initializer = Constant(0.4), recurrent_initializer = Constant(-0.3)${rest})`;
  const cells = `[${use("LSTMCell", 2)}, ${use("GRUCell", 3)}]`;
  const text = `model M {
  input x: f32[N, 4, 2]
  output stacked = x |> RNN(StackedRNNCells(${cells}))
  output layers = x |> ${use("LSTM", 2, ", return_sequences = true")} |> ${use("GRU", 3)}
}`;
  const x = Array.from({ length: 8 }, (_, i) => Math.cos(2 * i));
  const { stacked, layers } = predict(text, { x });
  layers!.forEach((value, i) => {
    expect(stacked![i]).toBeCloseTo(value, 10);
  });
});

/** The loss of one training step of a model without a loss of its own but 0 · w. */
function trained(statement: string, x: readonly number[], shape: string) {
  const program = lowerSound(`
model M {
  input x: f32[N, ${shape}]
  param w: f32 = 0.0
  y = ${statement}
  output z = sum(y, axis = 1..${shape.split(",").length + 1}) + w
}
data d {
  train {
    x: f32[${shape}] = npy("x.npy")
  }
}
train M on d {
  loss mean(z)
  optimizer SGD()
}`);
  const { results } = run(program, program.training!.train, { x }, { n: 1 });
  return results.loss![0]!;
}

test("ActivityRegularization adds l1·Σ |y| + l2·Σ y² of a sample to the loss", () => {
  const x = [1, -2, 3];
  const penalty = trained("x |> ActivityRegularization(l1 = 0.5, l2 = 0.1)", x, "3");
  expect(penalty).toBeCloseTo(2 + 0.5 * 6 + 0.1 * 14, 10);
});

test("SpatialDropout3D drops whole channels, and scales the others", () => {
  const channels = 64;
  const x = Array.from({ length: 4 * channels }, () => 1);
  const loss = trained("(x |> SpatialDropout3D(0.5))^2", x, `2, 2, 1, ${channels}`);
  // Each channel that is left gives 4 elements of 2² = 4.
  const left = loss / 16;
  expect(left).toBeCloseTo(Math.round(left), 10);
  expect(left).toBeGreaterThan(channels / 4);
  expect(left).toBeLessThan((3 * channels) / 4);
});

test("penalties, constraints and initializers by all their names", () => {
  const w = [3, 0, 4, 1];
  const norms = [5, 1, 5, 1];
  const cosine = (3 * 4) / (3 * sqrt(17));
  const four = (x: number) => [x, x, x, x];
  const given = `model M {
  input n: f32[N]
  param w: f32[2, 2] = Constant(0.0)
  output a = full([N, 2, 2], 1.0) * OrthogonalRegularizer(factor = 2.0)(w)
  output b = full([N, 2, 2], 1.0) * orthogonal_regularizer(factor = 2.0)(w)
  output c = full([N, 2, 2], 1.0) * min_max_norm(min_value = 2.0, max_value = 4.0, axis = 0)(w)
  output d = full([N, 2, 2], 1.0) * unit_norm(axis = 0)(w)
  output e = full([N, 2, 2], 1.0) * non_neg()(w - 1)
  output f = full([N, 2, 2], 1.0) * IdentityInitializer(3.0)([2, 2])
}`;
  const found = predict(given, { n: [0], "M/w": w });
  const wanted: Readonly<Record<string, readonly number[]>> = {
    // Half the sum over both orders of the pair is one cosine, of one pair.
    a: four(2 * cosine),
    b: four(2 * cosine),
    c: w.map((x, i) => (x * clip(norms[i]!, 2, 4)) / (1e-7 + norms[i]!)),
    d: w.map((x, i) => x / (1e-7 + norms[i]!)),
    e: w.map((x) => max(x - 1, 0)),
    f: [3, 0, 0, 3],
  };
  for (const [name, values] of Object.entries(wanted)) {
    values.forEach((value, i) => {
      expect(found[name]![i], name).toBeCloseTo(value, 9);
    });
  }
});
