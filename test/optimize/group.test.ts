/**
 * What fusion groups consist of, as counts and kinds: the performance shape of the digits network, and the
 * limits of what may be grouped.
 */

import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { differentiate } from "../../compiler/autodiff/differentiate.ts";
import { DiagnosticSink } from "../../compiler/diagnostics/diagnostic.ts";
import {
  type Affine,
  addAffine,
  axisAffine,
  divAffine,
  zeroAffine,
} from "../../compiler/graph/affine.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { batchExtent, fixed } from "../../compiler/graph/extent.ts";
import type { Graph, Value } from "../../compiler/graph/node.ts";
import { canonicalise } from "../../compiler/optimize/canonicalise.ts";
import { formGroups } from "../../compiler/optimize/fusion/form-groups.ts";
import { assignPlaces } from "../../compiler/optimize/fusion/places.ts";
import type { Group, GroupedGraph } from "../../compiler/optimize/group.ts";
import { simplify } from "../../compiler/optimize/simplify.ts";
import { hoistStepScalars } from "../../compiler/optimize/step-scalars.ts";
import { lower } from "../../compiler/semantics/lower.ts";
import { describeCpu } from "../../compiler/targets/cpu/description.ts";

const cpu = describeCpu({ architecture: "x64", cpuinfo: "flags : avx2 fma" });
const root = new URL("../..", import.meta.url).pathname;

/** The training step of a model that ships, up to grouping. */
function trainingStep(path: string, fusion: boolean): GroupedGraph {
  const host = {
    readFile: (file: string) => readFileSync(file, "utf8"),
    readStd: (name: string) => readFileSync(`${root}/compiler/std/${name}`, "utf8"),
  };
  const lowered = lower(`${root}/${path}`, host, {}, new DiagnosticSink());
  const { context, training } = lowered!;
  const simple = simplify(context, differentiate(context, canonicalise(context, training!.train)));
  return formGroups(context, hoistStepScalars(context, simple).graph, cpu, { fusion });
}

const paths = ({ writes }: Group, { stored }: GroupedGraph): string[] =>
  writes.flatMap((value) => {
    const node = stored.get(value)?.node;
    return node?.kind === "leaf" ? [node.path] : [];
  });

describe("the training step of digits.nn", () => {
  let fused: GroupedGraph;
  let unfused: GroupedGraph;
  beforeAll(() => {
    fused = trainingStep("dsl-examples/digits.nn", true);
    unfused = trainingStep("dsl-examples/digits.nn", false);
  });

  test("is nine kernels, where each node alone is many times as many", () => {
    expect(fused.groups.length).toBe(9);
    expect(unfused.groups.length).toBeGreaterThan(50);
    for (const { stages } of unfused.groups) expect(stages.length).toBe(1);
  });

  test("has five products, each with all that follows it elementwise", () => {
    const sums = fused.groups.filter((group) =>
      group.stages.some(
        ({ reducer, body }) => reducer === "sum" && body.kind === "call" && body.fn === "multiply",
      ),
    );
    expect(sums.map(({ kind }) => kind).sort()).toEqual([
      "contraction",
      "contraction",
      "contraction",
      "contraction",
      "rows",
    ]);
  });

  test("computes loss, metric and their gradients where the last layer's rows are", () => {
    const [rows] = fused.groups.filter(
      ({ kind, tileSpace }) => kind === "rows" && tileSpace.length > 0,
    );
    // The gradient of the logits, a loss and a hit for each sample.
    expect(rows!.writes.map(({ shape }) => shape.length).sort()).toEqual([1, 1, 2]);
    expect(rows!.stages.length).toBeGreaterThan(10);
  });

  test("never stores the gradient of a parameter: its update is in the same kernel", () => {
    const updates = fused.groups.filter((group) =>
      paths(group, fused).some((path) => path.endsWith("kernel")),
    );
    expect(updates.length).toBe(2);
    for (const group of updates) {
      expect(paths(group, fused).length).toBe(2);
      expect(group.writes.length).toBe(2);
      expect(group.kind).toBe("contraction");
    }
  });

  test("reads the old weights before they are overwritten", () => {
    for (const { groups, stored } of [fused, unfused]) {
      for (const group of groups) {
        for (const value of group.writes) {
          const target = stored.get(value);
          const later = groups.slice(group.index + 1);
          expect(later.some(({ reads }) => reads.includes(target!))).toBe(false);
        }
      }
    }
  });

  test("says why groups are what they are", () => {
    for (const { stages, saved } of fused.groups) {
      expect(saved.bytes > 0).toBe(stages.length > 1);
      expect(saved.values).toBeLessThan(stages.length);
    }
    const apart = fused.groups.flatMap((group) => group.apart);
    expect(apart.some(({ why }) => why.includes("iteration spaces differ"))).toBe(true);
    for (const { index, apart: neighbours } of fused.groups) {
      for (const { group, why } of neighbours) {
        expect(fused.groups[group]!.apart).toContainEqual({ group: index, why });
      }
    }
    expect(
      unfused.groups.every(({ saved, apart: none }) => saved.bytes === 0 && none.length === 0),
    ).toBe(true);
  });
});

