/**
 * Every reducer over every type it takes, as compiled C against the interpreter: along rows and columns, over
 * one point, over odd and long boxes, with points left out (all of them even), with ties and with NaN.
 */

import { describe, expect, test } from "vitest";
import { axisAffine, offsetAffine, scaleAffine } from "../../compiler/graph/affine.ts";
import { always, type Condition, divides, nonnegative } from "../../compiler/graph/condition.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import type { DType } from "../../compiler/graph/dtype.ts";
import { batchExtent, fixed } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Graph, Value } from "../../compiler/graph/node.ts";
import { type ReducerName, reducerNames, reducers } from "../../compiler/graph/reducers.ts";
import { thisCpu } from "../targets/run-kernels.ts";
import { runGraph } from "./run-program.ts";

const cpu = thisCpu();
const batchMax = 9;

/** Points to keep, as a condition on the reduction axis. */
const selections: { readonly [name: string]: (axis: number) => Condition } = {
  all: () => always,
  odd: (axis) => divides(2, offsetAffine(axisAffine(axis), 1)),
  none: (axis) => nonnegative(offsetAffine(scaleAffine(axisAffine(axis), -1), -1)),
};

const sizes = [1, 37];

interface Case {
  readonly name: string;
  readonly value: Value;
}

/** Reductions of x[n, size] along n and along size, for one type. */
function cases(context: GraphContext, reducer: ReducerName, dtype: DType): Case[] {
  return sizes.flatMap((size) => {
    const x = context.leaf("input", `x${size}`, dtype, [batchExtent, fixed(size)]);
    return Object.entries(selections).flatMap(([selection, where]) => {
      const along = context.compute({
        parallel: [batchExtent],
        reduction: [fixed(size)],
        where: where(1),
        reducer,
        body: context.load(x, [axisAffine(0), axisAffine(1)]),
      });
      const across = context.compute({
        parallel: [fixed(size)],
        reduction: [batchExtent],
        where: where(1),
        reducer,
        body: context.load(x, [axisAffine(1), axisAffine(0)]),
      });
      const whole = context.compute({
        parallel: [],
        reduction: [batchExtent, fixed(size)],
        where: where(1),
        reducer,
        body: context.load(x, [axisAffine(0), axisAffine(1)]),
      });
      const named = { along, across, whole };
      return Object.entries(named).flatMap(([direction, { values }]) =>
        values.map((value, i) => ({ name: `${direction} ${size} ${selection} ${i}`, value })),
      );
    });
  });
}

/** Small numbers with many ties; one NaN in the widest floats. */
function element(dtype: DType, path: string, i: number): number {
  const number = ((i * 7919 + 31) % 23) - 11;
  if (dtype === "bool") return number > 4 ? 1 : 0;
  if (dtype === "i32") return number;
  return path === "x37" && i === 40 ? Number.NaN : number / 8;
}

function typesOf(reducer: ReducerName): DType[] {
  const types: DType[] = ["f32", "i32", "bool"];
  return types.filter((dtype) => reducers[reducer].resultTypes(dtype) !== undefined);
}

const combinations = reducerNames.flatMap((reducer) =>
  typesOf(reducer).map((dtype) => [reducer, dtype] as const),
);

describe.each(combinations)("%s of %s", (reducer, dtype) => {
  test.each([true, false])("fused: %s", async (fusion) => {
    const context = new GraphContext();
    const results = cases(context, reducer, dtype);
    const graph: Graph = { name: "reduce", batchMax, results, assignments: [] };
    const n = 5;
    const leaf = (_role: string, path: string) =>
      Float64Array.from({ length: batchMax * Number(path.slice(1)) }, (_, i) =>
        element(dtype, path, i),
      );
    const wanted = interpret(graph, { n, leaf });
    const actual = await runGraph({ context, graph, n, leaf }, { cpu, fusion });
    for (const [name, data] of wanted.results) {
      const values = actual.results.get(name)!;
      for (let i = 0; i < data.length; i++) {
        const error = Math.abs(values[i]! - data[i]!) / Math.max(1, Math.abs(data[i]!));
        const isClose = Object.is(values[i], data[i]) || values[i] === data[i] || error < 1e-5;
        // A product of many large numbers leaves float32.
        const isBeyond = Math.abs(data[i]!) > 3e38 && Math.abs(values[i]!) === Infinity;
        expect(isClose || isBeyond, `${name}[${i}] is ${values[i]}, not ${data[i]}`).toBe(true);
      }
    }
  });
});
