/** Maps on finished tiles: how often their text stands in a kernel. */

import { expect, test } from "vitest";
import { axisAffine } from "../../compiler/graph/affine.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { fixed } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Graph, Scalar } from "../../compiler/graph/node.ts";
import { algebraOf } from "../../compiler/graph/scalar-functions.ts";
import { thisCpu } from "../targets/run-kernels.ts";
import { randomNumbers } from "./contraction-cases.ts";
import { expectClose } from "./expect-close.ts";
import { runGraph } from "./run-program.ts";

const [rows, depth] = [64, 30];

/** (a·b) · bias, and then x + x² so many times. */
function productWith(times: number, columns: number) {
  const context = new GraphContext();
  const f = algebraOf<Scalar>(context, "f32");
  const a = context.leaf("param", "a", "f32", [fixed(rows), fixed(depth)]);
  const b = context.leaf("param", "b", "f32", [fixed(depth), fixed(columns)]);
  const bias = context.leaf("param", "bias", "f32", [fixed(columns)]);
  const [row, column, k] = [0, 1, 2].map(axisAffine);
  const parallel = [fixed(rows), fixed(columns)];
  const [product] = context.compute({
    parallel,
    reduction: [fixed(depth)],
    reducer: "sum",
    body: f.multiply(context.load(a, [row!, k!]), context.load(b, [k!, column!])),
  }).values;
  let body = f.multiply(context.load(product!, [row!, column!]), context.load(bias, [column!]));
  for (let i = 0; i < times; i++) body = f.add(body, f.multiply(body, body));
  const [y] = context.compute({ parallel, body }).values;
  const results = [{ name: "y", value: y! }];
  const graph: Graph = { name: "product", batchMax: 1, results, assignments: [] };
  const leaf = (_role: string, path: string) => randomNumbers(path, 64 * 128);
  return { context, graph, leaf, n: 1 };
}

/** The loops over a tile's vectors and rows, and the stores in them. */
async function writtenWith(times: number, columns: number): Promise<readonly string[]> {
  const product = productWith(times, columns);
  const cpu = { ...thisCpu(), vectorLanes: 16, vectorRegisters: 32 };
  const { results, source } = await runGraph(product, { cpu, fusion: true });
  expectClose(results.get("y")!, interpret(product.graph, product).results.get("y")!, "y");
  const kernel = source.slice(source.indexOf("void run_"));
  return [...kernel.matchAll(/for \(int32_t [vr]\w* =.*?\)|store\w*f32x16/g)].map(([text]) => text);
}

test("few operations are written for each vector, many once for all whole ones", async () => {
  expect(await writtenWith(1, 48)).toMatchInlineSnapshot(`
    [
      "for (int32_t row = 0; row < 64; row += 8)",
      "for (int32_t r = 0; r < 8; r++)",
      "store_f32x16",
      "store_f32x16",
      "store_f32x16",
    ]
  `);
  expect(await writtenWith(4, 48)).toMatchInlineSnapshot(`
    [
      "for (int32_t row = 0; row < 64; row += 8)",
      "for (int32_t r = 0; r < 8; r++)",
      "for (int32_t v = 0; v < 48; v += 16)",
      "store_f32x16",
    ]
  `);
  // The third vector has six columns.
  expect(await writtenWith(4, 38)).toMatchInlineSnapshot(`
    [
      "for (int32_t row = 0; row < 64; row += 8)",
      "for (int32_t r = 0; r < 8; r++)",
      "for (int32_t v = 0; v < 32; v += 16)",
      "store_f32x16",
      "for (int32_t r_2 = 0; r_2 < 8; r_2++)",
      "store_first_f32x16",
    ]
  `);
});

test("panels of three vectors and the last one of two go through one text", async () => {
  expect(await writtenWith(4, 80)).toMatchInlineSnapshot(`
    [
      "for (int32_t row = 0; row < 64; row += 8)",
      "for (int32_t r = 0; r < 8; r++)",
      "for (int32_t v = 0; v < (panel < 1 ? 48 : 32)",
      "store_f32x16",
    ]
  `);
  // The second vector of the last one has six columns.
  expect(await writtenWith(4, 70)).toMatchInlineSnapshot(`
    [
      "for (int32_t row = 0; row < 64; row += 8)",
      "for (int32_t r = 0; r < 8; r++)",
      "store_f32x16",
      "for (int32_t r_2 = 0; r_2 < 8; r_2++)",
      "for (int32_t v = 16; v < 48; v += 16)",
      "store_f32x16",
      "for (int32_t r_3 = 0; r_3 < 8; r_3++)",
      "store_first_f32x16",
    ]
  `);
});