test("rows of sums across keep the axis that lanes run along", () => {
  const context = new GraphContext();
  const shape = [fixed(4), fixed(4), fixed(8)];
  const x = context.leaf("param", "x", "f32", [fixed(4), fixed(6), fixed(8)]);
  const w = context.leaf("param", "w", "f32", [fixed(3), fixed(8)]);
  const [row, place, channel, tap] = [0, 1, 2, 4].map(axisAffine) as [
    Affine,
    Affine,
    Affine,
    Affine,
  ];
  const sum = context.compute({
    parallel: [...shape, fixed(1)],
    reduction: [fixed(3)],
    reducer: "sum",
    body: context.call(
      "multiply",
      context.load(x, [row, addAffine(place, tap), channel]),
      context.load(w, [tap, channel]),
    ),
  }).values[0]!;
  const own = [row, place, channel];
  const body = context.call("add", context.load(sum, [...own, zeroAffine]), context.load(x, own));
  const graph: Graph = {
    name: "test",
    batchMax: 1,
    results: [{ name: "y", value: context.compute({ parallel: shape, body }).values[0]! }],
    assignments: [],
  };
  const { groups } = formGroups(context, graph, cpu, { fusion: true });
  expect(groups.map(({ kind, tileSpace }) => [kind, tileSpace])).toEqual([
    ["rows", shape.slice(0, 2)],
  ]);
});

test("rows of maps whose shapes differ by axes of one point keep the axis that lanes run along", () => {
  const context = new GraphContext();
  const shape = [batchExtent, fixed(4), fixed(16)];
  const x = context.leaf("param", "x", "f32", shape);
  const at = shape.map((_, axis) => axisAffine(axis));
  const made = context.compute({
    parallel: [...shape, fixed(1)],
    body: context.call("exp", context.load(x, at)),
  }).values[0]!;
  const read = context.compute({
    parallel: shape,
    body: context.call("sqrt", context.load(made, [...at, zeroAffine])),
  }).values[0]!;
  const results = [made, read].map((value, i) => ({ name: `${i}`, value }));
  const graph: Graph = { name: "maps", batchMax: 8, results, assignments: [] };
  const { groups } = formGroups(context, graph, cpu, { fusion: true });
  expect(groups.map(({ kind, tileSpace }) => ({ kind, tileSpace }))).toEqual([
    { kind: "rows", tileSpace: shape.slice(0, 2) },
  ]);
});

test("lanes run along a sum's points that lie side by side, however its other axes move", () => {
  const context = new GraphContext();
  const x = context.leaf("param", "x", "f32", [batchExtent, fixed(4), fixed(16)]);
  const sum = context.compute({
    parallel: [batchExtent],
    reduction: [fixed(8), fixed(16)],
    reducer: "sum",
    // As of what was upsampled.
    body: context.load(x, [axisAffine(0), divAffine(axisAffine(1), 2), axisAffine(2)]),
  });
  const results = [{ name: "sum", value: sum.values[0]! }];
  const graph: Graph = { name: "sums", batchMax: 8, results, assignments: [] };
  const { groups } = formGroups(context, graph, cpu, { fusion: true });
  expect(groups.map(({ kind }) => kind)).toEqual(["rows"]);
});

test("a sum of products without rows is added up along its points where they lie side by side", () => {
  const context = new GraphContext();
  const [places, taps, channels] = [fixed(16), fixed(3), fixed(16)];
  const kindOf = (filters: number) => {
    const x = context.leaf("param", "x", "f32", [batchExtent, fixed(18), channels]);
    const w = context.leaf("param", "w", "f32", [taps, fixed(filters), channels]);
    const [place, filter, tap, channel] = [1, 2, 3, 4].map(axisAffine) as [
      Affine,
      Affine,
      Affine,
      Affine,
    ];
    const sum = context.compute({
      parallel: [batchExtent, places, fixed(filters)],
      reduction: [taps, channels],
      reducer: "sum",
      body: context.call(
        "multiply",
        context.load(x, [axisAffine(0), addAffine(place, tap), channel]),
        context.load(w, [tap, filter, channel]),
      ),
    });
    const results = [{ name: "sum", value: sum.values[0]! }];
    const graph: Graph = { name: "convolution", batchMax: 8, results, assignments: [] };
    return formGroups(context, graph, cpu, { fusion: true }).groups.map(({ kind }) => kind);
  };
  expect(kindOf(1)).toEqual(["rows"]);
  expect(kindOf(8)).toContain("contraction");
});

