/** Rounded copies of operands of products: where they are made, what reads them, and how far results move. */

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Affine,
  axisAffine,
  divAffine,
  modAffine,
  offsetAffine,
} from "../../compiler/graph/affine.ts";
import { and, type Condition, inRange } from "../../compiler/graph/condition.ts";
import { batchExtent, fixed, type Shape } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Graph, LoadScalar, Value } from "../../compiler/graph/node.ts";
import { printGraph } from "../../compiler/graph/print.ts";
import { uniformAt } from "../../compiler/graph/threefry.ts";
import { verifyGraph } from "../../compiler/graph/verify.ts";
import { formGroups } from "../../compiler/optimize/fusion/form-groups.ts";
import { roundOperands } from "../../compiler/optimize/precision.ts";
import { indexRules, rewriteScalar } from "../../compiler/optimize/rewrite-scalars.ts";
import { scalarRules } from "../../compiler/optimize/simplify.ts";
import type { TargetDescription } from "../../compiler/optimize/target-description.ts";
import { baselineCpu } from "../../compiler/targets/cpu/description.ts";
import { describeCuda } from "../../compiler/targets/cuda/description.ts";
import { describeWgsl } from "../../compiler/targets/wgsl/description.ts";
import { Builder } from "./build.ts";

const bf16 = describeCuda({ precision: "bf16" });

function graphOf(values: Readonly<Record<string, Value>>, batchMax = 128): Graph {
  const results = Object.entries(values).map(([name, value]) => ({ name, value }));
  return { name: "g", batchMax, results, assignments: [] };
}

const [i, j, k] = [axisAffine(0), axisAffine(1), axisAffine(2)];

/** Σ over k of left · right, over rows and columns. */
function product(
  builder: Builder,
  [rows, columns, sum]: Shape,
  left: LoadScalar,
  right: LoadScalar,
): Value {
  const body = builder.f.multiply(left, right);
  return builder.context.compute({
    parallel: [rows!, columns!],
    reduction: [sum!],
    reducer: "sum",
    body,
  }).values[0]!;
}

/** x · w and, if trained, x, both computed by maps so that both are copied. */
function dense(builder: Builder, [n, inner, outer]: Shape): Value {
  const { context, f } = builder;
  const x = builder.map([n!, inner!], f.call("tanh", builder.at(builder.input("x", [n!, inner!]))));
  const w = context.leaf("param", "w", "f32", [inner!, outer!]);
  const scaled = builder.map(w.shape, f.call("tanh", builder.at(w)));
  return product(
    builder,
    [n!, outer!, inner!],
    context.load(x, [i, k]),
    context.load(scaled, [k, j]),
  );
}

function rounded(builder: Builder, graph: Graph, target: TargetDescription = bf16): Graph {
  const result = roundOperands(builder.context, graph, target);
  verifyGraph(result);
  return result;
}

const textOf = (graph: Graph): string[] => printGraph(graph).split("\n").slice(1);

