/** Panels of operands whose memory the sum runs along: packed by squares that are transposed in registers. */

import { expect, test } from "vitest";
import { interpret } from "../../compiler/graph/interpret.ts";
import { printKernel } from "../../compiler/kernel/print.ts";
import { thisCpu } from "../targets/run-kernels.ts";
import { type Case, productCase } from "./contraction-cases.ts";
import { expectClose } from "./expect-close.ts";
import { runGraph } from "./run-program.ts";
import { scheduleCase } from "./schedule-case.ts";

const cpuOf = (lanes: number) => ({ ...thisCpu(), vectorLanes: lanes });

test("what is no whole square is filled up beside the panel, and transposed like others", () => {
  const product = productCase({ letters: "mk,nk->mn", sizes: { m: 32, k: 10, n: 6 } });
  const { program } = scheduleCase(product, cpuOf(4), true);
  const kernel = printKernel(program.module.functions[0]!.launches[0]!.kernel);
  expect(kernel).toMatchInlineSnapshot(`
    "kernel sum(b: read f32[60], a: read f32[320], sum_2: write f32[192]) tasks 1
      local tile: f32[64]
      local panel: f32[96]
      loop column = 0 .. 4 step 4
        let corner: i32 = multiply(column, 10)
        @transpose_4x4(&b[corner], 10, 8, &panel[column], 8)
        local square: f32[16]
        loop j = 0 .. 4 step 1
          square[multiply(j, 4)] = load(b[add(add(corner, 8), multiply(j, 10))], f32x4, first 2)
        @transpose_4x4(&square[0], 4, 4, &panel[add(64, column)], 8)
      loop k = 0 .. 8 step 4
        local square_2: f32[16]
        loop j_2 = 0 .. 2 step 1
          @prefetch_f32(&b[add(add(add(40, k), multiply(j_2, 10)), 8)])
          square_2[multiply(j_2, 4)] = load(b[add(add(40, k), multiply(j_2, 10))], f32x4)
        loop j_3 = 2 .. 4 step 1
          square_2[multiply(j_3, 4)] = 0.0x4
        @transpose_4x4(&square_2[0], 4, 4, &panel[add(multiply(k, 8), 4)], 8)
      local square_3: f32[16]
      loop j_4 = 0 .. 2 step 1
        square_3[multiply(j_4, 4)] = load(b[add(48, multiply(j_4, 10))], f32x4, first 2)
      loop j_5 = 2 .. 4 step 1
        square_3[multiply(j_5, 4)] = 0.0x4
      @transpose_4x4(&square_3[0], 4, 4, &panel[68], 8)
      loop row = 0 .. 32 step 8
        let start: i32 = multiply(row, 10)
        @tile_8x2x4_n(&a[start], &panel[0], 10, 1, 8, 10, &tile[0])
        loop r = 0 .. 8 step 1
          let row_2: i32 = add(row, r)
          let sum: f32x4 = load(tile[multiply(r, 8)], f32x4)
          sum_2[multiply(row_2, 6)] = sum
          let sum_3: f32x4 = load(tile[add(multiply(r, 8), 4)], f32x4)
          sum_2[add(multiply(row_2, 6), 4)] = sum_3 first 2"
  `);
});

const cases: readonly Case[] = [
  { letters: "mk,nk->mn", sizes: { m: 37, k: 10, n: 64 } },
  { letters: "mk,nk->mn", sizes: { m: 40, k: 65, n: 21 } },
  { letters: "mk,nk->mn", sizes: { m: 40, k: 32, n: 21 } },
  // Rows beside the rest of one sum are those of the next.
  { letters: "bmk,bnk->mn", sizes: { m: 40, b: 3, k: 10, n: 35 } },
];

test.for([4, 8, 16].flatMap((lanes) => cases.map((given) => ({ lanes, given }))))(
  "$given.letters $given.sizes by $lanes",
  async ({ lanes, given }) => {
    const product = productCase(given);
    const expected = interpret(product.graph, product).results.get("y")!;
    const { results } = await runGraph(product, { cpu: cpuOf(lanes), fusion: true });
    expectClose(results.get("y")!, expected, "y");
  },
);
