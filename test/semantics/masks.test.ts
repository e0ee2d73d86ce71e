/** Masks: which expressions and layers keep them, and how losses and metrics weigh by them. */

import { describe, expect, it } from "vitest";
import { lowerSound, lowerText, messages } from "./lowering.ts";
import { evaluateExpression, run } from "./run-program.ts";

const inputs = { x: "f32[N, 3, 2]", m: "bool[N, 3]" };
const m = [1, 1, 0, 1, 0, 0];
const x = Array.from({ length: 12 }, (_, i) => i + 1);

/** The mask of an expression of `x`, which carries `m`; −1 three times where it carries none. */
function maskOf(expression: string, declarations = ""): number[] {
  const text = `${declarations}
    fn shown(y) {
      if mask(y) == none {
        return full([3], -1.0)
      }
      return f32(mask(y))
    }
    model M {
      input x: f32[N, 3, 2]
      input m: bool[N, 3]
      h = with_mask(x, m)
      y = ${expression}
      output result = broadcast_to(shown(y), [shape(x)[0], 3])
    }`;
  const program = lowerSound(text);
  return run(program, program.predict, { x, m }, { n: 2 }).results.result!;
}
const none = [-1, -1, -1, -1, -1, -1];

describe("an expression keeps its operands' mask", () => {
  it.each([
    "h",
    "2 * h + x",
    "if h > 3 then h else x",
    "i32(h)",
    "h @ full([2, 5], 1.0)",
    "sum(h, axis = -1)",
    "max(h, axis = 2, keepdims = true)",
    "reshape(h, [shape(h)[0], 3, 2, 1])",
    "transpose(h[..., none], [0, 1, 3, 2])",
    "h[:, :, 1]",
    "h[..., none]",
    "split(h, 2)[0]",
    "softmax(h)",
    "h + with_mask(x, m)",
  ])("%s", (expression) => {
    expect(maskOf(expression)).toEqual(m);
  });

  it.each([
    "x",
    "with_mask(h, none)",
    "sum(h, axis = 1)",
    "reshape(h, [shape(h)[0], 6])",
    "h[:, 1:]",
    "h[:, 0]",
    "transpose(h, [0, 2, 1])",
    "h + with_mask(x, not m)",
  ])("but not in %s", (expression) => {
    expect(maskOf(expression)).toEqual(none);
  });
});

describe("a layer passes its first input's mask on", () => {
  it.each([
    ["Dense(4)(h)", m],
    ["Dropout(0.1)(h)", m],
    ["Flatten()(h)", none],
    ["Silent()(h)", m],
    ["Deaf()(h)", none],
    ["Other()(h)", m.map((real) => 1 - real)],
    ["Two()(h)[0]", m],
    ["Two()(h)[1]", none],
    ["Second()(x, h)", none],
  ])("%s", (expression, wanted) => {
    const layers = `
      layer Silent()(x) {
        y[n < shape(x)[0], t < 3, c < 2] = x[n, 2 - t, c]
        return y
      }
      layer Deaf()(x) {
        return with_mask(x, none)
      }
      layer Other()(x) {
        return with_mask(x, not mask(x))
      }
      layer Two()(x) {
        y[n < shape(x)[0], t < 3, c < 2] = x[n, 2 - t, c]
        return (y, y)
      }
      layer Second()(a, b) {
        y[n < shape(a)[0], t < 3, c < 2] = b[n, 2 - t, c]
        return y
      }`;
    expect(maskOf(expression, layers)).toEqual(wanted);
  });
});

it("refuses a mask of another shape or type", () => {
  for (const mask of ["m[:, 1:]", "f32(m)", "3"]) {
    const text = `model M {\n input x: f32[N, 3]\n input m: bool[N, 3]\n output y = with_mask(x, ${mask})\n}`;
    expect(messages(lowerText(text).diagnostics).join()).toContain("the argument `mask`");
  }
});

