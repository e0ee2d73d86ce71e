/** Groups of one form are scheduled once, and bound to their own values. */

import { expect, test } from "vitest";
import { axisAffine, subtractAffine } from "../../compiler/graph/affine.ts";
import { nonnegative } from "../../compiler/graph/condition.ts";
import { fixed } from "../../compiler/graph/extent.ts";
import type { Value } from "../../compiler/graph/node.ts";
import * as k from "../../compiler/kernel/build.ts";
import type { Kernel } from "../../compiler/kernel/ir.ts";
import { formGroups } from "../../compiler/optimize/fusion/form-groups.ts";
import { GroupForms } from "../../compiler/schedule/group-forms.ts";
import { KernelTable } from "../../compiler/schedule/kernel-table.ts";
import { outsideLoops } from "../../compiler/schedule/loop-levels.ts";
import { scheduleGroup } from "../../compiler/schedule/schedule-group.ts";
import { ScheduledOnce } from "../../compiler/schedule/scheduled-once.ts";
import { LoopBuilder } from "../graph/loop-cases.ts";
import { thisCpu } from "../targets/run-kernels.ts";

const target = thisCpu();

/** The kernels of a graph that is not fused, and how many were made. */
function kernelsOf(make: (b: LoopBuilder) => Record<string, Value>) {
  const b = new LoopBuilder();
  const { context, graph } = b.finish(make(b));
  const grouped = formGroups(context, graph, target, { fusion: false });
  const surroundings = outsideLoops(context, grouped);
  const once = new ScheduledOnce(new GroupForms());
  let made = 0;
  const kernels = grouped.groups.map((group) => {
    const schedule = () => {
      made++;
      return scheduleGroup(group, surroundings, target);
    };
    const { kernel, bindings } = once.scheduled(group, surroundings, target, schedule);
    const own = scheduleGroup(group, surroundings, target);
    // Scratch is known by identity, and each launch has its own.
    expect(bindings).toEqual(own.bindings);
    bindings.forEach((binding, i) => {
      const other = own.bindings[i]!;
      if (binding.kind === "tensor" && other.kind === "tensor") {
        expect(binding.value).toBe(other.value);
      }
    });
    return kernel;
  });
  return { kernels, made };
}

const shape = [fixed(6), fixed(40)];

test("what differs in values alone is made once", () => {
  const { kernels, made } = kernelsOf((b) => {
    const [x, y] = [b.leaf("param", "x", shape), b.leaf("param", "y", shape)];
    const z = b.leaf("param", "z", shape);
    return {
      first: b.map(shape, b.call("multiply", b.at(x), b.at(y))),
      second: b.map(shape, b.call("multiply", b.at(y), b.at(z))),
    };
  });
  expect(made).toBe(1);
  expect(new Set(kernels).size).toBe(1);
});

test.each<readonly [string, (b: LoopBuilder, x: Value, y: Value) => Value]>([
  ["the function", (b, x, y) => b.map(shape, b.call("add", b.at(x), b.at(y)))],
  ["whether operands are one", (b, x) => b.map(shape, b.call("multiply", b.at(x), b.at(x)))],
  ["a number", (b, x) => b.map(shape, b.call("multiply", b.at(x), b.number(-0)))],
])("what differs in %s is not", (_, other) => {
  const { made } = kernelsOf((b) => {
    const [x, y] = [b.leaf("param", "x", shape), b.leaf("param", "y", shape)];
    return {
      first: b.map(shape, b.call("multiply", b.at(x), b.at(y))),
      second: other(b, x, y),
      third: b.map(shape, b.call("multiply", b.at(y), b.number(0))),
    };
  });
  expect(made).toBe(3);
});

test("products are not one where a mask has made a part of an operand zero", () => {
  const square = [fixed(40), fixed(40)];
  const { kernels, made } = kernelsOf((b) => {
    const [x, w] = [b.leaf("param", "x", square), b.leaf("param", "w", square)];
    const below = nonnegative(subtractAffine(axisAffine(0), axisAffine(1)));
    const masked = b.call("select", b.context.condition(below), b.at(x), b.number(0));
    const product = (operand: Value) =>
      b.context.compute({
        parallel: square,
        reduction: [fixed(40)],
        reducer: "sum",
        body: b.call(
          "multiply",
          b.context.load(operand, [axisAffine(0), axisAffine(2)]),
          b.context.load(w, [axisAffine(2), axisAffine(1)]),
        ),
      }).values[0]!;
    return {
      whole: product(b.map(square, b.call("multiply", b.at(x), b.number(2)))),
      part: product(b.map(square, masked)),
    };
  });
  expect(made).toBe(4);
  expect(new Set(kernels).size).toBe(4);
});

test("kernels that differ in names alone are one, and others of their outline are not", () => {
  const kernelOf = (name: string, x: string, factor: number): Kernel => ({
    name,
    comment: { lines: [name], sources: [], flops: 0, bytes: 0 },
    parameters: [{ kind: "window", name: x, dtype: "f32", access: "read_write", elements: 8 }],
    tasks: k.constant(1),
    threads: 1,
    body: [k.store(k.place(x, k.constant(0)), k.constant(factor, "f32"))],
  });
  const table = new KernelTable();
  const first = table.intern(kernelOf("scale", "x", 2));
  const other = table.intern(kernelOf("scale", "x", 3));
  expect([first.name, other.name]).toEqual(["scale", "scale_2"]);
  expect(table.intern(kernelOf("fill", "y", 2))).toBe(first);
  expect(table.intern(kernelOf("fill", "y", 3))).toBe(other);
  expect(table.intern(kernelOf("fill", "y", 4)).name).toBe("fill");
});
