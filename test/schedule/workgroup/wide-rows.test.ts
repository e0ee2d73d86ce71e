/**
 * Rows, maps, reductions and updates where accesses are of 16 bytes: what they read and write at once, and values at the
 * edges: runs that end with a row or with the batch, windows that no vector reads, and rows of a subgroup, which need
 * neither shared memory nor barriers.
 */

import { describe, expect, test } from "vitest";
import {
  addAffine,
  axisAffine,
  divAffine,
  modAffine,
  offsetAffine,
  scaleAffine,
} from "../../../compiler/graph/affine.ts";
import { and, inRange } from "../../../compiler/graph/condition.ts";
import { batchExtent, fixed, type Shape } from "../../../compiler/graph/extent.ts";
import { interpret } from "../../../compiler/graph/interpret.ts";
import type { Value } from "../../../compiler/graph/node.ts";
import { describeCuda } from "../../../compiler/targets/cuda/description.ts";
import { hasEmulation, needsEmulation } from "../../cuda/emulation.ts";
import { Builder } from "../../optimize/build.ts";
import type { GraphCase } from "../schedule-case.ts";
import { caseOf, check, expectNear, kernelsOf, rank2 } from "./row-cases.ts";
import { runOnCuda } from "./run-cuda-graph.ts";
import { wideSubgroup, wideWorkgroups } from "./small-workgroups.ts";

function paramOf(builder: Builder, path: string, shape: Shape): Value {
  return builder.context.leaf("param", path, "f32", shape);
}

function softmax(columns: number): GraphCase {
  const builder = new Builder();
  return caseOf(builder, { values: { y: builder.softmax(paramOf(builder, "x", rank2(columns))) } });
}

function layerNorm(columns: number, rows: Shape = [batchExtent]): GraphCase {
  const builder = new Builder();
  const { f, context } = builder;
  const shape = [...rows, fixed(columns)];
  const x = paramOf(builder, "x", shape);
  const scale = builder.param("scale", columns);
  const [mean, variance] = context.compute({
    parallel: rows,
    reduction: [fixed(columns)],
    reducer: "moments",
    body: builder.at(x),
  }).values;
  const ofRow = (value: Value) => context.load(value, [axisAffine(0)]);
  const centred = f.subtract(builder.at(x), ofRow(mean!));
  const deviation = f.call("sqrt", f.add(ofRow(variance!), f.number(1e-5)));
  const normal = builder.map(shape, f.divide(centred, deviation));
  const y = builder.map(
    shape,
    f.multiply(builder.at(normal), context.load(scale, [axisAffine(1)])),
  );
  return caseOf(builder, { values: { y } });
}

function adam(...sizes: number[]): GraphCase {
  const builder = new Builder();
  const { f } = builder;
  const shape = sizes.map(fixed);
  const [w, m, g] = ["w", "m", "g"].map((path) => builder.param(path, ...sizes));
  const mixed = f.add(
    f.multiply(f.number(0.9), builder.at(m!)),
    f.multiply(f.number(0.1), builder.at(g!)),
  );
  const next = builder.map(shape, mixed);
  const step = builder.map(
    shape,
    f.subtract(builder.at(w!), f.multiply(f.number(0.01), builder.at(next))),
  );
  const assignments = [
    { target: w!, value: step },
    { target: m!, value: next },
  ];
  return caseOf(builder, { assignments, n: 1, batchMax: 1 });
}

function columnSums(rows: number, columns: number): GraphCase {
  const builder = new Builder();
  const x = builder.param("x", rows, columns);
  const sum = builder.context.compute({
    parallel: [fixed(columns)],
    reduction: [fixed(rows)],
    reducer: "sum",
    body: builder.context.load(x, [axisAffine(1), axisAffine(0)]),
  }).values[0]!;
  const y = builder.map(
    [fixed(columns)],
    builder.f.multiply(builder.f.number(0.5), builder.at(sum)),
  );
  return caseOf(builder, { values: { y }, n: 1, batchMax: 1 });
}

function total(size: number): GraphCase {
  const builder = new Builder();
  return caseOf(builder, {
    values: { y: builder.mean(builder.param("x", size)) },
    n: 1,
    batchMax: 1,
  });
}

