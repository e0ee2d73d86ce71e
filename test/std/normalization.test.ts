/** Normalization layers against their formulas. */

import { describe, expect, it } from "vitest";
import { lowerSound } from "../semantics/lowering.ts";
import { run } from "../semantics/run-program.ts";
import { checkLayer, expectClose, faultsOf, modelOf, valuesOf } from "./layer-checks.ts";

const x = [1, 4, -2, 3, 0, 5, 7, -1, 2, 6, -3, 8];
const rows = { x: "f32[N, 3, 2]" };

const mean = (items: readonly number[]) => items.reduce((a, b) => a + b, 0) / items.length;
const variance = (items: readonly number[]) => {
  const centre = mean(items);
  return mean(items.map((item) => (item - centre) ** 2));
};

/** (x − μ) / √(σ² + ε) within groups of equal keys. */
function normalized(keyOf: (i: number) => number, epsilon = 1e-3): number[] {
  return x.map((item, i) => {
    const group = x.filter((_, j) => keyOf(j) === keyOf(i));
    return (item - mean(group)) / Math.sqrt(variance(group) + epsilon);
  });
}

describe("for each sample", () => {
  it.each([
    ["LayerNormalization", (i: number) => Math.floor(i / 2), 1e-3],
    ["LayerNormalization(axis = [1, 2])", (i: number) => Math.floor(i / 6), 1e-3],
    ["LayerNormalization(1)", (i: number) => 2 * Math.floor(i / 6) + (i % 2), 1e-3],
    ["LayerNormalization(epsilon = 0.5)", (i: number) => Math.floor(i / 2), 0.5],
    ["GroupNormalization(1)", (i: number) => Math.floor(i / 6), 1e-3],
    ["GroupNormalization(-1)", (i: number) => 2 * Math.floor(i / 6) + (i % 2), 1e-3],
    ["GroupNormalization(3, axis = 1)", (i: number) => Math.floor(i / 2), 1e-3],
  ] as const)("%s", (layer, keyOf, epsilon) => {
    expectClose(valuesOf(rows, `x |> ${layer}`, { x }, 2), normalized(keyOf, epsilon));
    checkLayer(rows, `x |> ${layer}`);
  });

  it("scales and moves by gamma and beta, or one of them", () => {
    const params = { "layer_normalization/gamma": [2, 3], "layer_normalization/beta": [1, -1] };
    const wanted = normalized((i) => Math.floor(i / 2)).map((y, i) =>
      i % 2 === 0 ? 2 * y + 1 : 3 * y - 1,
    );
    expectClose(valuesOf(rows, "x |> LayerNormalization", { x }, 2, params), wanted);
    const plain = "x |> LayerNormalization(center = false, scale = false)";
    expectClose(
      valuesOf(rows, plain, { x }, 2),
      normalized((i) => Math.floor(i / 2)),
    );
  });

  it("RMSNormalization divides by the root of the mean square", () => {
    const wanted = x.map((item, i) => {
      const pair = x.slice(2 * Math.floor(i / 2), 2 * Math.floor(i / 2) + 2);
      return (item / Math.sqrt(mean(pair.map((p) => p * p)) + 1e-6)) * (i % 2 === 0 ? 2 : 1);
    });
    const params = { "rms_normalization/scale": [2, 1] };
    expectClose(valuesOf(rows, "x |> RMSNormalization", { x }, 2, params), wanted);
    checkLayer(rows, "x |> RMSNormalization([1, 2])");
  });

  it("UnitNormalization divides by the norm", () => {
    const wanted = x.map((item, i) => {
      const pair = x.slice(2 * Math.floor(i / 2), 2 * Math.floor(i / 2) + 2);
      return item / Math.hypot(...pair);
    });
    expectClose(valuesOf(rows, "x |> UnitNormalization", { x }, 2), wanted);
    checkLayer(rows, "x |> UnitNormalization([1, 2])");
  });
});

