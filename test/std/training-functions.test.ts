/** Schedules, constraints and regularizers of the library, against Keras' formulas written out. */

import { describe, expect, it } from "vitest";
import { evaluateExpression } from "../semantics/run-program.ts";

const steps = [0, 1, 3, 5, 7, 10, 12, 25];

const schedules: readonly (readonly [string, (step: number) => number])[] = [
  ["ExponentialDecay(0.1, 4, 0.5)", (s) => 0.1 * 0.5 ** (s / 4)],
  ["ExponentialDecay(0.1, 4, 0.5, staircase = true)", (s) => 0.1 * 0.5 ** Math.floor(s / 4)],
  ["InverseTimeDecay(0.1, 4, 0.5, true)", (s) => 0.1 / (1 + 0.5 * Math.floor(s / 4))],
  ["PolynomialDecay(0.1, 10)", (s) => (0.1 - 1e-4) * (1 - Math.min(s, 10) / 10) + 1e-4],
  [
    "PolynomialDecay(0.1, 5, 0.01, power = 2.0, cycle = true)",
    (s) => {
      const whole = 5 * (s === 0 ? 1 : Math.ceil(s / 5));
      return 0.09 * (1 - s / whole) ** 2 + 0.01;
    },
  ],
  [
    "CosineDecay(0.1, 10, alpha = 0.2)",
    (s) => 0.1 * (0.8 * 0.5 * (1 + Math.cos((Math.PI * Math.min(s, 10)) / 10)) + 0.2),
  ],
  [
    "CosineDecay(0.0, 10, warmup_target = 0.1, warmup_steps = 5)",
    (s) => (s < 5 ? 0.02 * s : 0.1 * 0.5 * (1 + Math.cos((Math.PI * Math.min(s - 5, 10)) / 10))),
  ],
  [
    "CosineDecayRestarts(0.1, 4, t_mul = 2.0, m_mul = 0.5, alpha = 0.1)",
    (s) => {
      let [start, length, peak] = [0, 4, 1];
      while (s >= start + length) [start, length, peak] = [start + length, length * 2, peak / 2];
      const cosine = 0.5 * peak * (1 + Math.cos((Math.PI * (s - start)) / length));
      return 0.1 * (0.9 * cosine + 0.1);
    },
  ],
  [
    "CosineDecayRestarts(0.1, 4, t_mul = 1.0)",
    (s) => 0.05 * (1 + Math.cos((Math.PI * (s % 4)) / 4)),
  ],
  ["PiecewiseConstantDecay([3, 10], [0.3, 0.2, 0.1])", (s) => (s <= 3 ? 0.3 : s <= 10 ? 0.2 : 0.1)],
];

function expectClose(found: readonly number[], expected: readonly number[]): void {
  expect(found).toHaveLength(expected.length);
  found.forEach((value, i) => {
    expect(Math.abs(value - expected[i]!), `[${i}]: ${value}, not ${expected[i]}`).toBeLessThan(
      1e-12,
    );
  });
}

describe("schedules", () => {
  it.each(schedules)("%s", (schedule, rate) => {
    const found = evaluateExpression(
      { s: "f32[N]" },
      `  y = ${schedule}(s)`,
      { s: steps },
      steps.length,
    );
    expectClose(found, steps.map(rate));
  });
});

const w = [0.5, -2, 1.5, 0.25, -1, 3];
const columns = [0, 1].map((j) => Math.hypot(w[j]!, w[2 + j]!, w[4 + j]!));
const byColumn = (factor: (norm: number) => number) => w.map((x, i) => x * factor(columns[i % 2]!));

const cut = (x: number, low: number, high: number) => Math.min(Math.max(x, low), high);

const matrices: readonly (readonly [string, readonly number[]])[] = [
  ["MaxNorm(2)", byColumn((norm) => cut(norm, 0, 2) / (1e-7 + norm))],
  ["max_norm(1.5, axis = 0)", byColumn((norm) => cut(norm, 0, 1.5) / (1e-7 + norm))],
  ["UnitNorm()", byColumn((norm) => 1 / (1e-7 + norm))],
  ["NonNeg()", w.map((x) => Math.max(x, 0))],
  [
    "MinMaxNorm(2.5, 3.0, rate = 0.5)",
    byColumn((norm) => (0.5 * cut(norm, 2.5, 3) + 0.5 * norm) / (1e-7 + norm)),
  ],
];

const evaluateOn = (expression: string) =>
  evaluateExpression(
    { x: "f32[N, 3, 2]" },
    `  w = x[0]\n  z = ${expression}\n  y = broadcast_to(z, [N] + shape(z))`,
    { x: w },
  );

describe("constraints", () => {
  it.each(matrices)("%s", (constraint, expected) => {
    expectClose(evaluateOn(`${constraint}(w)`), expected);
  });
});

describe("regularizers", () => {
  const total = (f: (x: number) => number) => w.reduce((sum, x) => sum + f(x), 0);
  const rows = [w.slice(0, 2), w.slice(2, 4), w.slice(4)];
  const cosine = (a: readonly number[], b: readonly number[]) => {
    const dot = a.reduce((sum, x, i) => sum + x * b[i]!, 0);
    return Math.abs(dot) / (Math.hypot(...a) * Math.hypot(...b));
  };
  const [p, q, r] = rows as [number[], number[], number[]];
  const transposed = [0, 1].map((j) => rows.map((row) => row[j]!)) as [number[], number[]];
  it.each([
    ["L1(0.1)", 0.1 * total(Math.abs)],
    ["L2(0.1)", 0.1 * total((x) => x * x)],
    ["L1L2(0.1, 0.2)", 0.1 * total(Math.abs) + 0.2 * total((x) => x * x)],
    ["OrthogonalRegularizer(0.3)", (0.3 * (cosine(p, q) + cosine(p, r) + cosine(q, r))) / 3],
    ['OrthogonalRegularizer(0.3, mode = "columns")', 0.3 * cosine(...transposed)],
  ] as const)("%s", (regularizer, expected) => {
    expectClose(evaluateOn(`${regularizer}(w)`), [expected]);
  });
});
