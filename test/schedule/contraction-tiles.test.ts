/**
 * Register tiles of contractions at the edges of what they tile: batches that leave a last tile fewer rows than it has,
 * on vectors of every width, against the float64 interpreter, and the same bits on one thread and on two.
 */

import { describe, expect, test } from "vitest";
import { addAffine, axisAffine } from "../../compiler/graph/affine.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { fixed } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Graph, Scalar } from "../../compiler/graph/node.ts";
import { algebraOf } from "../../compiler/graph/scalar-functions.ts";
import { printKernel } from "../../compiler/kernel/print.ts";
import { printC } from "../../compiler/targets/cpu/print-module.ts";
import { describeCuda } from "../../compiler/targets/cuda/description.ts";
import { describeWgsl } from "../../compiler/targets/wgsl/description.ts";
import { thisCpu } from "../targets/run-kernels.ts";
import { type Case, productCase, randomNumbers } from "./contraction-cases.ts";
import { expectClose } from "./expect-close.ts";
import { type GraphOutcome, runGraph } from "./run-program.ts";
import { scheduleCase } from "./schedule-case.ts";

/** This machine with vectors of so many lanes, and tasks as small as can be, so that threads have some each. */
const cpuOf = (lanes: number) => ({ ...thisCpu(), vectorLanes: lanes, taskSeconds: 1e-9 });
const widths = [1, 2, 4, 8, 16];

const cases: readonly Case[] = [
  // Fewer rows than a tile, as many, one more, and tasks the last of which has few.
  ...[1, 3, 8, 9, 31, 61].map(
    (n): Case => ({ letters: "mk,kn->mn", sizes: { m: "N", k: 20, n: 37 }, batch: [n, 61] }),
  ),
  // Rows of the sum's first operand lie side by side, steps of the sum apart.
  { letters: "km,kn->mn", sizes: { k: "N", m: 45, n: 24 }, batch: [7, 19] },
  { letters: "km,kn->mn", sizes: { k: 24, m: 67, n: 70 } },
  { letters: "mk,nk->mn", sizes: { m: 67, k: 18, n: 35 } },
  { letters: "bmk,bkn->bmn", sizes: { b: "N", m: 13, k: 8, n: 20 }, batch: [2, 3] },
];

describe.each(widths)("vectors of %i lanes", (lanes) => {
  const cpu = cpuOf(lanes);

  test.for(cases)("$letters $sizes $batch", async (given) => {
    const product = productCase(given);
    const { graph, n, leaf } = product;
    const expected = interpret(graph, { n, leaf }).results.get("y")!;
    const run = (threads: number) => runGraph(product, { cpu, fusion: true, threads });
    const one = await run(1);
    expectClose(one.results.get("y")!, expected, "y");
    expect((await run(2)).results).toEqual(one.results);
  });

  test.for([3, 37, 59])(
    "rows that two tiles compute are updated once, %i of them",
    async (rows) => {
      const update = updateCase(rows);
      const [expected] = interpret(update.graph, update).assignments;
      const oneTask = { ...cpu, taskSeconds: 1 };
      const run = (threads: number) => runGraph(update, { cpu: oneTask, fusion: true, threads });
      const one = await run(1);
      expectClose(one.assignments.get("w")!, expected!.data, "w");
      expect((await run(2)).assignments).toEqual(one.assignments);
    },
  );
});

/** w[rows, 24] −= a·b, in place: a row that was subtracted twice would show. */
function updateCase(rows: number) {
  const context = new GraphContext();
  const f = algebraOf<Scalar>(context, "f32");
  const shape = [fixed(rows), fixed(24)];
  const depth = fixed(11);
  const a = context.leaf("param", "a", "f32", [fixed(rows), depth]);
  const b = context.leaf("param", "b", "f32", [depth, fixed(24)]);
  const w = context.leaf("param", "w", "f32", shape);
  const product = context.compute({
    parallel: shape,
    reduction: [depth],
    reducer: "sum",
    body: f.multiply(
      context.load(a, [axisAffine(0), axisAffine(2)]),
      context.load(b, [axisAffine(2), axisAffine(1)]),
    ),
  }).values[0]!;
  const at = [axisAffine(0), axisAffine(1)];
  const value = context.compute({
    parallel: shape,
    body: f.subtract(context.load(w, at), context.load(product, at)),
  }).values[0]!;
  const graph: Graph = {
    name: "update",
    batchMax: 1,
    results: [],
    assignments: [{ target: w, value }],
  };
  const leaf = (_role: string, path: string) => randomNumbers(path, Math.max(rows, 24) * 24);
  return { context, graph, n: 1, leaf };
}

