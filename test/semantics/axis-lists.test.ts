/** Lists of axes, lists of sizes in types, and layers derived from others. */

import { describe, expect, it } from "vitest";
import { lowerText } from "./lowering.ts";
import { evaluateExpression, predict } from "./run-program.ts";

const titles = (text: string): string[] => lowerText(text).diagnostics.map(({ title }) => title);

describe("a list of axes", () => {
  const x = [1, 2, 3, 4, 5, 6];

  it("has as many axes as there are sizes", () => {
    const body = "  y[n, p... < shape(x)[1:]] = 2 * x[n, p...]";
    expect(evaluateExpression({ x: "f32[N, 2, 3]" }, body, { x })).toEqual([2, 4, 6, 8, 10, 12]);
    expect(evaluateExpression({ x: "f32[N, 6]" }, body, { x })).toEqual([2, 4, 6, 8, 10, 12]);
    expect(evaluateExpression({ x: "f32[N]" }, body, { x: [7] })).toEqual([14]);
  });

  it("is a static list of axes, to index and to compute with", () => {
    const reversed = "  y[n, p... < [3, 2]] = x[n, [p[1], p[0]]...]";
    expect(evaluateExpression({ x: "f32[N, 2, 3]" }, reversed, { x })).toEqual([1, 4, 2, 5, 3, 6]);
    const offset = "  y[n, p... < [2, 3]] = x[n, p...] + 10 * f32(p[0])";
    expect(evaluateExpression({ x: "f32[N, 2, 3]" }, offset, { x })).toEqual([1, 2, 3, 14, 15, 16]);
  });

  it("is reduced over, beside axes that take their sizes", () => {
    const body = "  y[n, c] = sum[p... < [2]] x[n, p..., c]";
    expect(evaluateExpression({ x: "f32[N, 2, 3]" }, body, { x })).toEqual([5, 7, 9]);
    const between = "  y[n, c] = max[p... < [], q... < [3]] x[n, p..., c, q...]";
    expect(titles(`model M {\n  input x: f32[N, 2, 3]\n${between}\n  output z = y\n}`)).toEqual([
      "the axis `c` has no range",
    ]);
  });

  it("is bound once", () => {
    const text =
      "model M {\n  input x: f32[N, 2]\n  y[n, p... < [2], p] = x[n, p...]\n  output y\n}";
    expect(titles(text)[0]).toContain("`p`");
  });

  it("spreads lists only", () => {
    const text =
      "model M {\n  input x: f32[N, 2]\n  s = 2\n  y[n, a < 2] = x[n, s...] + a\n  output y\n}";
    expect(titles(text)[0]).toContain("must be a list");
  });
});

describe("a list of sizes in a type", () => {
  const layer = `
    layer L()(x: f32[N, S..., C]) -> f32[N, C, S...] {
      param w: f32[S..., C] = ones
      y[n, c, p... < S] = x[n, p..., c] * w[p..., c]
      return y
    }`;

  it("takes what stands there, and means it elsewhere", () => {
    const text = `${layer}\nmodel M {\n  input x: f32[N, 2, 3]\n  output y = x |> L\n}`;
    expect(predict(text, { x: [1, 2, 3, 4, 5, 6] }).y).toEqual([1, 4, 2, 5, 3, 6]);
  });

  it("must be met where it is known", () => {
    const text = `
      layer L()(x: f32[N, S...], z: f32[N, S...]) {
        return x + z
      }
      model M {
        input x: f32[N, 2, 3]
        input z: f32[N, 3, 2]
        output y = L()(x, z)
      }`;
    expect(titles(text)[0]).toContain("2");
  });
});

describe("a derived layer", () => {
  const base = `
    layer Scaled(factor: float, offset = 0.0)(x) {
      param w: f32[] = 1.0
      return factor * w * x + offset
    }
    layer Twice = Scaled(2.0)
    layer TwiceMore = Twice(offset = 1.0)
    layer Same = Scaled`;
  const model = (layer: string) =>
    `${base}\nmodel M {\n  input x: f32[N]\n  output y = x |> ${layer}\n}`;

  it.each([
    ["Twice", 6],
    ["Twice(1.0)", 7],
    ["TwiceMore", 7],
    ["TwiceMore()", 7],
    ["Same(3.0, 1.0)", 10],
    ["Same(factor = 3.0)", 9],
  ])("%s", (layer, wanted) => {
    expect(predict(model(layer), { x: [3] }).y).toEqual([wanted]);
  });

  it("names its params by its own name", () => {
    expect(predict(model("Twice"), { x: [3], "M/twice/w": [5] }).y).toEqual([30]);
  });

  it.each([
    ["layer A = relu", "what `A` derives from must be a layer"],
    ["layer A = Dense(size = 3)", "has no argument `size`"],
    ["layer A = A", "`A`"],
    ['layer A = Dense(units = "many")', "must be an int"],
  ])("%s: %s", (declaration, message) => {
    const text = `${declaration}\nmodel M {\n  input x: f32[N, 2]\n  output y = x |> A\n}`;
    expect(titles(text)[0]).toContain(message);
  });

  it("no longer takes what is given", () => {
    expect(titles(model("Twice(factor = 1.0)"))[0]).toContain("factor");
    expect(titles(model("TwiceMore(1.0)")).length).toBe(1);
  });
});
