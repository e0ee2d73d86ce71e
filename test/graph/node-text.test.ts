/** The loop nests that nodes are evaluated by: what stands in which loop, and what is computed side by side. */

import { expect, test } from "vitest";
import { addAffine, axisAffine as i, offsetAffine } from "../../compiler/graph/affine.ts";
import { and, inRange, nonnegative } from "../../compiler/graph/condition.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { batchExtent, fixed } from "../../compiler/graph/extent.ts";
import type { Compute, Node } from "../../compiler/graph/node.ts";
import { printNode } from "../../compiler/graph/node-text.ts";

function printed(node: Node): string {
  expect(node.kind).toBe("compute");
  return `\n${printNode(node as Compute, 3)}\n`;
}

test("offsets are computed in the outermost loop that knows them", () => {
  const context = new GraphContext();
  const x = context.leaf("input", "x", "f32", [batchExtent, fixed(4)]);
  const bias = context.leaf("param", "bias", "f32", [fixed(4)]);
  const [value] = context.compute({
    parallel: [batchExtent, fixed(4), fixed(5)],
    body: context.call("add", context.load(x, [i(0), i(1)]), context.load(bias, [i(1)])),
  }).values;
  expect(printed(value!.node)).toMatchInlineSnapshot(`
    "
    "use strict";
    const operand0 = operands[0];
    const operand1 = operands[1];
    const output0 = outputs[0];
    for (let i0 = 0; i0 < 3; i0 += 1) {
    const t0 = 4 * i0;
    const t5 = 20 * i0;
    for (let i1 = 0; i1 < 4; i1 += 1) {
    const t1 = t0 + i1;
    const t6 = t5 + 5 * i1;
    const t2 = operand0[t1];
    const t3 = operand1[i1];
    const t4 = t2 + t3;
    for (let i2 = 0; i2 < 5; i2 += 1) {
    const t7 = t6 + i2;
    output0[t7] = t4;
    }
    }
    }
    "
  `);
});

test("points of a sum are computed side by side, which share what they load", () => {
  const context = new GraphContext();
  const a = context.leaf("input", "a", "f32", [batchExtent, fixed(8)]);
  const b = context.leaf("param", "b", "f32", [fixed(8), fixed(2)]);
  const [value] = context.compute({
    parallel: [batchExtent, fixed(2)],
    reduction: [fixed(8)],
    reducer: "sum",
    body: context.call("multiply", context.load(a, [i(0), i(2)]), context.load(b, [i(2), i(1)])),
  }).values;
  expect(printed(value!.node)).toMatchInlineSnapshot(`
    "
    "use strict";
    const operand0 = operands[0];
    const operand1 = operands[1];
    const output0 = outputs[0];
    for (let block = 0; block < 3; block += 2) {
    const i0 = Math.min(block, 1);
    const i0_1 = i0 + 1;
    const t0 = 2 * i0;
    const t2 = 2 * i0_1;
    const t6 = 8 * i0;
    const t13 = 8 * i0_1;
    for (let i1 = 0; i1 < 2; i1 += 2) {
    const i1_1 = i1 + 1;
    const t1 = t0 + i1;
    const t3 = t2 + i1;
    const t4 = t0 + i1_1;
    const t5 = t2 + i1_1;
    let state0_0 = 0;
    let state0_1 = 0;
    let state0_2 = 0;
    let state0_3 = 0;
    for (let i2 = 0; i2 < 8; i2 += 1) {
    const t7 = t6 + i2;
    const t9 = i1 + 2 * i2;
    const t14 = t13 + i2;
    const t18 = i1_1 + 2 * i2;
    const t8 = operand0[t7];
    const t10 = operand1[t9];
    const t11 = t8 * t10;
    const t15 = operand0[t14];
    const t16 = t15 * t10;
    const t19 = operand1[t18];
    const t20 = t8 * t19;
    const t22 = t15 * t19;
    const t12 = state0_0 + t11;
    state0_0 = t12;
    const t17 = state0_1 + t16;
    state0_1 = t17;
    const t21 = state0_2 + t20;
    state0_2 = t21;
    const t23 = state0_3 + t22;
    state0_3 = t23;
    }
    output0[t1] = state0_0;
    output0[t3] = state0_1;
    output0[t4] = state0_2;
    output0[t5] = state0_3;
    }
    }
    "
  `);
});

test("conditions are tested in the loop in which they change, and stand for checks", () => {
  const context = new GraphContext();
  const x = context.leaf("input", "x", "f32", [batchExtent, fixed(6)]);
  const place = offsetAffine(addAffine(i(1), i(2)), -1);
  const [value] = context.compute({
    parallel: [batchExtent, fixed(6)],
    reduction: [fixed(3), fixed(2)],
    reducer: "mean",
    where: and(inRange(place, fixed(6)), nonnegative(offsetAffine(i(1), -1))),
    body: context.load(x, [i(0), place]),
  }).values;
  expect(printed(value!.node)).toMatchInlineSnapshot(`
    "
    "use strict";
    const operand0 = operands[0];
    const output0 = outputs[0];
    const float_maximum = helpers.float_maximum;
    for (let i0 = 0; i0 < 3; i0 += 1) {
    const t0 = 6 * i0;
    const t9 = (-1) + 6 * i0;
    for (let i1 = 0; i1 < 6; i1 += 1) {
    const t1 = t0 + i1;
    const t2 = 6 - i1;
    const t5 = (-1) + i1;
    const t6 = t5 >= 0;
    const t10 = t9 + i1;
    let state0_0 = 0;
    let count = 0;
    if (t6) {
    for (let i2 = 0; i2 < 3; i2 += 1) {
    const t3 = t2 - i2;
    const t4 = t3 >= 0;
    const t7 = t5 + i2;
    const t8 = t7 >= 0;
    const t11 = t10 + i2;
    if (t4 && t8) {
    const t12 = operand0[t11];
    for (let i3 = 0; i3 < 2; i3 += 1) {
    const t13 = state0_0 + t12;
    state0_0 = t13;
    count++;
    }
    }
    }
    }
    const t14 = float_maximum(count, 1);
    const t15 = state0_0 / t14;
    output0[t1] = t15;
    }
    }
    "
  `);
});
