/** Every activation against its formula written again, on both sides of its corners. */

import { describe, expect, it } from "vitest";
import { evaluateExpression } from "../semantics/run-program.ts";
import { predictionGradient } from "./trained-case.ts";

const points = [-7, -2.5, -1.2, -0.4, -0.1, 0.1, 0.3, 0.7, 1.5, 3.5, 8];

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const softplus = (x: number) => Math.log1p(Math.exp(x));
const clip = (x: number, low: number, high: number) => Math.min(Math.max(x, low), high);
/** Abramowitz & Stegun 7.1.5, enough terms for |x| < 6. */
function erf(x: number): number {
  let term = x;
  let sum = x;
  for (let k = 1; k < 200; k++) {
    term *= (-x * x) / k;
    sum += term / (2 * k + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

const formulas: readonly (readonly [call: string, formula: (x: number) => number])[] = [
  ["linear(x)", (x) => x],
  ["relu(x)", (x) => Math.max(x, 0)],
  ["relu(x, max_value = 2.0)", (x) => clip(x, 0, 2)],
  ["relu(x, negative_slope = 0.1)", (x) => (x > 0 ? x : 0.1 * x)],
  ["relu(x, threshold = 1.0)", (x) => (x > 1 ? x : 0)],
  [
    "relu(x, negative_slope = 0.1, max_value = 3.0, threshold = 0.5)",
    (x) => (x >= 3 ? 3 : x > 0.5 ? x : 0.1 * (x - 0.5)),
  ],
  ["relu6(x)", (x) => clip(x, 0, 6)],
  ["leaky_relu(x)", (x) => (x > 0 ? x : 0.2 * x)],
  ["elu(x)", (x) => (x > 0 ? x : Math.expm1(x))],
  ["elu(x, alpha = 0.5)", (x) => (x > 0 ? x : 0.5 * Math.expm1(x))],
  ["celu(x, alpha = 1.3)", (x) => Math.max(0, x) + Math.min(0, 1.3 * Math.expm1(x / 1.3))],
  ["selu(x)", (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * Math.expm1(x))],
  ["exponential(x)", Math.exp],
  ["gelu(x)", (x) => 0.5 * x * (1 + erf(clip(x, -5, 5) / Math.SQRT2))],
  [
    "gelu(x, approximate = true)",
    (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  ],
  ["hard_shrink(x)", (x) => (Math.abs(x) > 0.5 ? x : 0)],
  ["hard_sigmoid(x)", (x) => clip(x + 3, 0, 6) / 6],
  ["hard_silu(x)", (x) => (x * clip(x + 3, 0, 6)) / 6],
  ["hard_swish(x)", (x) => (x * clip(x + 3, 0, 6)) / 6],
  ["hard_tanh(x)", (x) => clip(x, -1, 1)],
  ["log_sigmoid(x)", (x) => Math.log(sigmoid(x))],
  ["mish(x)", (x) => x * Math.tanh(softplus(x))],
  ["sigmoid(x)", sigmoid],
  ["silu(x)", (x) => x * sigmoid(x)],
  ["swish(x)", (x) => x * sigmoid(x)],
  ["soft_shrink(x)", (x) => Math.sign(x) * Math.max(Math.abs(x) - 0.5, 0)],
  ["softplus(x)", softplus],
  ["softsign(x)", (x) => x / (1 + Math.abs(x))],
  ["sparse_plus(x)", (x) => (x <= -1 ? 0 : x >= 1 ? x : ((x + 1) * (x + 1)) / 4)],
  ["sparse_sigmoid(x)", (x) => clip((x + 1) / 2, 0, 1)],
  ["squareplus(x)", (x) => (x + Math.sqrt(x * x + 4)) / 2],
  ["tanh(x)", Math.tanh],
  ["tanh_shrink(x)", (x) => x - Math.tanh(x)],
  ["threshold(x, 0.5, -3.0)", (x) => (x > 0.5 ? x : -3)],
];

describe("elementwise activations", () => {
  it.each(formulas)("%s", (call, formula) => {
    const y = evaluateExpression({ x: `f32[N, ${points.length}]` }, `  y = ${call}`, { x: points });
    y.forEach((value, i) => {
      const wanted = formula(points[i]!);
      // gelu is compared at clipped arguments: erf is 1 to 1e-6 there.
      const tolerance = call.startsWith("gelu(x)") ? 1e-5 : 1e-9;
      expect(Math.abs(value - wanted)).toBeLessThan(tolerance * (1 + Math.abs(wanted)));
    });
  });
});

/** Units without any input stand at exactly 0: TensorFlow, PyTorch and JAX agree on these. */
describe("slopes at 0", () => {
  it.each([
    ["relu(p)", 0],
    ["relu6(p)", 0],
    ["relu(p, max_value = 6.0)", 0],
    ["relu(p, threshold = 0.5)", 0],
  ] as const)("%s: %d", (call, slope) => {
    const columns = { p: { type: "f32", data: [0] } };
    expect(predictionGradient({ columns, loss: `mean(${call})` }, 1, false)).toEqual([slope]);
  });

  it.each(["relu(p, negative_slope = 0.25)", "leaky_relu(p, 0.25)"])(
    "%s: that of a side",
    (call) => {
      const columns = { p: { type: "f32", data: [0] } };
      const [slope] = predictionGradient({ columns, loss: `mean(${call})` }, 1, false);
      expect([0.25, 1]).toContain(slope);
    },
  );
});

/** Where a straight piece meets a flat one, TensorFlow and PyTorch give these; of hard_tanh TensorFlow and JAX. */
describe("slopes at corners", () => {
  it.each([
    ["relu6(p)", 6, 0],
    ["hard_sigmoid(p)", -3, 0],
    ["hard_sigmoid(p)", 3, 0],
    ["hard_silu(p)", 3, 1],
    ["sparse_sigmoid(p)", -1, 0],
    ["sparse_sigmoid(p)", 1, 0],
    ["hard_tanh(p)", -1, 1],
    ["hard_tanh(p)", 1, 1],
  ] as const)("%s at %d: %d", (call, at, slope) => {
    const columns = { p: { type: "f32", data: [at] } };
    expect(predictionGradient({ columns, loss: `mean(${call})` }, 1, false)).toEqual([slope]);
  });
});

describe("activations along an axis", () => {
  const x = [0.5, -1, 2, 0.1, 0.3, 4];

  it("softmax and log_softmax, over either axis and far out", () => {
    const rows = evaluateExpression({ x: "f32[N, 3]" }, "  y = softmax(x)", { x }, 2);
    expect(rows[0]! + rows[1]! + rows[2]!).toBeCloseTo(1, 12);
    expect(rows[2]! / rows[0]!).toBeCloseTo(Math.exp(1.5), 9);
    const columns = evaluateExpression({ x: "f32[N, 2, 3]" }, "  y = softmax(x, axis = 1)", { x });
    expect(columns[0]! + columns[3]!).toBeCloseTo(1, 12);
    const far = evaluateExpression({ x: "f32[N, 2]" }, "  y = log_softmax(x)", {
      x: [1000, -1000],
    });
    expect(far).toEqual([0, -2000]);
  });

  it("glu gates the first half by the second", () => {
    const y = evaluateExpression({ x: "f32[N, 4]" }, "  y = glu(x)", { x: [1, 2, 0, 3] });
    expect(y[0]).toBeCloseTo(0.5, 12);
    expect(y[1]).toBeCloseTo(2 * sigmoid(3), 12);
  });

  it("sparsemax projects onto the simplex", () => {
    const y = evaluateExpression({ x: "f32[N, 3]" }, "  y = sparsemax(x)", { x }, 2);
    expect(y).toEqual([0, 0, 1, 0, 0, 1]);
    const close = evaluateExpression({ x: "f32[N, 4]" }, "  y = sparsemax(x)", {
      x: [0.5, 0.4, 0.4, -3],
    });
    const tau = (0.5 + 0.4 + 0.4 - 1) / 3;
    close.forEach((value, i) => {
      expect(value).toBeCloseTo(Math.max(0, [0.5, 0.4, 0.4, -3][i]! - tau), 12);
    });
  });
});
