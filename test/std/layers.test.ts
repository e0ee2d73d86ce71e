/** Layers of the library: shapes and values, in training and in use. */

import { describe, expect, it } from "vitest";
import { lowerSound } from "../semantics/lowering.ts";
import { evaluateExpression, predict, run } from "../semantics/run-program.ts";

const x = [1, -2, 3, 4, 5, -6];

describe("merging layers", () => {
  it.each([
    ["Add", [11, 18, 33, 44, 55, 54]],
    ["Subtract", [-9, -22, -27, -36, -45, -66]],
    ["Multiply", [10, -40, 90, 160, 250, -360]],
    ["Average", [5.5, 9, 16.5, 22, 27.5, 27]],
    ["Maximum", [10, 20, 30, 40, 50, 60]],
    ["Minimum", x],
  ])("%s", (name, wanted) => {
    const inputs = { a: "f32[N, 3]", b: "f32[N, 3]" };
    const data = { a: x, b: [10, 20, 30, 40, 50, 60] };
    expect(evaluateExpression(inputs, `  y = [a, b] |> ${name}`, data, 2)).toEqual(wanted);
  });

  it("Concatenate joins along the last axis or another", () => {
    const inputs = { a: "f32[N, 1, 2]", b: "f32[N, 1, 2]" };
    const data = { a: [1, 2], b: [3, 4] };
    const last = evaluateExpression(inputs, "  y = [a, b] |> Concatenate |> Flatten", data);
    expect(last).toEqual([1, 2, 3, 4]);
    const first = "  z = [a, b] |> Concatenate(axis = 1)\n  y = z[:, 1, :]";
    expect(evaluateExpression(inputs, first, data)).toEqual([3, 4]);
  });
});

describe("reshaping layers", () => {
  it("Reshape takes one -1", () => {
    const y = "  z = x |> Reshape([3, -1])\n  y = z[:, 2, :]";
    expect(evaluateExpression({ x: "f32[N, 2, 3]" }, y, { x })).toEqual([5, -6]);
  });

  it("Flatten keeps the order of reading", () => {
    expect(evaluateExpression({ x: "f32[N, 2, 3]" }, "  y = x |> Flatten", { x })).toEqual(x);
  });
});

describe("Dense", () => {
  it("multiplies, adds and activates, over any leading dimensions", () => {
    const text = `
      model M {
        input x: f32[N, 2, 3]
        output y = x |> Dense(1, relu)
      }`;
    const leaves = { x, "M/dense/kernel": [1, 1, 1], "M/dense/bias": [0.5] };
    expect(predict(text, leaves).y).toEqual([2.5, 3.5]);
  });

  it("adds its penalties to every loss", () => {
    const text = (more: string) => `
      model M {
        input x: f32[N, 1]
        output y = x |> Dense(1${more})
      }
      data d {
        train {
          x: f32[1] = npy("x.npy")
          t: f32[1] = npy("t.npy")
        }
      }
      train M on d {
        loss mse(t, y)
        optimizer SGD()
      }`;
    const leaves = { x: [2, 4], t: [1, 1], "M/dense/kernel": [3], "M/dense/bias": [-1] };
    const loss = (more: string, graph: "train" | "evaluate") => {
      const program = lowerSound(text(more));
      return run(program, program.training![graph], leaves, { n: 2 }).results.loss![0]!;
    };
    const plain = ((6 - 1 - 1) ** 2 + (12 - 1 - 1) ** 2) / 2;
    const all =
      ", kernel_regularizer = L2(0.5), bias_regularizer = L1(0.25), activity_regularizer = L1(0.1)";
    const penalties = 0.5 * 9 + 0.25 * 1 + (0.1 * (5 + 11)) / 2;
    for (const graph of ["train", "evaluate"] as const) {
      expect(loss("", graph)).toBeCloseTo(plain, 12);
      expect(loss(all, graph)).toBeCloseTo(plain + penalties, 12);
    }
  });
});

describe("Dropout", () => {
  const model = (rate: string) => `
    model M {
      input x: f32[N, 1000]
      output y = x |> Dropout(${rate})
    }`;

  it("does nothing when a trained model is used", () => {
    const ones = new Array<number>(1000).fill(1);
    expect(predict(model("0.5"), { x: ones }).y).toEqual(ones);
  });

  it("while training drops the share asked for and scales what stays", () => {
    // A loss of Σ y / 1000 with y = x / (1 − rate) where it stays: its mean is that of x.
    const program = lowerSound(`
      model M {
        input x: f32[N, 1000]
        w = Dense(1, use_bias = false, kernel_initializer = ones)
        output y = x |> Dropout(0.25) |> w
      }
      data d {
        train {
          x: f32[1000] = npy("x.npy")
        }
      }
      train M on d {
        loss mean(y)
        optimizer SGD()
      }`);
    const ones = new Array<number>(1000).fill(1);
    const { results } = run(program, program.training!.train, { x: ones });
    const kept = results.loss![0]! * 0.75;
    expect(kept).toBeCloseTo(Math.round(kept), 6);
    expect(Math.abs(kept - 750)).toBeLessThan(60);
  });
});

describe("Normalization", () => {
  it("uses the statistics of the training rows", () => {
    const text = `
      model M {
        input x: f32[N, 2]
        output y = x |> Normalization
      }`;
    const leaves = {
      x: [5, 1],
      "M/normalization/mean": [3, 1],
      "M/normalization/variance": [4, 0],
    };
    expect(predict(text, leaves).y).toEqual([1, 0]);
  });
});
