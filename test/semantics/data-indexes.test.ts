import { describe, expect, it } from "vitest";
import { lowerText } from "./lowering.ts";
import { evaluateExpression as evaluate } from "./run-program.ts";

const table = "k[v < 3, d < 2] = 10*v + d + 1";

function codes(text: string): string[] {
  return lowerText(text).diagnostics.map(({ code }) => code);
}

describe("indexes computed from data", () => {
  it("pick rows, and read 0 where there is none", () => {
    const body = `${table}\ny[n, t, d] = k[tokens[n, t], d]`;
    expect(evaluate({ tokens: "i32[N, 2]" }, body, { tokens: [2, 0, -1, 3] }, 2)).toEqual([
      21, 22, 1, 2, 0, 0, 0, 0,
    ]);
  });

  it("are computed from several tensors and axes, divided rounding down", () => {
    const inputs = { a: "i32[N]", b: "u8[N]" };
    const leaves = { a: [-1, 5], b: [2, 1] };
    const body = "k[v < 8] = 10*v\ny[n, i < 3] = k[a[n] / 2 + b[n] + i]";
    expect(evaluate(inputs, body, leaves, 2)).toEqual([10, 20, 30, 30, 40, 50]);
    const converted = "k[v < 8] = 10*v\ny[n, i < 2] = k[i32(b[n] / 2.0), ] + i";
    expect(evaluate(inputs, converted.replace(", ]", "]"), leaves, 2)).toEqual([10, 11, 0, 1]);
  });

  it("follow each other", () => {
    const body = "y[n, i < 3] = x[n, x[n, x[n, i]]]";
    expect(evaluate({ x: "i32[N, 3]" }, body, { x: [1, 2, 0] })).toEqual([0, 1, 2]);
  });

  it("keep a point where they are out of range, and skip one where an axis is", () => {
    const inputs = { tokens: "i32[N, 3]" };
    const leaves = { tokens: [2, 7, 0] };
    const mean = `${table}\ny[n, d] = mean[t] k[tokens[n, t], d]`;
    expect(evaluate(inputs, mean, leaves)).toEqual([22 / 3, 24 / 3]);
    const shifted = `${table}\ny[n, d] = mean[t < 3] k[tokens[n, t - 1], d]`;
    expect(evaluate(inputs, shifted, leaves)).toEqual([21 / 2, 22 / 2]);
    const columns = `${table}\ny[n] = sum[t, e < 5] k[tokens[n, t], e - 1]`;
    expect(evaluate(inputs, columns, leaves)).toEqual([21 + 22 + 1 + 2]);
  });

  it("read 0 where the tensor with the index is read out of range", () => {
    const body = `${table}\ny[n, t < 3] = k[tokens[n, t - 1], 1]`;
    expect(evaluate({ tokens: "i32[N, 2]" }, body, { tokens: [2, 1] })).toEqual([2, 22, 12]);
  });

  it("may be one number", () => {
    const body = `${table}\nlast = max(tokens)\ny[n, d] = k[last, d] * tokens[n]`;
    expect(evaluate({ tokens: "i32[N]" }, body, { tokens: [0, 2] }, 2)).toEqual([0, 0, 42, 44]);
  });

  it("are taken along an axis", () => {
    const inputs = { tokens: "u8[N, 2]" };
    const leaves = { tokens: [2, 0, 9, 1] };
    expect(evaluate(inputs, `${table}\ny = take(k, tokens)`, leaves, 2)).toEqual([
      21, 22, 1, 2, 0, 0, 11, 12,
    ]);
    const columns = "c[i < 2] = 2*i\ny = take(x, c, axis = -1)";
    expect(evaluate({ x: "f32[N, 3]" }, columns, { x: [1, 2, 3, 4, 5, 6] }, 2)).toEqual([
      1, 3, 4, 6,
    ]);
  });

  it("are integers", () => {
    const model = (y: string, type = "f32") =>
      `model M {\n input i: ${type}[N]\n param k: f32[3, 2] = 0\n ${y}\n output y\n}\n`;
    expect(codes(model("y[n, d] = k[i[n], d]"))).toEqual(["index-type"]);
    expect(codes(model("y[n, d] = k[i[n] > 0, d]"))).toEqual(["index-type"]);
    expect(codes(model("y[n, d] = k[i32(i[n]), d]"))).toEqual([]);
    expect(codes(model("y = take(k, i)"))).toEqual(["index-type"]);
    expect(codes(model("y = take(k, i, axis = 1)", "i32"))).toEqual(["batch-must-lead"]);
    expect(codes(model("y = k[i]", "i32"))).toEqual(["data-dependent-slice"]);
  });
});