describe("every group is convex and in order", () => {
  test.each(["digits", "digits-512", "housing", "functional", "custom"])("%s.nn", (name) => {
    const { groups } = trainingStep(`dsl-examples/${name}.nn`, true);
    const made = new Set<Value>();
    for (const group of groups) {
      const own = new Set(group.stages.flatMap((stage) => stage.values));
      for (const value of group.reads) {
        if (value.node.kind === "compute") expect(made.has(value)).toBe(true);
        expect(own.has(value)).toBe(false);
      }
      for (const value of own) made.add(value);
    }
  });
});

describe("places", () => {
  const context = new GraphContext();
  const a = context.leaf("state", "a", "f32", [fixed(3)]);
  const b = context.leaf("state", "b", "f32", [fixed(3)]);
  const map = (value: Value, factor: number) =>
    context.compute({
      parallel: value.shape,
      body: context.call(
        "multiply",
        context.load(value, [axisAffine(0)]),
        context.constant(factor, "f32"),
      ),
    }).values[0]!;
  const graph = (assignments: Graph["assignments"], results: Graph["results"] = []): Graph => ({
    name: "places",
    batchMax: 1,
    results,
    assignments,
  });
  const kinds = ({ order }: ReturnType<typeof assignPlaces>) =>
    order.nodes.map((node) => (node.kind === "compute" ? node.body.kind : node.kind));

  test("an update is stored where its target is", () => {
    const value = map(a, 2);
    const { stored, order } = assignPlaces(context, graph([{ target: a, value }]));
    expect([...stored]).toEqual([[value, a]]);
    expect(order.nodes.length).toBe(1);
  });

  test("two states that change places are saved first", () => {
    const placed = assignPlaces(
      context,
      graph([
        { target: a, value: b },
        { target: b, value: a },
      ]),
    );
    // Two copies to save, two to store.
    expect(kinds(placed)).toEqual(["load", "load", "load", "load"]);
  });

  test("a value that needs the new and the old makes a copy", () => {
    const first = map(a, 2);
    // b reads the new a and the old one: the new one may not be stored before.
    const second = context.compute({
      parallel: [fixed(3)],
      body: context.call(
        "add",
        context.load(first, [axisAffine(0)]),
        context.load(a, [axisAffine(0)]),
      ),
    }).values[0]!;
    const placed = assignPlaces(
      context,
      graph([
        { target: a, value: first },
        { target: b, value: second },
      ]),
    );
    expect(placed.stored.get(first)).toBeUndefined();
    expect(placed.stored.get(second)).toBe(b);
    expect(kinds(placed).at(-1)).toBe("load");
  });

  test("a result that is assigned, and one that is a leaf, have places of their own", () => {
    const value = map(a, 2);
    const { graph: placed, stored } = assignPlaces(
      context,
      graph(
        [{ target: a, value }],
        [
          { name: "x", value },
          { name: "y", value: b },
        ],
      ),
    );
    for (const result of placed.results) {
      expect(result.value.node.kind).toBe("compute");
      expect(stored.has(result.value)).toBe(false);
    }
  });
});

test.each([
  ["f32", cpu, ["contraction"]],
  ["u8", cpu, ["map", "contraction"]],
] as const)(
  "a column of %s that a product reads is gathered once, if not read in place",
  (dtype, target, kinds) => {
    const context = new GraphContext();
    const x = context.leaf("input", "x", dtype, [batchExtent, fixed(8)]);
    const w = context.leaf("param", "w", "f32", [fixed(8), fixed(4)]);
    const product = context.compute({
      parallel: [batchExtent, fixed(4)],
      reduction: [fixed(8)],
      reducer: "sum",
      body: context.call(
        "multiply",
        context.cast(context.load(x, [axisAffine(0), axisAffine(2)]), "f32"),
        context.load(w, [axisAffine(2), axisAffine(1)]),
      ),
    });
    const graph = {
      name: "gather",
      batchMax: 4,
      results: [{ name: "y", value: product.values[0]! }],
      assignments: [],
    };
    const { groups } = formGroups(context, graph, target, { fusion: true });
    expect(groups.map(({ kind }) => kind)).toEqual(kinds);
  },
);
