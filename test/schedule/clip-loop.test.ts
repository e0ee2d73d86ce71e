/** Reductions of the points of windows: loops go through those that lie where they are wanted, and test none of them. */

import { expect, test } from "vitest";
import {
  type Affine,
  addAffine,
  axisAffine,
  divAffine,
  modAffine,
  offsetAffine,
  scaleAffine,
  subtractAffine,
} from "../../compiler/graph/affine.ts";
import {
  and,
  type Condition,
  divides,
  inRange,
  nonnegative,
} from "../../compiler/graph/condition.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { batchExtent, fixed } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Graph } from "../../compiler/graph/node.ts";
import type { ReducerName } from "../../compiler/graph/reducers.ts";
import { printKernel } from "../../compiler/kernel/print.ts";
import { baselineCpu } from "../../compiler/targets/cpu/description.ts";
import { thisCpu } from "../targets/run-kernels.ts";
import { randomNumbers } from "./contraction-cases.ts";
import { expectClose } from "./expect-close.ts";
import { runGraph } from "./run-program.ts";
import { scheduleCase } from "./schedule-case.ts";

/** Extents of the two axes that are reduced. */
type Sizes = readonly [taps: number, seconds: number];

const batchMax = 2;
const [size, columns] = [9, 5];
const [, place, column, tap, second] = [0, 1, 2, 3, 4].map(axisAffine) as [
  Affine,
  Affine,
  Affine,
  Affine,
  Affine,
];

/** For each column of each of nine places reductions of the taps that `where` lets in. */
function windows(names: readonly ReducerName[], where: Condition, [taps, seconds]: Sizes) {
  const context = new GraphContext();
  const shape = [batchExtent, fixed(taps), fixed(seconds), fixed(columns)];
  const x = context.leaf("param", "x", "f32", shape);
  const results = names.flatMap((reducer) => {
    const { values } = context.compute({
      parallel: [batchExtent, fixed(size), fixed(columns)],
      reduction: [fixed(taps), fixed(seconds)],
      where,
      reducer,
      body: context.load(x, [axisAffine(0), tap, second, column]),
    });
    return values.map((value, i) => ({ name: `${reducer}_${i}`, value }));
  });
  const graph: Graph = { name: "g", batchMax, results, assignments: [] };
  const leaf = (_role: string, path: string) =>
    randomNumbers(path, batchMax * taps * seconds * columns);
  return { context, graph, leaf };
}

/** The loops over taps, from the outside, and what is tested in them. */
function loopsOf(where: Condition, sizes: Sizes = [4, 1]): readonly string[] {
  const target = { ...baselineCpu("x64"), vectorLanes: 4 };
  const { program } = scheduleCase(windows(["sum"], where, sizes), target, true);
  const kernels = program.module.functions[0]!.launches.map(({ kernel }) => printKernel(kernel));
  const lines = kernels
    .join("\n")
    .split("\n")
    .map((line) => line.trim());
  return [...new Set(lines.filter((line) => /^(loop k|let where)/.test(line)))];
}

/** place + tap − 2, as a window of four around a place is. */
const around = offsetAffine(addAffine(place, tap), -2);

test("a window at an edge goes from the edge, or up to it", () => {
  expect(loopsOf(inRange(around, fixed(size)))).toEqual([
    "loop k = max(0, subtract(2, row_2)) .. min(4, subtract(11, row_2)) step 1",
  ]);
});

test("steps and quotients are divided out", () => {
  const strided = subtractAffine(place, offsetAffine(scaleAffine(tap, 3), 1));
  expect(loopsOf(inRange(strided, fixed(5)))).toEqual([
    "loop k = max(0, subtract(quotient(row_2, 3), 1)) .. min(4, quotient(add(row_2, 2), 3)) step 1",
  ]);
  const start = divAffine(scaleAffine(tap, 9), 4);
  expect(loopsOf(nonnegative(subtractAffine(place, start)))).toEqual([
    "loop k = 0 .. min(4, add(quotient(add(multiply(row_2, 4), 3), 9), 1)) step 1",
  ]);
  expect(loopsOf(nonnegative(subtractAffine(offsetAffine(start, 2), place)))).toEqual([
    "loop k = max(0, quotient(multiply(row_2, 4), 9)) .. 4 step 1",
  ]);
});

test("a bound may depend on an outer loop, not on what an inner one has yet to say", () => {
  const triangle = nonnegative(subtractAffine(tap, second));
  expect(loopsOf(triangle, [4, 4])).toEqual([
    "loop k = 0 .. 4 step 1",
    "loop k_2 = 0 .. min(4, add(k, 1)) step 1",
  ]);
});

test("what is no bound is tested at each point", () => {
  const even = divides(2, addAffine(place, tap));
  expect(loopsOf(and(even, nonnegative(around)))).toEqual([
    "loop k = max(0, subtract(2, row_2)) .. 4 step 1",
    "let where: bool = equal(floorRemainder(add(row_2, k), 2), 0)",
    "let where_2: bool = equal(floorRemainder(add(row_2, k), 2), 0)",
  ]);
  expect(loopsOf(nonnegative(subtractAffine(column, tap)))).toEqual([
    "loop k = 0 .. 4 step 1",
    "let where: boolx4 = greaterEqual(ramp<i32x4>, broadcast<i32x4>(k))",
  ]);
});

const conditions: Readonly<Record<string, Condition>> = {
  "in a padded window": inRange(around, fixed(size)),
  "at every third place": inRange(subtractAffine(place, scaleAffine(tap, 3)), fixed(3)),
  "against every third place": inRange(subtractAffine(scaleAffine(tap, 3), place), fixed(3)),
  "in windows of places that are no whole number apart": and(
    nonnegative(subtractAffine(place, divAffine(scaleAffine(tap, 9), 4))),
    nonnegative(subtractAffine(divAffine(offsetAffine(scaleAffine(tap, 9), 12), 4), place)),
  ),
  "by the phase of a place": nonnegative(
    subtractAffine(offsetAffine(scaleAffine(tap, -2), 3), modAffine(place, 2)),
  ),
  "below the diagonal": nonnegative(subtractAffine(tap, second)),
  "nowhere at some places": nonnegative(offsetAffine(subtractAffine(tap, place), -1)),
  "by the column": and(nonnegative(subtractAffine(column, tap)), inRange(around, fixed(size))),
};

const all: readonly Sizes[] = [
  [4, 1],
  [4, 4],
  [2, 32],
];

test.each(Object.keys(conditions))("reducers are as in the interpreter %s", async (name) => {
  for (const sizes of all) {
    const given = windows(["sum", "mean", "max", "argmin", "moments"], conditions[name]!, sizes);
    const n = batchMax;
    const wanted = interpret(given.graph, { ...given, n }).results;
    const actual = await runGraph({ ...given, n }, { cpu: thisCpu(), fusion: true });
    for (const [y, expected] of wanted) expectClose(actual.results.get(y)!, expected, y);
  }
});
