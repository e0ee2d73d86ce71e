/** Layers that make, use, join or drop masks, and embeddings, by values written out. */

import { describe, expect, it } from "vitest";
import { lowerSound } from "../semantics/lowering.ts";
import { run } from "../semantics/run-program.ts";
import { numbers, rowsOf } from "./recurrent-reference.ts";

const x = Array.from({ length: 12 }, (_, i) => i + 1);
const m = [1, 1, 0, 1, 0, 0];

/** The value of an expression of `x`, of `h` and `g`, which carry m and its opposite, and its mask: null without one. */
function masked(expression: string, leaves: Readonly<Record<string, readonly number[]>> = {}) {
  const program = lowerSound(`
    fn shown(y) {
      if mask(y) == none {
        return full([1, 1], -1.0)
      }
      return f32(mask(y))
    }
    model M {
      input x: f32[N, 3, 2]
      input m: bool[N, 3]
      h = with_mask(x, m)
      _g = with_mask(x, not m)
      z = ${expression}
      output y = z
      output k = broadcast_to(shown(z), [shape(x)[0], shape(shown(z))[1]]) + 0 * f32(m[:, :1]) + 0 * sum(h)
    }`);
  const { y, k } = run(program, program.predict, { x, m, ...leaves }, { n: 2 }).results;
  return { y: y!, k: k![0] === -1 ? null : k };
}

const all = [1, 1, 1, 1, 1, 1];

describe("merging layers", () => {
  it.each([
    ["Add()([h, _g])", all],
    ["Add()([h, x])", null],
    ["Subtract()([h, h])", m],
    ["Multiply()([h, h, _g])", all],
    ["Average()([x, h])", null],
    ["Maximum()([h, h])", m],
    ["Minimum()([_g, _g])", m.map((real) => 1 - real)],
    ["Concatenate()([h, h])", m],
    ["Concatenate()([h, x])", all],
    ["Concatenate(axis = 1)([h, x])", [1, 1, 0, 1, 1, 1, 1, 0, 0, 1, 1, 1]],
    ["Concatenate()([x, x])", null],
  ])("%s", (expression, wanted) => {
    expect(masked(expression).k).toEqual(wanted);
  });
});

describe("layers along the steps", () => {
  it.each([
    ["GlobalAveragePooling1D()(h)", [2, 3, 7, 8]],
    ["GlobalAveragePooling1D()(x)", [3, 4, 9, 10]],
    ["GlobalMaxPooling1D()(h)", [5, 6, 11, 12]],
    ['AveragePooling1D(1, padding = "same")(h)', x],
    ["Flatten()(h)", x],
  ])("%s has no mask", (expression, wanted) => {
    expect(masked(expression)).toEqual({ y: wanted, k: null });
  });

  it.each(["Dropout(0.5)(h)", "LayerNormalization()(h)", "TimeDistributed(Dense(2))(h)"])(
    "%s keeps it",
    (expression) => {
      expect(masked(expression).k).toEqual(m);
    },
  );

  it("Softmax leaves out what a mask of its own shape says", () => {
    const { y } = masked("with_mask(x[:, :, 0], m) |> Softmax");
    const e = [1, 3].map((value) => Math.exp(value));
    expect(y[0]).toBeCloseTo(e[0]! / (e[0]! + e[1]!), 12);
    expect(y.slice(2)).toEqual([0, 1, 0, 0]);
  });

  it("BatchNormalization takes the moments of real steps", () => {
    const program = lowerSound(`
      model M {
        input x: f32[N, 3, 2]
        input m: bool[N, 3]
        output y = with_mask(x, m) |> BatchNormalization(momentum = 0.0)
      }
      data d {
        train {
          x: f32[3, 2] = npy("x.npy")
          m: bool[3] = npy("m.npy")
        }
      }
      train M on d {
        loss sum(y)
        optimizer SGD(0.1)
      }`);
    const { assigned } = run(program, program.training!.train, { x, m }, { n: 2 });
    const real = [1, 3, 7];
    const mean = real.reduce((a, b) => a + b) / 3;
    expect(assigned["M/batch_normalization/moving_mean"]![0]).toBeCloseTo(mean, 6);
    const variance = real.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 3;
    expect(assigned["M/batch_normalization/moving_variance"]![0]).toBeCloseTo(variance, 5);
  });
});

describe("Masking and embeddings", () => {
  it("Masking leaves out steps whose features all equal its value", () => {
    const steps = [0, 0, 5, 0, 0, 0, 7, 7, 0, 0, 0, 1];
    expect(masked("Masking()(x)", { x: steps })).toEqual({ y: steps, k: [0, 1, 0, 1, 0, 1] });
    const sevens = masked("Masking(mask_value = 7.0)(x)", { x: steps });
    expect(sevens.k).toEqual([1, 1, 1, 0, 1, 1]);
    expect(sevens.y.slice(6, 8)).toEqual([0, 0]);
  });

  const table = numbers(8, 3);
  const rows = rowsOf(table, 2);
  const tokens = [1, 0, 3, 2, 0, 0];

  it("Embedding reads rows of its table, 0 outside of it", () => {
    const leaves = { x: tokens.flatMap((token) => [token, 9]), "M/embedding/embeddings": table };
    const plain = masked("i32(x[:, :, 0]) |> Embedding(4, 2)", leaves);
    expect(plain).toEqual({ y: tokens.flatMap((token) => rows[token]!), k: null });
    const zero = masked("i32(x[:, :, 0]) |> Embedding(4, 2, mask_zero = true)", leaves);
    expect(zero.k).toEqual([1, 0, 1, 1, 0, 0]);
    expect(masked("i32(x[:, :, 1]) |> Embedding(4, 2)", leaves).y).toEqual(x.map(() => 0));
  });

  it.each([true, false])("ReversibleEmbedding leads back, tied: %s", (tied) => {
    const program = lowerSound(`
      model M {
        input tokens: i32[N, 3]
        table = ReversibleEmbedding(4, 2, tie_weights = ${tied}, logit_soft_cap = 2.0)
        output h = table(tokens)
        output logits = table(h, reverse = true)
      }`);
    const back = tied
      ? rows
      : rowsOf(numbers(8, 5), 4)[0]!.map((_, v) => [numbers(8, 5)[v]!, numbers(8, 5)[4 + v]!]);
    const leaves = {
      tokens,
      "M/table/embeddings": table,
      ...(tied ? {} : { "M/table/reverse_embeddings": numbers(8, 5) }),
    };
    const { h, logits } = run(program, program.predict, leaves, { n: 2 }).results;
    expect(h).toEqual(tokens.flatMap((token) => rows[token]!));
    const wanted = tokens.flatMap((token) =>
      back.map((row) => {
        const logit = rows[token]![0]! * row[0]! + rows[token]![1]! * row[1]!;
        return 2 * Math.tanh(logit / 2);
      }),
    );
    logits!.forEach((logit, i) => {
      expect(logit).toBeCloseTo(wanted[i]!, 12);
    });
  });
});
