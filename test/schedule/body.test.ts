/** Values of bodies as they stand in kernels: which of them are named, and how often. */

import { expect, test } from "vitest";
import { axisAffine, offsetAffine } from "../../compiler/graph/affine.ts";
import { inRange } from "../../compiler/graph/condition.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { fixed } from "../../compiler/graph/extent.ts";
import { BlockBuilder } from "../../compiler/kernel/block-builder.ts";
import { constant, multiply, operation, variable } from "../../compiler/kernel/build.ts";
import { printKernel, printStatements } from "../../compiler/kernel/print.ts";
import { baselineCpu } from "../../compiler/targets/cpu/description.ts";
import { scheduleCase } from "./schedule-case.ts";

test("loads and choices share a condition, and comparisons stand where something is chosen by them", () => {
  const context = new GraphContext();
  const x = context.leaf("param", "x", "f32", [fixed(4), fixed(8)]);
  const above = offsetAffine(axisAffine(0), -1);
  const isThere = inRange(above, fixed(4));
  const loaded = context.load(x, [above, axisAffine(1)], isThere);
  const [y] = context.compute({
    parallel: [fixed(6), fixed(8)],
    body: context.call(
      "select",
      context.condition(isThere),
      context.call(
        "select",
        context.call("equal", loaded, context.constant(0, "f32")),
        context.constant(1, "f32"),
        loaded,
      ),
      context.constant(2, "f32"),
    ),
  }).values;
  const graph = { name: "pad", batchMax: 1, results: [{ name: "y", value: y! }], assignments: [] };
  const target = { ...baselineCpu("x64"), vectorLanes: 4 };
  const { program } = scheduleCase({ context, graph }, target, true);
  const kernels = program.module.functions[0]!.launches.map(({ kernel }) => printKernel(kernel));
  expect(kernels.join("\n")).toMatchInlineSnapshot(`
    "kernel select(x: read f32[32], select_4: write f32[48]) tasks 1
      loop row = 0 .. 6 step 1
        loop i = 0 .. 8 step 4
          let holds: bool = and(less(row, 5), greaterEqual(row, 1))
          let x_2: f32x4 = load(x[subtract(add(multiply(row, 8), i), 8)], f32x4, where holds)
          let select_2: f32x4 = select.f(equal.f(x_2, 0.0x4), 1.0x4, x_2)
          let select_3: f32x4 = select.f(broadcast<boolx4>(holds), select_2, 2.0x4)
          select_4[add(multiply(row, 8), i)] = select_3"
  `);
});

test("what was named in a block around is not named again, unless it may have changed", () => {
  const builder = new BlockBuilder();
  const isFirst = () => operation("less", variable("i"), constant(1));
  builder.once("first", isFirst());
  const total = builder.mutable("total", constant(0));
  builder.loop("k", constant(0), constant(2), (k) => {
    const twice = () => multiply(k, constant(2));
    const isSmall = () => operation("less", total.value, constant(9));
    for (const value of [isFirst, twice, twice, isSmall, isSmall]) builder.once("in", value());
  });
  builder.once("after", multiply(variable("k"), constant(2)));
  expect(printStatements(builder.statements).join("\n")).toMatchInlineSnapshot(`
    "let first: bool = less(i, 1)
    mutable total: i32 = 0
    loop k = 0 .. 2 step 1
      let in_2: i32 = multiply(k, 2)
      let in_3: bool = less(total, 9)
      let in_4: bool = less(total, 9)
    let after: i32 = multiply(k, 2)"
  `);
});
