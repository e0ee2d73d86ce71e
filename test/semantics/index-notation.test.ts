import { describe, expect, it } from "vitest";
import { evaluateExpression as evaluate } from "./run-program.ts";

describe("index notation", () => {
  it("makes a matrix product", () => {
    const inputs = { x: "f32[N, 2]", k: "f32[N, 2]" };
    const leaves = { x: [1, 2, 3, 4], k: [1, 0, 0, 1] };
    // Of rows with rows, as a sum over the rows of k weighed by its second column.
    const body = "p[n, m] = sum[i] x[n, i] * k[m, i]\ny[n] = sum[m] p[n, m] * (1 + k[m, 1])";
    expect(evaluate(inputs, body, leaves, 2)).toEqual([1 + 2 * 2, 3 + 2 * 4]);
  });

  it("skips terms that read outside: a padded convolution and its average", () => {
    const inputs = { x: "f32[N, 4]" };
    const leaves = { x: [1, 2, 3, 4] };
    expect(evaluate(inputs, "y[n, h < 4] = sum[i < 3] x[n, h + i - 1]", leaves)).toEqual([
      3, 6, 9, 7,
    ]);
    expect(evaluate(inputs, "y[n, h < 4] = mean[i < 3] x[n, h + i - 1]", leaves)).toEqual([
      1.5, 2, 3, 3.5,
    ]);
    expect(evaluate(inputs, "y[n, h < 4] = max[i < 3] -x[n, h + i - 1]", leaves)).toEqual([
      -1, -1, -2, -3,
    ]);
    expect(evaluate(inputs, "y[n, h < 4] = prod[i < 3] (x[n, h + i - 1] + 1)", leaves)).toEqual([
      6, 24, 60, 20,
    ]);
  });

  it("reads 0 outside where nothing is reduced", () => {
    const inputs = { x: "f32[N, 3]" };
    expect(evaluate(inputs, "y[n, i < 4] = x[n, i - 1] + 1", { x: [1, 2, 3] })).toEqual([
      1, 2, 3, 4,
    ]);
  });

  it("pools with strides", () => {
    const inputs = { x: "f32[N, 4, 2]" };
    const leaves = { x: [1, 8, 2, 7, 3, 6, 4, 5] };
    const body = "y[n, h < 4/2, c] = max[i < 2] x[n, 2*h + i, c]";
    expect(evaluate(inputs, body, leaves)).toEqual([2, 8, 4, 6]);
  });

  it("executes only the branch that axis values choose", () => {
    const inputs = { a: "f32[N, 2]", b: "f32[N, 3]" };
    const leaves = { a: [1, 2], b: [3, 4, 5] };
    const concat = "y[n, i < 5] = if i < 2 then a[n, i] else b[n, i - 2]";
    expect(evaluate(inputs, concat, leaves)).toEqual([1, 2, 3, 4, 5]);
    const total = "y[n] = sum[i < 5] (if i < 2 then a[n, i] else b[n, i - 2])";
    expect(evaluate(inputs, total, leaves)).toEqual([15]);
  });

  it("uses axis values as numbers and in conditions", () => {
    const inputs = { x: "f32[N, 4]" };
    const leaves = { x: [1, 2, 3, 4] };
    expect(evaluate(inputs, "y[n, i] = x[n, i] * i", leaves)).toEqual([0, 2, 6, 12]);
    expect(evaluate(inputs, "y[n, i] = if i % 2 == 0 then x[n, i] else 0.0", leaves)).toEqual([
      1, 0, 3, 0,
    ]);
    expect(evaluate(inputs, "y[n < N, i < 4] = x[n, i/2]", leaves)).toEqual([1, 1, 2, 2]);
  });

  it("makes reductions inside reductions nodes of their own", () => {
    const inputs = { x: "f32[N, 3]" };
    const body = "y[n, i] = x[n, i] - (max[j] x[n, j]) * (sum[j, k] x[n, j] * x[n, k])";
    expect(evaluate(inputs, body, { x: [1, 0, 2] })).toEqual([-17, -18, -16]);
  });

  it("calls functions on elements", () => {
    const inputs = { x: "f32[N, 3]" };
    expect(evaluate(inputs, "y[n, i] = relu(x[n, i] - 2)", { x: [1, 2, 4] })).toEqual([0, 0, 2]);
  });

  it("indexes any expression once", () => {
    const inputs = { x: "i32[N]" };
    const body = "y[n] = sum[c] one_hot(x, 4)[n, c] * c";
    expect(evaluate(inputs, body, { x: [3, 0] }, 2)).toEqual([3, 0]);
  });

  it("takes moments and places of extremes", () => {
    const inputs = { x: "f32[N, 3]" };
    expect(evaluate(inputs, "y[n] = argmax[i] x[n, i]", { x: [1, 9, 4] })).toEqual([1]);
    const body = "  s[n] = logsumexp[i] x[n, i]\n  y = exp(s)";
    expect(evaluate(inputs, body, { x: [0, 0, 0] })[0]).toBeCloseTo(3, 12);
  });

  it("reverses, gives diagonals, and puts axes anywhere", () => {
    const inputs = { x: "f32[N, 2, 2]" };
    const leaves = { x: [1, 2, 3, 4] };
    expect(evaluate(inputs, "y[n, i < 2] = x[n, 1 - i, 0]", leaves)).toEqual([3, 1]);
    expect(evaluate(inputs, "y[n] = sum[i] x[n, i, i]", leaves)).toEqual([5]);
    expect(evaluate(inputs, "y[n, j, i] = x[n, i, j]", leaves)).toEqual([1, 3, 2, 4]);
    expect(evaluate(inputs, "y[n, i] = x[n, i, -1]", leaves)).toEqual([2, 4]);
  });
});
