/** Initializers: spread and bounds of the random ones, values of the others. */

import { describe, expect, it } from "vitest";
import { interpret } from "../../compiler/graph/interpret.ts";
import { lowerSound } from "../semantics/lowering.ts";
import { run } from "../semantics/run-program.ts";

function initial(initializer: string, dimensions: string): number[] {
  const text = `
    layer Holder()(x: f32[N, 1]) {
      param w: f32[${dimensions}] = ${initializer}
      return x + sum(w)
    }
    model M {
      input x: f32[N, 1]
      output y = x |> Holder
    }`;
  const program = lowerSound(text);
  const { results } = interpret(program.init, {
    n: 1,
    seed: 5,
    leaf: () => {
      throw new Error("initial values read a leaf");
    },
  });
  return [...results.get("M/holder/w")!];
}

function statistics(values: readonly number[]) {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(variance), largest: Math.max(...values.map(Math.abs)) };
}

/** Keras' initializers by name: standard deviation and bound for a kernel of 60 inputs and 100 outputs. */
const spread: readonly (readonly [name: string, deviation: number, bound: number])[] = [
  ["glorot_uniform", Math.sqrt(2 / 160), Math.sqrt(6 / 160)],
  ["glorot_normal", Math.sqrt(2 / 160), (2 * Math.sqrt(2 / 160)) / 0.8796256610342398],
  ["he_uniform", Math.sqrt(2 / 60), Math.sqrt(6 / 60)],
  ["he_normal", Math.sqrt(2 / 60), (2 * Math.sqrt(2 / 60)) / 0.8796256610342398],
  ["lecun_uniform", Math.sqrt(1 / 60), Math.sqrt(3 / 60)],
  ["lecun_normal", Math.sqrt(1 / 60), (2 * Math.sqrt(1 / 60)) / 0.8796256610342398],
  ["variance_scaling", Math.sqrt(1 / 60), (2 * Math.sqrt(1 / 60)) / 0.8796256610342398],
  ['VarianceScaling(2.0, "fan_out", "untruncated_normal")', Math.sqrt(2 / 100), 1],
  ["random_uniform", 0.1 / Math.sqrt(12), 0.05],
  ["RandomUniform(minval = -1.0, maxval = 1.0)", 2 / Math.sqrt(12), 1],
  ["random_normal", 0.05, 0.3],
  ["RandomNormal(stddev = 2.0)", 2, 12],
  ["truncated_normal", 0.05 * 0.8796256610342398, 0.1],
  ["TruncatedNormal(stddev = 1.0)", 0.8796256610342398, 2],
];

describe("random initializers", () => {
  it.each(spread)("%s", (name, deviation, bound) => {
    const drawn = statistics(initial(name, "60, 100"));
    // 6,000 draws: the error of a mean is about 1.3 % of the deviation, that of a deviation less.
    expect(Math.abs(drawn.mean)).toBeLessThan(0.06 * deviation);
    expect(Math.abs(drawn.deviation / deviation - 1)).toBeLessThan(0.04);
    expect(drawn.largest).toBeLessThanOrEqual(bound);
    expect(drawn.largest).toBeGreaterThan(0.8 * Math.min(bound, 3 * deviation));
  });

  it("classes and their lower-case names draw alike", () => {
    for (const [name, lower] of [
      ["GlorotUniform()", "glorot_uniform"],
      ["HeNormal()", "he_normal"],
      ["LecunUniform()", "lecun_uniform"],
      ["Orthogonal()", "orthogonal"],
      ["OrthogonalInitializer()", "orthogonal"],
    ]) {
      expect(initial(name!, "3, 4")).toEqual(initial(lower!, "3, 4"));
    }
  });

  it("count the receptive field of a convolution's kernel", () => {
    const { largest } = statistics(initial("glorot_uniform", "3, 3, 8, 16"));
    expect(largest).toBeLessThanOrEqual(Math.sqrt(6 / (9 * 24)));
    expect(largest).toBeGreaterThan(0.9 * Math.sqrt(6 / (9 * 24)));
  });
});