/** What no vector reads: a transpose, a row that starts between vectors, and padding within one. */
function windows(): GraphCase {
  const builder = new Builder();
  const { f, context } = builder;
  const x = builder.param("x", 12, 8);
  const shape = [fixed(8), fixed(12)];
  const [i, j] = [axisAffine(0), axisAffine(1)];
  const flat = addAffine(scaleAffine(i, 12), offsetAffine(j, 1));
  const far = [divAffine(flat, 8), modAffine(flat, 8)];
  const padded = [offsetAffine(j, -2), i];
  const inside = and(inRange(far[0]!, fixed(12)), inRange(padded[0]!, fixed(12)));
  const transposed = context.load(x, [j, i]);
  const shifted = context.load(x, far, inside);
  const y = builder.map(shape, f.add(transposed, f.add(shifted, context.load(x, padded, inside))));
  return caseOf(builder, { values: { y }, n: 1, batchMax: 1 });
}

/** Each point of a row is made of several of another, by a loop of its own: the reads are not those before the loop. */
function reductionsAtPoints(): GraphCase {
  const builder = new Builder();
  const { f, context } = builder;
  const x = paramOf(builder, "x", rank2(64));
  const [row, point, step] = [0, 1, 2].map((axis) => axisAffine(axis));
  const doubled = builder.map(x.shape, f.multiply(f.number(2), builder.at(x)));
  const at = addAffine(scaleAffine(step!, 16), point!);
  const maxima = context.compute({
    parallel: rank2(16),
    reduction: [fixed(4)],
    reducer: "max",
    body: f.multiply(
      context.load(doubled, [row!, at]),
      context.load(builder.param("w", 4, 16), [step!, point!]),
    ),
  }).values[0]!;
  return caseOf(builder, { values: { y: builder.softmax(maxima), doubled } });
}

const cases: Readonly<Record<string, () => GraphCase>> = {
  "softmax of 16 columns": () => softmax(16),
  "softmax of 36 columns": () => softmax(36),
  "softmax of 200 columns, in memory": () => softmax(200),
  "softmax of 30 columns, no whole runs": () => softmax(30),
  "layer norm of 24 columns": () => layerNorm(24),
  "layer norm of 100 columns": () => layerNorm(100),
  "layer norm of 260 columns": () => layerNorm(260),
  "an update": () => adam(12, 9),
  "an update of many": () => adam(40, 30),
  "an update of an odd number": () => adam(7, 9),
  "column sums": () => columnSums(33, 24),
  "column sums in chunks": () => columnSums(700, 8),
  "a mean": () => total(1000),
  "a mean of an odd number": () => total(333),
  "windows that no vector reads": windows,
  "reductions at the points of a row": reductionsAtPoints,
};

describe("on small workgroups", () => {
  test.each(Object.keys(cases))("%s", (name) => {
    check(cases[name]!(), wideWorkgroups(), wideSubgroup);
    check(cases[name]!(), wideWorkgroups({ threads: 32, sharedBytes: 2048 }), wideSubgroup);
  });
});

describe("as CUDA on the emulation", () => {
  test.skipIf(!hasEmulation).each(Object.keys(cases))(
    `%s ${needsEmulation}`,
    async (name) => {
      const each = cases[name]!();
      const wanted = interpret(each.graph, each);
      const actual = await runOnCuda(each, { fusion: true, order: "reverse" });
      for (const [result, data] of wanted.results) {
        expectNear(actual.results.get(result)!, data, result);
      }
      for (const { target, data } of wanted.assignments) {
        const path = target.node.kind === "leaf" ? target.node.path : "";
        expectNear(actual.assignments.get(path)!, data, path);
      }
    },
    60_000,
  );
});

