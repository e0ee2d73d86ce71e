/** Groups for workgroups: what goes together, and why other things do not. */

import { describe, expect, test } from "vitest";
import { axisAffine } from "../../compiler/graph/affine.ts";
import { batchExtent, fixed, type Shape } from "../../compiler/graph/extent.ts";
import type { Graph, Scalar, Value } from "../../compiler/graph/node.ts";
import { formGroups } from "../../compiler/optimize/fusion/form-groups.ts";
import { describeWgsl } from "../../compiler/targets/wgsl/description.ts";
import { scheduleCase } from "../schedule/schedule-case.ts";
import { Builder } from "./build.ts";

const target = describeWgsl();
const batchMax = 32;

function graphOf(values: Readonly<Record<string, Value>>): Graph {
  const results = Object.entries(values).map(([name, value]) => ({ name, value }));
  return { name: "g", batchMax, results, assignments: [] };
}

function groupsOf(builder: Builder, values: Readonly<Record<string, Value>>) {
  return formGroups(builder.context, graphOf(values), target, { fusion: true }).groups;
}

/** Windows, columns and row numbers of each kernel. */
function buffersOf(builder: Builder, values: Readonly<Record<string, Value>>, fusion: boolean) {
  const { program } = scheduleCase(
    { context: builder.context, graph: graphOf(values) },
    target,
    fusion,
  );
  return program.module.functions[0]!.launches.map(({ kernel: { parameters } }) => {
    const columns = parameters.filter(({ kind }) => kind === "column").length;
    return parameters.filter(({ kind }) => kind === "window").length + columns + (columns && 1);
  });
}

const shape: Shape = [batchExtent, fixed(50)];

function sumOf(builder: Builder, values: readonly Value[]): Scalar {
  return values.map((value) => builder.at(value)).reduce((a, b) => builder.f.add(a, b));
}

describe("buffers", () => {
  test.each([true, false])("of nine columns, some are gathered first (fused: %s)", (fusion) => {
    const builder = new Builder();
    const columns = Array.from({ length: 9 }, (_, i) => builder.input(`x${i}`, shape));
    const buffers = buffersOf(builder, { y: builder.map(shape, sumOf(builder, columns)) }, fusion);
    const reader = buffers.at(-1)!;
    // Those gathered lie in one arena, which is bound as a whole.
    expect(buffers.slice(0, -1).every((count) => count <= 8)).toBe(true);
    expect(reader).toBeLessThanOrEqual(4 + 1 + 6);
  });

  test("a merge that needs too many is refused, and says so", () => {
    const builder = new Builder();
    const states = Array.from({ length: 10 }, (_, i) =>
      builder.context.leaf("state", `s${i}`, "f32", [fixed(600)]),
    );
    const half = (from: number) =>
      builder.map(
        [fixed(600)],
        builder.f.call("exp", sumOf(builder, states.slice(from, from + 5))),
      );
    const [a, b] = [half(0), half(5)];
    const c = builder.map([fixed(600)], builder.f.multiply(builder.at(a), builder.at(b)));
    const groups = groupsOf(builder, { c });
    expect(groups.length).toBe(2);
    expect(groups.flatMap(({ apart }) => apart.map(({ why }) => why))).toContain(
      "together they need 11 buffers, and a kernel has at most 8",
    );
  });
});

describe("rows", () => {
  test("of a softmax are one group", () => {
    const builder = new Builder();
    const groups = groupsOf(builder, { y: builder.softmax(builder.input("x", shape)) });
    expect(groups.map(({ kind }) => kind)).toEqual(["rows"]);
  });

  test("too long for a workgroup are computed stage by stage", () => {
    const builder = new Builder();
    const x = builder.input("x", [batchExtent, fixed(20_000)]);
    const groups = groupsOf(builder, { y: builder.softmax(x) });
    expect(groups.length).toBeGreaterThan(2);
    const reasons = groups.flatMap(({ apart }) => apart.map(({ why }) => why)).join("\n");
    expect(reasons).toContain("a row is too long for one workgroup");
  });

  test.each([
    [32, 1],
    [400, 2],
  ])("take a product of %i points in %i kernels", (depth, kernels) => {
    const builder = new Builder();
    const { f, context } = builder;
    const x = builder.input("x", [batchExtent, fixed(depth)]);
    const w = builder.param("w", depth, 3);
    const product = context.compute({
      parallel: [batchExtent, fixed(3)],
      reduction: [fixed(depth)],
      reducer: "max",
      body: f.multiply(
        context.load(x, [axisAffine(0), axisAffine(2)]),
        context.load(w, [axisAffine(2), axisAffine(1)]),
      ),
    }).values[0]!;
    expect(groupsOf(builder, { y: builder.softmax(product) }).length).toBe(kernels);
  });
});