describe("roundOperands", () => {
  it("lets a product read copies that are made beside its operands", () => {
    const builder = new Builder();
    const graph = graphOf({ y: dense(builder, [batchExtent, fixed(96), fixed(64)]) });
    expect(textOf(graph)).toMatchInlineSnapshot(`
      [
        "%0: f32[N, 96] = input x",
        "%1: f32[N, 96] = tanh(%0[i0, i1])",
        "%2: f32[96, 64] = param w",
        "%3: f32[96, 64] = tanh(%2[i0, i1])",
        "%4: f32[N, 64] = sum[i2 < 96] %1[i0, i2] * %3[i2, i1]",
        "y = %4",
      ]
    `);
    expect(textOf(rounded(builder, graph))).toMatchInlineSnapshot(`
      [
        "%0: f32[N, 96] = input x",
        "%1: f32[N, 96] = tanh(%0[i0, i1])",
        "%2: f32[96, 64] = param w",
        "%3: f32[96, 64] = tanh(%2[i0, i1])",
        "%4: bf16[N, 96] = bf16(%1[i0, i1])",
        "%5: bf16[96, 64] = bf16(%3[i0, i1])",
        "%6: f32[N, 64] = sum[i2 < 96] f32(%4[i0, i2]) * f32(%5[i2, i1])",
        "y = %6",
      ]
    `);
  });

  it("copies a value once for all products that read it, however they do", () => {
    const builder = new Builder();
    const { context, f } = builder;
    const x = builder.map(
      [batchExtent, fixed(96)],
      f.call("tanh", builder.at(builder.input("x", [batchExtent, fixed(96)]))),
    );
    const dy = builder.map(x.shape, f.call("exp", builder.at(x)));
    const forward = product(
      builder,
      [batchExtent, batchExtent, fixed(96)],
      context.load(x, [i, k]),
      context.load(dy, [j, k]),
    );
    const backward = product(
      builder,
      [fixed(96), fixed(96), batchExtent],
      context.load(x, [k, i]),
      context.load(dy, [k, j]),
    );
    const text = textOf(rounded(builder, graphOf({ forward, backward })));
    expect(text.filter((line) => line.includes("= bf16("))).toHaveLength(2);
    expect(text.filter((line) => /sum.* f32\(.*\* f32\(/.test(line))).toHaveLength(2);
  });

  it("copies what maps only move before it is moved, but not all for the sake of a part", () => {
    const padded = (columns: number): string[] => {
      const builder = new Builder();
      const { context, f } = builder;
      const shape: Shape = [fixed(64), fixed(columns)];
      const x = builder.map(shape, f.call("tanh", builder.at(builder.param("x", 64, columns))));
      const left = offsetAffine(j, -1);
      const moved = builder.map(
        [fixed(64), fixed(96)],
        context.load(x, [i, left], inRange(left, fixed(columns))),
      );
      const y = product(
        builder,
        [fixed(64), fixed(64), fixed(96)],
        context.load(moved, [i, k]),
        context.load(moved, [j, k]),
      );
      return textOf(rounded(builder, graphOf({ y })));
    };
    expect(padded(95)).toMatchInlineSnapshot(`
      [
        "%0: f32[64, 95] = param x",
        "%1: f32[64, 95] = tanh(%0[i0, i1])",
        "%2: bf16[64, 95] = bf16(%1[i0, i1])",
        "%3: f32[64, 64] = sum[i2 < 96] f32(%2[i0, i2 - 1]{-i2 + 95 >= 0 and i2 - 1 >= 0}) * f32(%2[i1, i2 - 1]{-i2 + 95 >= 0 and i2 - 1 >= 0})",
        "y = %3",
      ]
    `);
    expect(padded(900)).toMatchInlineSnapshot(`
      [
        "%0: f32[64, 900] = param x",
        "%1: f32[64, 900] = tanh(%0[i0, i1])",
        "%2: f32[64, 96] = %1[i0, i1 - 1]{-i1 + 900 >= 0 and i1 - 1 >= 0}",
        "%3: bf16[64, 96] = bf16(%2[i0, i1])",
        "%4: f32[64, 64] = sum[i2 < 96] f32(%3[i0, i2]) * f32(%3[i1, i2])",
        "y = %4",
      ]
    `);
  });

  it.each(["bf16", "f16"] as const)("lets relu's derivative read a copy in bf16: %s", (dtype) => {
    const builder = new Builder();
    const { context, f } = builder;
    const shape: Shape = [batchExtent, fixed(96)];
    const x = builder.input("x", shape);
    const dy = builder.input("dy", shape);
    const y = builder.map(shape, f.call("maximum", builder.at(x), f.number(0)));
    const isOff = f.equal(builder.at(y), f.number(0));
    const dx = builder.map(shape, f.select(isOff, f.number(0), builder.at(dy)));
    const w = builder.param("w", 96, 64);
    const z = product(
      builder,
      [batchExtent, fixed(64), fixed(96)],
      context.load(y, [i, k]),
      context.load(w, [k, j]),
    );
    const graph = rounded(builder, graphOf({ z, dx }), describeCuda({ precision: dtype }));
    const line = textOf(graph).find((text) => text.includes("select"));
    const compared =
      dtype === "bf16" ? /select\(f32\(%\d\[i0, i1\]\) == 0/ : /select\(%\d\[i0, i1\] == 0/;
    expect(line).toMatch(compared);
    const leaf = (_: string, path: string) =>
      Float64Array.from({ length: 96 * 96 }, (_unused, at) =>
        path === "x" ? [-1, 0, 2 ** -126, 2 ** -20, 3, Number.NaN, -0][at % 7]! : at + 1,
      );
    const results = (of: Graph) => interpret(of, { n: 2, leaf }).results.get("dx");
    expect(results(graph)).toEqual(results(graphOf({ dx })));
  });

  it("copies columns of the data, whatever their type", () => {
    const builder = new Builder();
    const { context, f } = builder;
    const x = context.leaf("input", "x", "u8", [batchExtent, fixed(96)]);
    const w = builder.param("w", 96, 32);
    const body = f.multiply(context.cast(context.load(x, [i, k]), "f32"), context.load(w, [k, j]));
    const y = context.compute({
      parallel: [batchExtent, fixed(32)],
      reduction: [fixed(96)],
      reducer: "sum",
      body,
    });
    expect(textOf(rounded(builder, graphOf({ y: y.values[0]! })))).toMatchInlineSnapshot(`
      [
        "%0: u8[N, 96] = input x",
        "%1: f32[96, 32] = param w",
        "%2: bf16[N, 96] = bf16(f32(%0[i0, i1]))",
        "%3: f32[N, 32] = sum[i2 < 96] f32(%2[i0, i2]) * f32(bf16(%1[i2, i1]))",
        "y = %3",
      ]
    `);
  });

  it.each([
    ["small and read once", 128, 64, false],
    ["large, but read once", 128, 2048, false],
    ["large and read often", 4096, 2048, true],
  ])("copies a param if that pays: %s", (_, batch, size, isCopied) => {
    const builder = new Builder();
    const { context } = builder;
    const x = builder.input("x", [batchExtent, fixed(size)]);
    const w = builder.param("w", size, size);
    const y = product(
      builder,
      [batchExtent, fixed(size), fixed(size)],
      context.load(x, [i, k]),
      context.load(w, [k, j]),
    );
    const text = textOf(rounded(builder, graphOf({ y }, batch)));
    expect(text.some((line) => line.includes(`bf16[${size}, ${size}]`))).toBe(isCopied);
  });

  it.each([
    ["rows", 7, 96, 16],
    ["columns", 16, 96, 7],
    ["points of the sum", 16, 15, 8],
  ])("leaves products of few %s", (_, rows, sum, columns) => {
    const builder = new Builder();
    const graph = graphOf({ y: dense(builder, [fixed(rows), fixed(sum), fixed(columns)]) });
    expect(rounded(builder, graph)).toBe(graph);
  });

  it.each([
    ["copies", 65, "f32(%4[i0, i2]) * f32(%5[i2, i1])"],
    [
      "rounds in place where it may run row by row",
      64,
      "f32(bf16(%1[i0, i2])) * f32(bf16(%3[i2, i1]))",
    ],
  ])("%s what the least product that fills the units reads", (_, sum, body) => {
    const builder = new Builder();
    const graph = graphOf({ y: dense(builder, [fixed(8), fixed(sum), fixed(8)]) });
    expect(textOf(rounded(builder, graph)).at(-2)).toContain(body);
  });

  it.each([
    ["f32", describeCuda()],
    ["tf32", describeCuda({ precision: "tf32" })],
    ["wgsl", describeWgsl({ f16: true })],
    ["cpu", baselineCpu("x64")],
  ])("does nothing for %s", (_, target) => {
    const builder = new Builder();
    const graph = graphOf({ y: dense(builder, [batchExtent, fixed(96), fixed(64)]) });
    expect(rounded(builder, graph, target)).toBe(graph);
  });
});

describe("grouping", () => {
  it("stores a copy where its value is made, and the value itself nowhere", () => {
    const builder = new Builder();
    const { context, f } = builder;
    const size = fixed(256);
    const h = dense(builder, [batchExtent, size, size]);
    const bias = builder.param("b", 256);
    const relu = builder.map(
      h.shape,
      f.call("maximum", f.add(builder.at(h), context.load(bias, [j])), f.number(0)),
    );
    const y = product(
      builder,
      [batchExtent, size, size],
      context.load(relu, [i, k]),
      context.load(builder.param("v", 256, 256), [k, j]),
    );
    const graph = rounded(builder, graphOf({ y }, 4096));
    const { groups } = formGroups(context, graph, bf16, { fusion: true });
    const stored = groups.map(({ kind, writes }) => `${kind}: ${writes.map(({ dtype }) => dtype)}`);
    expect(stored).toEqual(["map: bf16", "map: bf16", "contraction: bf16", "contraction: f32"]);
  });

  it("does not flatten a copy away from the product that makes its value", () => {
    const builder = new Builder();
    const { context, f } = builder;
    const x = builder.input("x", [batchExtent, fixed(96)]);
    const w = context.leaf("param", "w", "f32", [fixed(96), fixed(4), fixed(32)]);
    const heads = context.compute({
      parallel: [batchExtent, fixed(4), fixed(32)],
      reduction: [fixed(96)],
      reducer: "sum",
      body: f.multiply(context.load(x, [i, axisAffine(3)]), context.load(w, [axisAffine(3), j, k])),
    }).values[0]!;
    const joined = context.load(heads, [i, divAffine(k, 32), modAffine(k, 32)]);
    const v = context.load(builder.param("v", 128, 64), [k, j]);
    const y = product(builder, [batchExtent, fixed(64), fixed(128)], joined, v);
    const graph = rounded(builder, graphOf({ y }));
    const { groups } = formGroups(context, graph, bf16, { fusion: true });
    const stored = groups.map(({ kind, writes }) => `${kind}: ${writes.map(({ dtype }) => dtype)}`);
    expect(stored).toEqual(["map: bf16", "contraction: bf16", "contraction: f32"]);
  });
});

/** Bounds of rounding: half a unit in the last place, as a share of the number. */
const roundoff = { bf16: 2 ** -8, f16: 2 ** -11 } as const;

describe("rounded products", () => {
  const extents = fc.record({
    rows: fc.integer({ min: 16, max: 20 }),
    sum: fc.integer({ min: 65, max: 70 }),
    columns: fc.integer({ min: 8, max: 12 }),
    n: fc.integer({ min: 1, max: 20 }),
    shift: fc.integer({ min: 0, max: 3 }),
    seed: fc.integer({ min: 0, max: 1000 }),
    dtype: fc.constantFrom("bf16" as const, "f16" as const),
  });

  it("are as near as their factors were rounded", () => {
    fc.assert(
      fc.property(extents, ({ rows, sum, columns, n, shift, seed, dtype }) => {
        const builder = new Builder();
        const { context, f } = builder;
        const noisy = (path: string, shape: Shape): Value => {
          const leaf = context.leaf("state", path, "f32", shape);
          return builder.map(shape, f.call("tanh", builder.at(leaf)));
        };
        const a = noisy("a", [batchExtent, fixed(sum)]);
        const b = noisy("b", [fixed(sum), fixed(columns)]);
        // Some of the sum lies outside the operand, as padding does.
        const place: Affine = offsetAffine(k, -shift);
        const guard: Condition = and(inRange(place, fixed(sum)));
        const load = (fn: "a" | "b", magnitude: boolean) => {
          const value = fn === "a" ? a : b;
          const index = fn === "a" ? [i, place] : [place, j];
          const loaded = context.load(value, index, guard);
          return magnitude ? f.call("absolute", loaded) : loaded;
        };
        const sumOf = (magnitude: boolean): Value =>
          context.compute({
            parallel: [batchExtent, fixed(columns)],
            reduction: [fixed(sum)],
            reducer: "sum",
            body: f.multiply(load("a", magnitude), load("b", magnitude)),
          }).values[0]!;
        const graph = graphOf({ y: sumOf(false), size: sumOf(true) }, rows);
        const narrow = rounded(builder, graph, describeCuda({ precision: dtype }));
        fc.pre(narrow !== graph);
        const leaf = (_: string, path: string) =>
          Float64Array.from(
            { length: rows * sum },
            (_unused, at) => 8 * uniformAt(seed, path === "a" ? 1 : 2, 0, at) - 4,
          );
        const environment = { n: Math.min(n, rows), leaf };
        const exact = interpret(graph, environment).results;
        const y = interpret(narrow, environment).results.get("y")!;
        const u = roundoff[dtype];
        exact.get("y")!.forEach((value, at) => {
          const bound = (2 * u + u * u) * exact.get("size")![at]!;
          expect(Math.abs(y[at]! - value)).toBeLessThanOrEqual(bound * (1 + 1e-9) + 1e-7);
        });
        expect(y).not.toEqual(exact.get("y"));
      }),
      { numRuns: 20, seed: 4 },
    );
  });
});

describe("scalar rules", () => {
  const builder = new Builder();
  const { context, f } = builder;
  const x = builder.at(builder.param("x", 9));
  const scope = {
    context,
    axes: [fixed(9)],
    batchMax: 1,
    where: { kind: "true", key: "true" },
  } as const;
  const simplified = (scalar: typeof x) => rewriteScalar(scalar, scope, indexRules(scalarRules));

  it.each(["bf16", "f16"] as const)("keep the rounding of %s", (dtype) => {
    const narrow = f.cast(x, dtype);
    expect(simplified(f.cast(narrow, "f32"))).toBe(f.cast(narrow, "f32"));
    // Rounding what is rounded already changes nothing.
    expect(simplified(f.cast(f.cast(narrow, "f32"), dtype))).toBe(narrow);
    const byte = context.load(context.leaf("state", "byte", "u8", [fixed(9)]), [axisAffine(0)]);
    expect(simplified(f.cast(f.cast(byte, dtype), "f32"))).toBe(f.cast(byte, "f32"));
    const integer = context.load(context.leaf("state", "int", "i32", [fixed(9)]), [axisAffine(0)]);
    const big = f.cast(f.cast(integer, dtype), "f32");
    expect(simplified(big)).toBe(big);
  });

  it("round constants", () => {
    const third = f.cast(f.cast(f.number(1 / 3), "bf16"), "f32");
    expect(simplified(third)).toBe(f.number(0.333984375));
    expect(simplified(f.cast(f.cast(f.number(1e6), "f16"), "f32"))).toBe(f.number(Infinity));
  });

  it("know that rounding may leave a range", () => {
    const below = f.call("minimum", f.call("maximum", x, f.number(0)), f.number(0.3));
    const narrow = f.cast(f.cast(below, "bf16"), "f32");
    const capped = f.call("minimum", narrow, f.number(0.3));
    expect(simplified(capped)).toBe(capped);
    expect(simplified(f.call("maximum", narrow, f.number(0)))).toBe(narrow);
  });
});
