import { describe, expect, it } from "vitest";
import { evaluateExpression as evaluate } from "./run-program.ts";

const x = { x: "f32[N, 3]" };
const rows = { x: [1, 2, 3, 4, 5, 6] };

describe("arithmetic", () => {
  it("broadcasts as NumPy does", () => {
    const inputs = { x: "f32[N, 3]", z: "f32[N, 1]" };
    expect(evaluate(inputs, "y = x * z", { ...rows, z: [10, 100] }, 2)).toEqual([
      10, 20, 30, 400, 500, 600,
    ]);
  });

  it("divides integers into floats and keeps other integers", () => {
    const inputs = { x: "u8[N, 2]" };
    expect(evaluate(inputs, "y = x / 4", { x: [1, 255] })).toEqual([0.25, 63.75]);
    expect(evaluate(inputs, "y = x * 2 + 1", { x: [1, 255] })).toEqual([3, 511]);
    expect(evaluate(inputs, "y = (x - 2) % 3", { x: [1, 5] })).toEqual([2, 0]);
  });

  it("evaluates static numbers at build time, exactly where they come out even", () => {
    expect(evaluate(x, "y = x * (6 / 3) + 1 / 2 - 2^3", rows, 2)[0]).toBe(1 * 2 + 0.5 - 8);
    expect(evaluate(x, "y = x * max(2, 7 % 4) + sqrt(4.0)", rows, 2)[0]).toBe(5);
  });

  it("chooses elements by data and branches by static conditions", () => {
    expect(evaluate(x, "y = if x > 3 then x else -x", rows, 2)).toEqual([-1, -2, -3, 4, 5, 6]);
    expect(evaluate(x, "y = if rank(x) == 2 then x else x[0, 0, 0]", rows, 2)).toEqual(rows.x);
    expect(evaluate(x, "y = f32(x > 2 and not x == 5)", rows, 2)).toEqual([0, 0, 1, 1, 0, 1]);
  });

  it("binds powers tighter than the minus before them", () => {
    expect(evaluate(x, "y = -x^2", rows, 2)[1]).toBe(-4);
  });
});

describe("the matrix product", () => {
  it("sums over the last axis of the left side", () => {
    const inputs = { a: "f32[N, 2]", b: "f32[N, 2]" };
    const body = "  w = [[1.0, 2.0], [3.0, 4.0]]\n  y = a * b";
    expect(evaluate(inputs, body, { a: [1, 2], b: [3, 4] })).toEqual([3, 8]);
  });

  it("takes batches of matrices on both sides", () => {
    const inputs = { a: "f32[N, 1, 2, 2]", b: "f32[N, 2, 2, 1]" };
    const a = [1, 2, 3, 4];
    const b = [1, 1, 2, 0];
    expect(evaluate(inputs, "y = a @ b", { a, b })).toEqual([3, 7, 2, 6]);
  });

  it("takes a vector on the right", () => {
    const inputs = { a: "f32[N, 2, 2]" };
    expect(evaluate(inputs, "y = a @ full([2], 1.0)", { a: [1, 2, 3, 4] })).toEqual([3, 7]);
  });
});

describe("slices", () => {
  const inputs = { x: "f32[N, 4]" };
  const data = { x: [1, 2, 3, 4] };
  it.each([
    ["x[:, 1:3]", [2, 3]],
    ["x[:, -1]", [4]],
    ["x[..., ::2]", [1, 3]],
    ["x[:, ::-1]", [4, 3, 2, 1]],
    ["x[:, -3:-1]", [2, 3]],
    ["x[:, none, 2]", [3]],
  ])("%s", (text, expected) => {
    expect(evaluate(inputs, `y = ${text}`, data)).toEqual(expected);
  });
});

describe("shapes", () => {
  const data = { x: [1, 2, 3, 4, 5, 6] };
  const inputs = { x: "f32[N, 2, 3]" };
  it.each([
    ["reshape(x, [shape(x)[0], 3, 2])[:, 1]", [3, 4]],
    ["reshape(x, [-1, 6])[:, 4]", [5]],
    ["reshape(reshape(x, [shape(x)[0] * 2, 3])[:, 1], [N, 2])", [2, 5]],
    ["transpose(x, [0, 2, 1])", [1, 4, 2, 5, 3, 6]],
    ["concat([x, x * 10], axis = 1)[:, 2]", [10, 20, 30]],
    ["concat([x, x[..., 0:1]])", [1, 2, 3, 1, 4, 5, 6, 4]],
    ["stack([x[:, 0], x[:, 1]], axis = 2)", [1, 4, 2, 5, 3, 6]],
    ["split(x, 3)[1]", [2, 5]],
    ["split(x, [1, 2], axis = -1)[1]", [2, 3, 5, 6]],
    ["broadcast_to(x[:, 0:1], [shape(x)[0], 2, 3])", [1, 2, 3, 1, 2, 3]],
    ["x - full(shape(x), 1)", [0, 1, 2, 3, 4, 5]],
  ])("%s", (text, expected) => {
    expect(evaluate(inputs, `y = ${text}`, data)).toEqual(expected);
  });
});

describe("reductions", () => {
  const data = { x: [1, 2, 3, 4, 5, 6] };
  const inputs = { x: "f32[N, 2, 3]" };
  it.each([
    ["sum(x, axis = -1)", [6, 15]],
    ["mean(x, axis = 1..3)", [3.5]],
    ["max(x, axis = [1, 2], keepdims = true)", [6]],
    ["argmax(x, axis = 2)", [2, 2]],
    ["argmin(x, axis = 1)", [0, 0, 0]],
    ["prod(x, axis = 2)", [6, 120]],
    ["f32(all(x > 1, axis = 2))", [0, 1]],
    ["moments(x, axis = 2)[1] * 3", [2, 2]],
    ["sum(x > 2, axis = 2)", [1, 3]],
    ["x[:, 0] - mean(x, axis = 0..-1)", [-1.5, -1.5, -1.5]],
  ])("%s", (text, expected) => {
    expect(evaluate(inputs, `y = ${text}`, data)).toEqual(expected);
  });
});