describe("fixed initializers", () => {
  it.each([
    ["zeros", [0, 0, 0, 0]],
    ["Zeros()", [0, 0, 0, 0]],
    ["ones", [1, 1, 1, 1]],
    ["Ones()", [1, 1, 1, 1]],
    ["Constant(2.5)", [2.5, 2.5, 2.5, 2.5]],
    ["constant(-1.0)", [-1, -1, -1, -1]],
    ["identity", [1, 0, 0, 1]],
    ["Identity(gain = 3.0)", [3, 0, 0, 3]],
  ])("%s", (name, values) => {
    expect(initial(name, "2, 2")).toEqual(values);
  });

  it("STFT kernels are windowed cosines and sines of unit density", () => {
    const real = initial('STFTInitializer("real")', "8, 1, 5");
    expect(initial('STFT("real")', "8, 1, 5")).toEqual(real);
    const imaginary = initial('stft("imag", scaling = "spectrum", periodic = true)', "8, 1, 5");
    const hann = (t: number, period: number) => 0.5 - 0.5 * Math.cos((2 * Math.PI * t) / period);
    const times = [0, 1, 2, 3, 4, 5, 6, 7];
    const density = Math.sqrt(times.reduce((sum, t) => sum + hann(t, 7) ** 2, 0));
    const spectrum = times.reduce((sum, t) => sum + hann(t, 8), 0);
    for (const t of times) {
      for (let f = 0; f < 5; f++) {
        const angle = (-2 * Math.PI * t * f) / 8;
        expect(real[t * 5 + f]).toBeCloseTo((Math.cos(angle) * hann(t, 7)) / density, 9);
        expect(imaginary[t * 5 + f]).toBeCloseTo((Math.sin(angle) * hann(t, 8)) / spectrum, 9);
      }
    }
  });
});

describe("orthogonal", () => {
  it.each([
    [3, 5],
    [5, 3],
    [4, 4],
    // More than a block of directions, the last one shorter.
    [40, 45],
    [70, 36],
  ])("gives %d × %d matrices with orthonormal rows or columns", (rows, columns) => {
    const program = lowerSound(`
      model M {
        input x: f32[N, 1]
        param w: f32[${rows}, ${columns}] = Orthogonal(2.0)
        output y = x + sum(w)
      }`);
    const w = run(program, program.init, {}).results["M/w"]!;
    const at = (i: number, k: number) =>
      rows <= columns ? w[i * columns + k]! : w[k * columns + i]!;
    const [few, many] = [Math.min(rows, columns), Math.max(rows, columns)];
    for (let i = 0; i < few; i++) {
      for (let j = 0; j < few; j++) {
        let product = 0;
        for (let k = 0; k < many; k++) product += at(i, k) * at(j, k);
        expect(product).toBeCloseTo(i === j ? 4 : 0, 10);
      }
    }
  });

  it("takes all dimensions but the last as one", () => {
    const program = lowerSound(`
      model M {
        input x: f32[N, 1]
        param w: f32[2, 3, 4] = orthogonal
        output y = x + sum(w)
      }`);
    const w = run(program, program.init, {}).results["M/w"]!;
    const column = (i: number) => w.filter((_, k) => k % 4 === i);
    expect(column(0).reduce((sum, value, k) => sum + value * column(3)[k]!, 0)).toBeCloseTo(0, 12);
    expect(column(1).reduce((sum, value) => sum + value * value, 0)).toBeCloseTo(1, 12);
  });
});

it("zeros_like and ones_like take the shape of a tensor, the batch too", () => {
  const program = lowerSound(`
    model M {
      input x: f32[N, 2]
      output y = 3 * ones_like(x) + zeros_like(x)
    }`);
  const { results } = run(program, program.predict, { x: [1, 2, 3, 4] }, { n: 2 });
  expect(results.y).toEqual([3, 3, 3, 3]);
});
