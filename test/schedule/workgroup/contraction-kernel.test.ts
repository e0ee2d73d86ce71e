/** The text of one small kernel: a layer with bias and relu, its last rows and columns beyond the result. */

import { expect, test } from "vitest";
import { axisAffine } from "../../../compiler/graph/affine.ts";
import { GraphContext } from "../../../compiler/graph/context.ts";
import { batchExtent, fixed } from "../../../compiler/graph/extent.ts";
import type { Scalar } from "../../../compiler/graph/node.ts";
import { algebraOf } from "../../../compiler/graph/scalar-functions.ts";
import { inlineSingleUses } from "../../../compiler/kernel/inline-lets.ts";
import { printKernel } from "../../../compiler/kernel/print.ts";
import { describeWgsl } from "../../../compiler/targets/wgsl/description.ts";
import { scheduleCase } from "../schedule-case.ts";

test("relu(x·w + b)", () => {
  const context = new GraphContext();
  const f = algebraOf<Scalar>(context, "f32");
  const x = context.leaf("param", "x", "f32", [batchExtent, fixed(16)]);
  const w = context.leaf("param", "w", "f32", [fixed(16), fixed(6)]);
  const b = context.leaf("param", "b", "f32", [fixed(6)]);
  const parallel = [batchExtent, fixed(6)];
  const product = context.compute({
    parallel,
    reduction: [fixed(16)],
    reducer: "sum",
    body: f.multiply(
      context.load(x, [axisAffine(0), axisAffine(2)]),
      context.load(w, [axisAffine(2), axisAffine(1)]),
    ),
  }).values[0]!;
  const sum = context.load(product, [axisAffine(0), axisAffine(1)]);
  const biased = f.add(sum, context.load(b, [axisAffine(1)]));
  const y = context.compute({ parallel, body: f.call("maximum", f.number(0), biased) });
  const results = [{ name: "y", value: y.values[0]! }];
  const graph = { name: "layer", batchMax: 32, results, assignments: [] };
  const { program } = scheduleCase({ context, graph }, describeWgsl(), true);
  const launches = program.module.functions.flatMap((fn) => fn.launches);
  expect(launches.length).toBe(1);
  const { kernel } = launches[0]!;
  const text = printKernel({ ...kernel, body: inlineSingleUses(kernel.body) });
  expect(text).toMatchInlineSnapshot(`
    "kernel maximum(x: read f32[512], w: read f32[96], b: read f32[6], maximum_2: write f32[192]) tasks quotient(add(n, 31), 32) × 64 threads
      let first_row: i32 = multiply(task, 32)
      shared left_panel: f32[640]
      let slow: i32 = quotient(thread, 4)
      let from: i32 = multiply(remainder(thread, 4), 4)
      let target: i32 = add(multiply(slow, 20), from)
      let at: i32 = add(first_row, slow)
      let is_inside: bool = less(at, n)
      let base: i32 = multiply(at, 16)
      let is_inside_2: bool = less(add(at, 16), n)
      shared right_panel: f32[160]
      let fast_2: i32 = remainder(thread, 8)
      let copies: bool = less(thread, 32)
      let from_2: i32 = multiply(quotient(thread, 8), 4)
      let target_2: i32 = add(multiply(fast_2, 20), from_2)
      let is_inside_3: bool = and(copies, less(fast_2, 6))
      let across: i32 = remainder(thread, 2)
      let down: i32 = quotient(thread, 2)
      mutable sum_0: f32x4 = 0.0x4
      loop start = 0 .. 16 step 16
        let k: i32 = add(start, from)
        let moved: i32 = multiply(add(start, from_2), 6)
        barrier
        left_panel[target] = load(x[add(base, k)], f32x4, where is_inside)
        left_panel[add(target, 320)] = load(x[add(add(base, k), 256)], f32x4, where is_inside_2)
        right_panel[target_2] = join(load(w[add(fast_2, moved)], f32, where is_inside_3), load(w[add(fast_2, add(moved, 6))], f32, where is_inside_3), load(w[add(fast_2, add(moved, 12))], f32, where is_inside_3), load(w[add(fast_2, add(moved, 18))], f32, where is_inside_3)) where copies
        barrier
        loop point = 0 .. 16 step 4
          let shared: f32x4 = load(left_panel[add(multiply(down, 20), point)], f32x4)
          let shared_2: f32x4 = load(right_panel[add(multiply(across, 20), point)], f32x4)
          let shared_3: f32x4 = load(right_panel[add(multiply(add(across, 2), 20), point)], f32x4)
          let shared_4: f32x4 = load(right_panel[add(multiply(add(across, 4), 20), point)], f32x4)
          let shared_5: f32x4 = load(right_panel[add(multiply(add(across, 6), 20), point)], f32x4)
          sum_0 = fma(broadcast<f32x4>(lane 0 of shared), join(lane 0 of shared_2, lane 0 of shared_3, lane 0 of shared_4, lane 0 of shared_5), sum_0)
          sum_0 = fma(broadcast<f32x4>(lane 1 of shared), join(lane 1 of shared_2, lane 1 of shared_3, lane 1 of shared_4, lane 1 of shared_5), sum_0)
          sum_0 = fma(broadcast<f32x4>(lane 2 of shared), join(lane 2 of shared_2, lane 2 of shared_3, lane 2 of shared_4, lane 2 of shared_5), sum_0)
          sum_0 = fma(broadcast<f32x4>(lane 3 of shared), join(lane 3 of shared_2, lane 3 of shared_3, lane 3 of shared_4, lane 3 of shared_5), sum_0)
      let is_column: bool = less(across, 6)
      let b_2: f32 = load(b[across], f32, where is_column)
      let column: i32 = add(across, 2)
      let is_column_2: bool = less(column, 6)
      let b_3: f32 = load(b[column], f32, where is_column_2)
      let column_2: i32 = add(across, 4)
      let is_column_3: bool = less(column_2, 6)
      let b_4: f32 = load(b[column_2], f32, where is_column_3)
      let column_3: i32 = add(across, 6)
      let is_column_4: bool = less(column_3, 6)
      let b_5: f32 = load(b[column_3], f32, where is_column_4)
      let row: i32 = add(first_row, down)
      if less(row, n)
        if is_column
          let add: f32 = add.f(lane 0 of sum_0, b_2)
          maximum_2[add(multiply(row, 6), across)] = maximum.f(0.0, add)
        if is_column_2
          let add_2: f32 = add.f(lane 1 of sum_0, b_3)
          maximum_2[add(multiply(row, 6), column)] = maximum.f(0.0, add_2)
        if is_column_3
          let add_3: f32 = add.f(lane 2 of sum_0, b_4)
          maximum_2[add(multiply(row, 6), column_2)] = maximum.f(0.0, add_3)
        if is_column_4
          let add_4: f32 = add.f(lane 3 of sum_0, b_5)
          maximum_2[add(multiply(row, 6), column_3)] = maximum.f(0.0, add_4)"
  `);
});
