/** The text of one small kernel on matrix units: a layer with bias and relu, its last rows beyond the result. */

import { expect, test } from "vitest";
import { axisAffine } from "../../../compiler/graph/affine.ts";
import { GraphContext } from "../../../compiler/graph/context.ts";
import { batchExtent, fixed } from "../../../compiler/graph/extent.ts";
import type { Scalar, Value } from "../../../compiler/graph/node.ts";
import { algebraOf } from "../../../compiler/graph/scalar-functions.ts";
import { inlineSingleUses } from "../../../compiler/kernel/inline-lets.ts";
import { printKernel } from "../../../compiler/kernel/print.ts";
import { describeCuda } from "../../../compiler/targets/cuda/description.ts";
import { scheduleCase } from "../schedule-case.ts";

test("relu(x·w + b) of bf16", () => {
  const context = new GraphContext();
  const f = algebraOf<Scalar>(context, "f32");
  const x = context.leaf("param", "x", "bf16", [batchExtent, fixed(96)]);
  const w = context.leaf("param", "w", "bf16", [fixed(96), fixed(8)]);
  const b = context.leaf("param", "b", "f32", [fixed(8)]);
  const parallel = [batchExtent, fixed(8)];
  const wide = (value: Value, ...axes: number[]) =>
    context.cast(context.load(value, axes.map(axisAffine)), "f32");
  const product = context.compute({
    parallel,
    reduction: [fixed(96)],
    reducer: "sum",
    body: f.multiply(wide(x, 0, 2), wide(w, 2, 1)),
  }).values[0]!;
  const sum = context.load(product, [axisAffine(0), axisAffine(1)]);
  const biased = f.add(sum, context.load(b, [axisAffine(1)]));
  const y = context.compute({ parallel, body: f.call("maximum", f.number(0), biased) });
  const results = [{ name: "y", value: y.values[0]! }];
  const graph = { name: "layer", batchMax: 32, results, assignments: [] };
  const { program } = scheduleCase({ context, graph }, describeCuda({ precision: "bf16" }), true);
  const launches = program.module.functions.flatMap((fn) => fn.launches);
  expect(launches.length).toBe(1);
  const { kernel } = launches[0]!;
  const text = printKernel({ ...kernel, body: inlineSingleUses(kernel.body) });
  expect(text).toMatchInlineSnapshot(`
    "kernel maximum(x: read bf16[3072], w: read bf16[768], b: read f32[8], maximum_3: write f32[256]) tasks quotient(add(n, 15), 16) × 32 threads
      let first_row: i32 = multiply(task, 16)
      shared left_panels: bf16[2560]
      let slow: i32 = quotient(thread, 4)
      let from: i32 = multiply(remainder(thread, 4), 8)
      let target: i32 = add(multiply(slow, 40), from)
      let at: i32 = add(first_row, slow)
      let is_inside: bool = less(at, n)
      let base: i32 = multiply(at, 96)
      let is_inside_2: bool = less(add(at, 8), n)
      shared right_panels: bf16[1024]
      let target_2: i32 = multiply(thread, 8)
      local sums: f32[4]
      unrolled loop i = 0 .. 4 step 1
        sums[i] = 0.0
      local left_fragments: u32[8]
      let left_place: i32 = add(multiply(add(multiply(remainder(quotient(thread, 8), 2), 8), remainder(thread, 8)), 40), multiply(quotient(quotient(thread, 8), 2), 8))
      local right_fragments: u32[4]
      let right_place: i32 = multiply(add(multiply(remainder(quotient(thread, 8), 2), 8), remainder(thread, 8)), 8)
      @copy_async_16_bf16(&left_panels[target], &x[add(base, from)], is_inside)
      @copy_async_16_bf16(&left_panels[add(target, 320)], &x[add(add(base, from), 768)], is_inside_2)
      @copy_async_16_bf16(&right_panels[target_2], &w[multiply(thread, 8)], 1)
      @commit_copies()
      let k: i32 = add(32, from)
      @copy_async_16_bf16(&left_panels[add(640, target)], &x[add(base, k)], is_inside)
      @copy_async_16_bf16(&left_panels[add(640, add(target, 320))], &x[add(add(base, k), 768)], is_inside_2)
      @copy_async_16_bf16(&right_panels[add(256, target_2)], &w[multiply(add(32, thread), 8)], 1)
      @commit_copies()
      let k_3: i32 = add(64, from)
      @copy_async_16_bf16(&left_panels[add(1280, target)], &x[add(base, k_3)], is_inside)
      @copy_async_16_bf16(&left_panels[add(1280, add(target, 320))], &x[add(add(base, k_3), 768)], is_inside_2)
      @copy_async_16_bf16(&right_panels[add(512, target_2)], &w[multiply(add(64, thread), 8)], 1)
      @commit_copies()
      @await_copies_2()
      barrier
      @load_matrices_4_bf16(&left_fragments[0], &left_panels[left_place])
      @load_matrices_2_transposed_bf16(&right_fragments[0], &right_panels[right_place])
      loop number = 0 .. 3 step 1
        @commit_copies()
        let stage: i32 = remainder(number, 4)
        let next: i32 = remainder(add(number, 1), 4)
        @load_matrices_4_bf16(&left_fragments[4], &left_panels[add(add(multiply(stage, 640), left_place), 16)])
        @load_matrices_2_transposed_bf16(&right_fragments[2], &right_panels[add(add(multiply(stage, 256), right_place), 128)])
        @multiply_matrices_bf16(&sums[0], &left_fragments[0], &right_fragments[0])
        @await_copies_2()
        barrier
        @load_matrices_4_bf16(&left_fragments[0], &left_panels[add(multiply(next, 640), left_place)])
        @load_matrices_2_transposed_bf16(&right_fragments[0], &right_panels[add(multiply(next, 256), right_place)])
        @multiply_matrices_bf16(&sums[0], &left_fragments[4], &right_fragments[2])
      let sums_row: i32 = quotient(thread, 4)
      let sums_column: i32 = multiply(remainder(thread, 4), 2)
      let b_2: f32x2 = load(b[sums_column], f32x2)
      let row: i32 = add(first_row, sums_row)
      if less(row, n)
        maximum_3[add(multiply(row, 8), sums_column)] = join(maximum.f(0.0, add.f(load(sums[0], f32), lane 0 of b_2)), maximum.f(0.0, add.f(load(sums[1], f32), lane 1 of b_2)))
      let row_2: i32 = add(first_row, add(sums_row, 8))
      if less(row_2, n)
        maximum_3[add(multiply(row_2, 8), sums_column)] = join(maximum.f(0.0, add.f(load(sums[2], f32), lane 0 of b_2)), maximum.f(0.0, add.f(load(sums[3], f32), lane 1 of b_2)))"
  `);
});