describe("kernels", () => {
  const only = (each: GraphCase): string => {
    const [kernel, ...others] = kernelsOf(each, describeCuda());
    expect(others).toEqual([]);
    return kernel!;
  };

  /** Loads and stores of global memory by their types. */
  const accesses = (kernel: string): Readonly<Record<string, number>> => {
    const counts: Record<string, number> = {};
    const note = (what: string) => {
      counts[what] = (counts[what] ?? 0) + 1;
    };
    for (const [, type] of kernel.matchAll(
      /load\([^()]*(?:\([^()]*(?:\([^()]*\))*[^()]*\))*[^()]*, (f32(?:x4)?)/g,
    )) {
      note(`load ${type}`);
    }
    for (const line of kernel.split("\n")) {
      if (/^\s*\w+\[.*\] = /.test(line))
        note(line.includes("= join(") ? "store f32x4" : "store f32");
    }
    return counts;
  };

  test("of an update read and write four elements at once", () => {
    const kernel = only(adam(1024, 784));
    expect(accesses(kernel)).toEqual({ "load f32x4": 3, "store f32x4": 2 });
    expect(kernel).toContain("× 256 threads");
  });

  test("of a map that reads one tensor read two runs before they compute", () => {
    const builder = new Builder();
    const x = builder.param("x", 4096, 1024);
    const y = builder.map(x.shape, builder.f.call("maximum", builder.f.number(0), builder.at(x)));
    const kernel = only(caseOf(builder, { values: { y }, n: 1, batchMax: 1 }));
    expect(kernel).toMatchInlineSnapshot(`
      "kernel maximum(x: read f32[4194304], maximum_5: write f32[4194304]) tasks 2048 × 256 threads
        let row: i32 = multiply(add(multiply(task, 512), thread), 4)
        let row_2: i32 = add(multiply(add(multiply(task, 512), thread), 4), 1024)
        let x_2: f32x4 = load(x[row], f32x4)
        let x_3: f32x4 = load(x[row_2], f32x4)
        let maximum: f32 = maximum.f(0.0, lane 0 of x_2)
        let maximum_2: f32 = maximum.f(0.0, lane 1 of x_2)
        let maximum_3: f32 = maximum.f(0.0, lane 2 of x_2)
        let maximum_4: f32 = maximum.f(0.0, lane 3 of x_2)
        maximum_5[row] = join(maximum, maximum_2, maximum_3, maximum_4)
        let maximum_6: f32 = maximum.f(0.0, lane 0 of x_3)
        let maximum_7: f32 = maximum.f(0.0, lane 1 of x_3)
        let maximum_8: f32 = maximum.f(0.0, lane 2 of x_3)
        let maximum_9: f32 = maximum.f(0.0, lane 3 of x_3)
        maximum_5[row_2] = join(maximum_6, maximum_7, maximum_8, maximum_9)"
    `);
  });

  test("of rows of a subgroup have no barriers and no shared memory, and read each element once", () => {
    const kernel = only(layerNorm(768, [fixed(4096)]));
    expect(kernel).not.toMatch(/barrier|shared/);
    // Six runs of the row for each thread of 32, and the scale's.
    expect(accesses(kernel)).toEqual({ "load f32x4": 12, "store f32x4": 6 });
  });

  test("of sums are cut into chunks, of which a thread asks for all runs at once", () => {
    const builder = new Builder();
    const x = builder.param("x", 64, 40_000);
    const sum = builder.context.compute({
      parallel: [fixed(64)],
      reduction: [fixed(40_000)],
      reducer: "sum",
      body: builder.at(x),
    }).values[0]!;
    const kernel = kernelsOf(
      caseOf(builder, { values: { sum }, n: 1, batchMax: 1 }),
      describeCuda(),
    )[0]!;
    expect(kernel).toMatchInlineSnapshot(`
      "kernel sum(x: read f32[2560000], sum_2: write f32[512]) tasks 512 × 256 threads
        let first: bool = equal(thread, 0)
        mutable sum: f32 = 0.0
        let i: i32 = multiply(thread, 4)
        let i_2: i32 = add(multiply(thread, 4), 1024)
        let i_3: i32 = add(multiply(thread, 4), 2048)
        let i_4: i32 = add(multiply(thread, 4), 3072)
        let within: bool = less(add(multiply(thread, 4), 4096), 5000)
        let i_5: i32 = min(add(multiply(thread, 4), 4096), 4996)
        let x_2: f32x4 = load(x[subtract(add(multiply(task, 40000), i), multiply(quotient(task, 64), 2555000))], f32x4)
        let x_3: f32x4 = load(x[subtract(add(multiply(task, 40000), i_2), multiply(quotient(task, 64), 2555000))], f32x4)
        let x_4: f32x4 = load(x[subtract(add(multiply(task, 40000), i_3), multiply(quotient(task, 64), 2555000))], f32x4)
        let x_5: f32x4 = load(x[subtract(add(multiply(task, 40000), i_4), multiply(quotient(task, 64), 2555000))], f32x4)
        let x_6: f32x4 = load(x[subtract(add(multiply(task, 40000), i_5), multiply(quotient(task, 64), 2555000))], f32x4)
        let add: f32 = add.f(sum, lane 0 of x_2)
        sum = add
        let add_2: f32 = add.f(sum, lane 1 of x_2)
        sum = add_2
        let add_3: f32 = add.f(sum, lane 2 of x_2)
        sum = add_3
        let add_4: f32 = add.f(sum, lane 3 of x_2)
        sum = add_4
        let add_5: f32 = add.f(sum, lane 0 of x_3)
        sum = add_5
        let add_6: f32 = add.f(sum, lane 1 of x_3)
        sum = add_6
        let add_7: f32 = add.f(sum, lane 2 of x_3)
        sum = add_7
        let add_8: f32 = add.f(sum, lane 3 of x_3)
        sum = add_8
        let add_9: f32 = add.f(sum, lane 0 of x_4)
        sum = add_9
        let add_10: f32 = add.f(sum, lane 1 of x_4)
        sum = add_10
        let add_11: f32 = add.f(sum, lane 2 of x_4)
        sum = add_11
        let add_12: f32 = add.f(sum, lane 3 of x_4)
        sum = add_12
        let add_13: f32 = add.f(sum, lane 0 of x_5)
        sum = add_13
        let add_14: f32 = add.f(sum, lane 1 of x_5)
        sum = add_14
        let add_15: f32 = add.f(sum, lane 2 of x_5)
        sum = add_15
        let add_16: f32 = add.f(sum, lane 3 of x_5)
        sum = add_16
        if within
          let add_17: f32 = add.f(sum, lane 0 of x_6)
          sum = add_17
        if within
          let add_18: f32 = add.f(sum, lane 1 of x_6)
          sum = add_18
        if within
          let add_19: f32 = add.f(sum, lane 2 of x_6)
          sum = add_19
        if within
          let add_20: f32 = add.f(sum, lane 3 of x_6)
          sum = add_20
        let other: f32 = sum of thread + 1
        let add_21: f32 = add.f(sum, other)
        let other_2: f32 = add_21 of thread + 2
        let add_22: f32 = add.f(add_21, other_2)
        let other_3: f32 = add_22 of thread + 4
        let add_23: f32 = add.f(add_22, other_3)
        let other_4: f32 = add_23 of thread + 8
        let add_24: f32 = add.f(add_23, other_4)
        let other_5: f32 = add_24 of thread + 16
        let add_25: f32 = add.f(add_24, other_5)
        shared totals_f32: f32[8]
        if equal(remainder(thread, 32), 0)
          totals_f32[quotient(thread, 32)] = add_25
        barrier
        let part: f32 = load(totals_f32[0], f32)
        let part_2: f32 = load(totals_f32[1], f32)
        let part_3: f32 = load(totals_f32[2], f32)
        let part_4: f32 = load(totals_f32[3], f32)
        let part_5: f32 = load(totals_f32[4], f32)
        let part_6: f32 = load(totals_f32[5], f32)
        let part_7: f32 = load(totals_f32[6], f32)
        let part_8: f32 = load(totals_f32[7], f32)
        let add_26: f32 = add.f(part, part_2)
        let add_27: f32 = add.f(part_3, part_4)
        let add_28: f32 = add.f(part_5, part_6)
        let add_29: f32 = add.f(part_7, part_8)
        let add_30: f32 = add.f(add_26, add_27)
        let add_31: f32 = add.f(add_28, add_29)
        let add_32: f32 = add.f(add_30, add_31)
        sum_2[task] = add_32 where first"
    `);
  });
});