/** Two products of the same sizes of other operands. */
function twoProducts(columns: readonly [number, number]) {
  const context = new GraphContext();
  const f = algebraOf<Scalar>(context, "f32");
  const results = columns.map((count, i) => {
    const [m, k, n] = [fixed(64), fixed(30), fixed(count)];
    const a = context.leaf("param", `a${i}`, "f32", [m, k]);
    const b = context.leaf("param", `b${i}`, "f32", [k, n]);
    const body = f.multiply(
      context.load(a, [axisAffine(0), axisAffine(2)]),
      context.load(b, [axisAffine(2), axisAffine(1)]),
    );
    const node = context.compute({ parallel: [m, n], reduction: [k], reducer: "sum", body });
    return { name: `y${i}`, value: node.values[0]! };
  });
  const graph: Graph = { name: "products", batchMax: 1, results, assignments: [] };
  const leaf = (_role: string, path: string) => randomNumbers(path, 64 * 64);
  return { context, graph, n: 1, leaf };
}

/** The names of tile functions that are defined, in order. */
function tilesOf({ source }: GraphOutcome): string[] {
  return [...source.matchAll(/^static .*void (tile_\w+)\(/gm)].map(([, name]) => name!);
}

test("tiles are named by what they compute, and kernels share them", async () => {
  const cpu = { ...cpuOf(4), vectorRegisters: 16 };
  const same = await runGraph(twoProducts([32, 32]), { cpu, fusion: true });
  const tiles = tilesOf(same);
  expect(tiles).toMatchInlineSnapshot(`
    [
      "tile_4x2x4_n",
    ]
  `);
  // How far apart columns of other products lie is an argument.
  const other = await runGraph(twoProducts([32, 48]), { cpu, fusion: true });
  expect(tilesOf(other)).toEqual(tiles);
  const calls = other.source.matchAll(/ tile_4x2x4_n\((?:[^,()]*, ){2}([^&()]*), tile\)/g);
  expect([...calls].map(([, numbers]) => numbers)).toMatchInlineSnapshot(`
    [
      "30, 1, 32, 30",
      "30, 1, 48, 30",
    ]
  `);
});

test("a tile that fits its rows has no other beside it", async () => {
  const cpu = { ...cpuOf(4), vectorRegisters: 16 };
  const tilesOfRows = async (m: number | "N", batch: readonly [number, number] = [1, 1]) => {
    const product = productCase({ letters: "mk,kn->mn", sizes: { m, k: 9, n: 16 }, batch });
    const tiles = tilesOf(await runGraph(product, { cpu, fusion: true }));
    return tiles.map((name) => name.split("_")[1]);
  };
  expect(await tilesOfRows(16)).toMatchInlineSnapshot(`
    [
      "4x2x4",
    ]
  `);
  // The rows of a batch may be any number.
  expect(await tilesOfRows("N", [16, 16])).toMatchInlineSnapshot(`
    [
      "1x2x4",
      "4x2x4",
    ]
  `);
});

test("the last panel of columns shares the code of the others", async () => {
  const cpu = { ...cpuOf(16), vectorRegisters: 32 };
  const outcome = async (n: number) => {
    const product = productCase({ letters: "mk,kn->mn", sizes: { m: 64, k: 30, n } });
    const run = await runGraph(product, { cpu, fusion: true });
    expectClose(run.results.get("y")!, interpret(product.graph, product).results.get("y")!, "y");
    const kernel = run.source.slice(run.source.indexOf("void run_"));
    const stores = [...kernel.matchAll(/ (store_\w+)\(.*?(, \d+)?\);/g)];
    return [...tilesOf(run), ...stores.map(([, name, active = ""]) => name + active)];
  };
  // Panels of three vectors, then of two: the third is of the others alone.
  expect(await outcome(80)).toMatchInlineSnapshot(`
    [
      "tile_8x3x16_n",
      "tile_8x2x16in48_n",
      "store_f32x16",
      "store_f32x16",
      "store_f32x16",
    ]
  `);
  // The second vector of the last one has six columns.
  expect(await outcome(70)).toMatchInlineSnapshot(`
    [
      "tile_8x3x16_n",
      "tile_8x2x16to6in48_n",
      "store_f32x16",
      "store_f32x16",
      "store_f32x16",
      "store_first_f32x16, 6",
    ]
  `);
});

test("only the CPU is asked to bring memory near", () => {
  const product = productCase({ letters: "km,kn->mn", sizes: { k: 64, m: 128, n: 1024 } });
  const textFor = (target: Parameters<typeof scheduleCase>[1]) =>
    scheduleCase(product, target, true)
      .program.module.functions.flatMap(({ launches }) => launches)
      .map(({ kernel }) => printKernel(kernel))
      .join("\n");
  expect(textFor(cpuOf(16))).toContain("prefetch_f32(");
  expect(textFor(describeCuda({ precision: "f32" }))).not.toContain("prefetch");
  expect(textFor(describeWgsl())).not.toContain("prefetch");
});

test("a sum that goes on in parts, asking for memory in between, has its steps in its text", async () => {
  // The tile's rows of w, which are updated, are far from the first cache.
  const cpu = { ...cpuOf(8), vectorRegisters: 16, cacheBytes: [1 << 8, 1 << 20] as const };
  const run = await runGraph(updateCase(32), { cpu, fusion: true });
  expect(tilesOf(run)).toMatchInlineSnapshot(`
    [
      "tile_2x3x8_by11_11x1x24_ask",
    ]
  `);
});

test("a sum of few steps in two loops has them in its text", () => {
  /** y[m, n] = Σ over a < 3 and b < `steps` of x[a, m + b] · w[a, b, n]. */
  const tileOf = (steps: number) => {
    const context = new GraphContext();
    const leaf = (path: string, ...sizes: number[]) =>
      context.leaf("param", path, "f32", sizes.map(fixed));
    const place = addAffine(axisAffine(0), axisAffine(3));
    const { values } = context.compute({
      parallel: [fixed(24), fixed(32)],
      reduction: [fixed(3), fixed(steps)],
      reducer: "sum",
      body: context.call(
        "multiply",
        context.load(leaf("x", 3, 40), [axisAffine(2), place]),
        context.load(leaf("w", 3, steps + 1, 32), [axisAffine(2), axisAffine(3), axisAffine(1)]),
      ),
    });
    const results = [{ name: "y", value: values[0]! }];
    const graph: Graph = { name: "sums", batchMax: 1, results, assignments: [] };
    const { program } = scheduleCase({ context, graph }, cpuOf(16), true);
    const c = printC(program.module, { features: [], source: "test.nn" });
    return c.match(/^static .* void (tile_\w+)/m)![1];
  };
  expect(tileOf(3)).toMatchInlineSnapshot(`"tile_12x2x16_by1_3x40x128_3x1x32"`);
  expect(tileOf(11)).toMatchInlineSnapshot(`"tile_12x2x16_by1_n_n"`);
});

test("rows of a tile that lie in one line are asked for once", () => {
  const askedBy = (m: number) => {
    const product = productCase({ letters: "km,kn->mn", sizes: { k: 64, m, n: 1024 } });
    const { program } = scheduleCase(product, cpuOf(16), true);
    const c = printC(program.module, { features: [], source: "test.nn" });
    const tile = c.match(/^static .* void (tile_\w+)[\s\S]*?^}$/m)!;
    return [tile[1], ...[...tile[0].matchAll(/prefetch_f32\((.*)\);/g)].map(([, place]) => place)];
  };
  expect(askedBy(128)).toMatchInlineSnapshot(`
    [
      "tile_8x3x16_by1_n_line16",
      "left + k * left_step + 16 * left_step",
    ]
  `);
  // Five rows may reach into the next line.
  expect(askedBy(130)).toMatchInlineSnapshot(`
    [
      "tile_5x4x16_by1_n_far16",
      "left + k * left_step + 16 * left_step",
      "left + k * left_step + 16 * left_step + 4",
    ]
  `);
});