/** The loss Σ y·weights of a model in training, and what it assigns. */
function trained(layer: string, before = "", data = x) {
  const text = `${modelOf(rows, `x ${before}|> ${layer}`)}
    data d {
      train {
        x: f32[3, 2] = npy("x.npy")
        w: f32[3, 2] = npy("w.npy")
      }
    }
    train M on d {
      loss sum(y * w) / shape(y)[0]
      optimizer SGD()
    }`;
  const program = lowerSound(text);
  const w = x.map((_, i) => Math.cos(i));
  return { w, ...run(program, program.training!.train, { x: data, w }, { n: 2 }) };
}

describe("BatchNormalization", () => {
  it("uses the batch's statistics in training, and keeps moving averages", () => {
    const { w, results, assigned } = trained("BatchNormalization");
    const normal = normalized((i) => i % 2);
    const loss = normal.reduce((sum, y, i) => sum + y * w[i]!, 0) / 2;
    expect(results.loss![0]).toBeCloseTo(loss, 10);
    const columns = [0, 1].map((c) => x.filter((_, i) => i % 2 === c));
    const path = "M/batch_normalization/moving";
    expectClose(
      assigned[`${path}_mean`]!,
      columns.map((c) => 0.01 * mean(c)),
    );
    expectClose(
      assigned[`${path}_variance`]!,
      columns.map((c) => 0.99 + 0.01 * variance(c)),
    );
  });

  it("takes another axis", () => {
    const { w, results } = trained("BatchNormalization(axis = 1)");
    const normal = normalized((i) => Math.floor(i / 2) % 3);
    const loss = normal.reduce((sum, y, i) => sum + y * w[i]!, 0) / 2;
    expect(results.loss![0]).toBeCloseTo(loss, 10);
  });

  it("leaves masked steps out of its statistics", () => {
    const data = x.map((item, i) => (i === 2 || i === 3 ? 0 : item));
    const { assigned } = trained("BatchNormalization", "|> Masking ", data);
    const real = data.filter((_, i) => i !== 2 && i !== 3);
    const moving = assigned["M/batch_normalization/moving_mean"]!;
    for (const c of [0, 1]) {
      expect(moving[c]).toBeCloseTo(0.01 * mean(real.filter((_, i) => i % 2 === c)), 8);
    }
  });

  it("uses the moving averages afterwards", () => {
    const params = {
      "batch_normalization/moving_mean": [1, 2],
      "batch_normalization/moving_variance": [4, 9],
      "batch_normalization/gamma": [2, 1],
      "batch_normalization/beta": [0, 5],
    };
    const wanted = x.map((item, i) =>
      i % 2 === 0 ? (2 * (item - 1)) / Math.sqrt(4.001) : (item - 2) / Math.sqrt(9.001) + 5,
    );
    expectClose(valuesOf(rows, "x |> BatchNormalization", { x }, 2, params), wanted);
    checkLayer(rows, "x |> BatchNormalization");
  });
});

it.each([
  ["GroupNormalization(4)", "the number of channels is a multiple of groups"],
  ["BatchNormalization(axis = 0)", "axis is one axis, and not that of the batch"],
  ["LayerNormalization(axis = 3)", "an axis is at least −rank and less than the rank"],
  ["LayerNormalization(axis = [1, -2])", "each axis is named once"],
])("%s: %s", (layer, message) => {
  expect(faultsOf(rows, `x |> ${layer}`)).toContain(message);
});

describe("SpectralNormalization", () => {
  it("divides the kernel by its largest singular value", () => {
    const params = {
      "spectral_normalization/dense/kernel": [3, 0, 0, 0.5],
      "spectral_normalization/vector/vector_u": [0.8, 0.6],
    };
    const layer = "x |> SpectralNormalization(Dense(2), power_iterations = 12)";
    const found = valuesOf({ x: "f32[N, 2]" }, layer, { x: [6, 12] }, 1, params);
    expectClose(found, [6, 2]);
    checkLayer({ x: "f32[N, 2]" }, "x |> SpectralNormalization(Dense(2), power_iterations = 40)");
  });

  it("keeps its vector in training", () => {
    const { assigned } = trained("SpectralNormalization(Dense(2))");
    expect(Math.hypot(...assigned["M/spectral_normalization/vector/vector_u"]!)).toBeCloseTo(1, 10);
  });
});