describe("losses and metrics of masked predictions", () => {
  const program = (loss: string, more = "") =>
    lowerSound(`
      model M {
        input x: f32[N, 3, 2]
        input m: bool[N, 3]
        param w: f32[2] = ones
        output y = with_mask(x, m) * w
      }
      data d {
        train {
          x: f32[3, 2] = npy("x.npy")
          m: bool[3] = npy("m.npy")
          t: f32[3, 2] = npy("t.npy")
          c: i32[3] = npy("c.npy")
          s: f32 = npy("s.npy")
        }
      }
      train M on d {
        loss ${loss}
        optimizer SGD(1.0)
        metrics wrong = mean((t - y)^2), total = sum(t - y), plain = mean((t - x)^2)
        ${more}
      }`);
  const square = "mean((t - y)^2)";
  const t = x.map((value, i) => value + (i % 3) - 1);
  const s = [2, 0.5];
  const columns = { x, m, t, s, c: [0, 1, 0, 1, 1, 0] };
  const squares = x.map((value, i) => (t[i]! - value) ** 2);
  const isReal = x.map((_, i) => m[i >> 1]!);
  const sum = (terms: readonly number[]) => terms.reduce((a, b) => a + b, 0);
  const valid = sum(isReal);

  it("weigh terms by mask·count/valid", () => {
    const lowered = program(square);
    const { results, assigned } = run(lowered, lowered.training!.train, columns, { n: 2 });
    expect(results.loss![0]).toBeCloseTo(sum(squares.map((v, i) => v * isReal[i]!)) / valid, 12);
    expect(assigned["metrics/wrong/weight"]![0]).toBeCloseTo(valid / 6, 12);
  });

  it("and by sample weights", () => {
    const weighed = program(square, "sample_weight s");
    const { results, assigned } = run(weighed, weighed.training!.train, columns, { n: 2 });
    const weights = isReal.map((real, i) => real * s[i < 6 ? 0 : 1]!);
    const loss = (sum(squares.map((v, i) => v * weights[i]!)) * (12 / valid)) / 12;
    expect(results.loss![0]).toBeCloseTo(loss, 12);
    const total = assigned["metrics/wrong/total"]![0]!;
    const weight = assigned["metrics/wrong/weight"]![0]!;
    const mean = sum(squares.map((v, i) => v * weights[i]!)) / sum(weights);
    expect(total / weight).toBeCloseTo(mean, 12);
    const differences = x.map((value, i) => (t[i]! - value) * weights[i]!);
    expect(assigned["metrics/total/total"]![0]).toBeCloseTo(sum(differences), 12);
    const rows = squares.map((v, i) => v * s[i < 6 ? 0 : 1]!);
    expect(assigned["metrics/plain/total"]![0]! * 6).toBeCloseTo(sum(rows), 12);
  });

  it("and nothing counts where all is masked", () => {
    const lowered = program(square);
    const none = { ...columns, m: m.map(() => 0) };
    const { results } = run(lowered, lowered.training!.train, none, { n: 2 });
    expect(results.loss).toEqual([0]);
  });

  it("also where classes were reduced over", () => {
    const classes = program("sparse_categorical_crossentropy(c, y, from_logits = true)");
    const { results } = run(classes, classes.training!.train, columns, { n: 2 });
    const terms = columns.c.map((c, i) => {
      const [a, b] = [x[2 * i]!, x[2 * i + 1]!];
      return Math.log(Math.exp(a - b) + 1) + b - [a, b][c]!;
    });
    const wanted = sum(terms.map((v, i) => v * m[i]!)) / sum(m);
    expect(results.loss![0]).toBeCloseTo(wanted, 12);
  });

  it("gradients are those of the weighed loss", () => {
    const lowered = program(square);
    const steps = [1e-5, -1e-5].map((step) => {
      const leaves = { ...columns, "M/w": [1 + step, 1] };
      return run(lowered, lowered.training!.evaluate, leaves, { n: 2 }).results.loss![0]!;
    });
    const slope = (steps[0]! - steps[1]!) / 2e-5;
    const analytic = sum(
      x.map((v, i) => (i % 2 === 0 ? (-2 * (t[i]! - v) * v * isReal[i]!) / valid : 0)),
    );
    expect(slope).toBeCloseTo(analytic, 6);
  });
});

it("masks may have other ranks", () => {
  const y = "  h = with_mask(x, any(x > 2, axis = -1))\n  y = f32(mask(sum(h, axis = -1)))";
  expect(evaluateExpression({ x: "f32[N, 3, 2]" }, y, { x }, 2)).toEqual([0, 1, 1, 1, 1, 1]);
  expect(Object.keys(inputs)).toHaveLength(2);
});