describe("what a sum reads next is asked for", () => {
  /** y[m, n] = Σ over b and k < `steps` of a[b, k, m] · c[b, k, n]: steps side by side, then a place far away. */
  function askedFor(steps: number): { readonly c: string; readonly places: readonly string[] } {
    const context = new GraphContext();
    const read = (path: string, columns: number, axis: number) =>
      context.load(
        context.leaf("param", path, "f32", [fixed(90), fixed(steps + 2), fixed(columns)]),
        [axisAffine(2), axisAffine(3), axisAffine(axis)],
      );
    const product = context.compute({
      parallel: [fixed(32), fixed(256)],
      reduction: [fixed(90), fixed(steps)],
      reducer: "sum",
      body: context.call("multiply", read("a", 32, 0), read("c", 256, 1)),
    });
    const results = [{ name: "y", value: product.values[0]! }];
    const graph: Graph = { name: "short", batchMax: 1, results, assignments: [] };
    const cpu = { ...cpuOf(16), cacheBytes: [1 << 15, 1 << 20] as const };
    const { program } = scheduleCase({ context, graph }, cpu, true);
    const c = printC(program.module, { features: [], source: "test.nn" });
    const tile = c.match(/^static .* void tile_[\s\S]*?^}$/m)![0];
    const asked = [...tile.matchAll(/prefetch_f32\((.*)\);/g)].map(([, place]) => place!);
    return { c, places: [...new Set(asked)] };
  }

  test("of the outer loop where the innermost one is short", () => {
    const { c, places } = askedFor(5);
    // Four times around the outer loop, of 7 · 32 and 7 · 256 elements, are twenty steps.
    expect(places).toMatchInlineSnapshot(`
      [
        "left + k * left_step + k_2 * left_step_2 + 4 * left_step",
        "right + k * right_step + k_2 * right_step_2 + 4 * right_step",
        "right + k * right_step + k_2 * right_step_2 + 4 * right_step + 16",
        "right + k * right_step + k_2 * right_step_2 + 4 * right_step + 32",
      ]
    `);
    expect(c).toContain("(a + row, c + column, 90, 5, 224, 1792, 32, 256, tile);");
  });

  test("never beyond a run that is over by then", () => {
    const ofLeft = (steps: number) =>
      askedFor(steps).places.filter((place) => place.startsWith("left") && !/ \d+$/.test(place));
    expect(ofLeft(16)).toEqual(["left + k * left_step + k_2 * left_step_2 + left_step"]);
    expect(ofLeft(17)).toEqual(["left + k * left_step + k_2 * left_step_2 + 16 * left_step_2"]);
  });
});
