/** The evaluator against the interpreter, whose numbers it gives bit for bit. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { differentiate } from "../../compiler/autodiff/differentiate.ts";
import { axisAffine as i } from "../../compiler/graph/affine.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import type { DType } from "../../compiler/graph/dtype.ts";
import { GraphEvaluator } from "../../compiler/graph/evaluator.ts";
import { batchExtent, fixed } from "../../compiler/graph/extent.ts";
import { type InterpretEnvironment, interpret } from "../../compiler/graph/interpret.ts";
import type { Graph, Scalar } from "../../compiler/graph/node.ts";
import { printGraph } from "../../compiler/graph/print.ts";
import { reducerNames, reducers } from "../../compiler/graph/reducers.ts";
import { scalarFunctionNames, scalarFunctions } from "../../compiler/graph/scalar-functions.ts";
import { batchMax, loopCases } from "./loop-cases.ts";
import { randomGraph } from "./random-graph.ts";

function expectAgreement(graph: Graph, environment: InterpretEnvironment): void {
  const wanted = interpret(graph, environment);
  const evaluator = new GraphEvaluator(environment.n);
  // Twice: functions that are kept must not keep anything of a run.
  for (const evaluation of [1, 2].map(() => evaluator.run(graph, environment))) {
    for (const [name, data] of wanted.results) {
      const actual = Float64Array.from(evaluation.results.get(name)!);
      expect(actual, `${name} of\n${printGraph(graph)}`).toEqual(data);
    }
    const assigned = evaluation.assignments.map(({ data }) => Float64Array.from(data));
    expect(assigned).toEqual(wanted.assignments.map(({ data }) => data));
  }
}

test("random graphs compute what the interpreter computes, and so do their derivatives", () => {
  fc.assert(
    fc.property(randomGraph({ updates: true, loops: true }), ({ context, graph, n, leaf }) => {
      const environment = { n, leaf, seed: 11, batch: 2 };
      expectAgreement(graph.assignments.length === 0 ? graph : differentiate(context, graph), {
        ...environment,
      });
    }),
    { numRuns: 200, seed: 20261122 },
  );
});

test.each(Object.entries(loopCases))("%s", (_name, make) => {
  const { graph, leaf } = make();
  expectAgreement(graph, { n: batchMax - 2, leaf });
});

test("scatters add in reading order, and leave out what is out of range", () => {
  const context = new GraphContext();
  const x = context.leaf("input", "x", "f32", [batchExtent, fixed(5)]);
  const at = context.leaf("input", "at", "i32", [batchExtent, fixed(5)]);
  const [value] = context.scatter({
    parallel: [batchExtent, fixed(5)],
    shape: [batchExtent, fixed(4)],
    index: [context.index(i(0)), context.load(at, [i(0), i(1)])],
    body: context.load(x, [i(0), i(1)]),
  }).values;
  const gathered = context.gather(value, [context.index(i(0)), context.load(at, [i(0), i(1)])]);
  const [back] = context.compute({ parallel: [batchExtent, fixed(5)], body: gathered }).values;
  const graph = {
    name: "scattered",
    batchMax: 2,
    results: [
      { name: "y", value },
      { name: "back", value: back! },
    ],
    assignments: [],
  };
  const data = { x: [1e16, 1, 1, -1e16, 5, 1, 2, 3, 4, 5], at: [0, 0, 1, 0, 0, 3, 2, -1, 4, 2] };
  expectAgreement(graph, { n: 2, leaf: (_, path) => data[path as keyof typeof data] });
});

const SPECIAL = [0, -0, 1, -1, 0.5, -2.75, 3, 255.5, 2 ** 31, -(2 ** 31), 1e300, 1e-310];
const numbers: Readonly<Record<"f32" | "i32" | "bool", readonly number[]>> = {
  f32: [...SPECIAL, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  i32: [0, 1, -1, 7, -7, 65537, 2147483647, -2147483648],
  bool: [0, 1],
};
type Tested = keyof typeof numbers;
const tested = Object.keys(numbers) as readonly Tested[];

/** One result over all triples of a type's numbers, from what makes a scalar of three loads. */
function overTriples(
  dtype: Tested,
  makeBody: (context: GraphContext, args: readonly Scalar[]) => Scalar | undefined,
): void {
  const context = new GraphContext();
  const given = numbers[dtype];
  const size = fixed(given.length);
  const leaf = context.leaf("state", "x", dtype, [size]);
  const body = makeBody(
    context,
    [0, 1, 2].map((axis) => context.load(leaf, [i(axis)])),
  );
  if (body === undefined) return;
  const [value] = context.compute({ parallel: [size, size, size], body }).values;
  const results = [{ name: "result", value: value! }];
  const graph = { name: "triples", batchMax: 1, results, assignments: [] };
  expectAgreement(graph, { n: 1, leaf: () => given });
}

describe.each(tested)("of %s", (dtype) => {
  test.each(scalarFunctionNames)("%s", (fn) => {
    const { arity, resultType } = scalarFunctions[fn];
    overTriples(dtype, (context, args) => {
      const taken = args.slice(0, arity);
      // The condition of select is of another type than what it selects.
      if (fn === "select") taken[0] = context.cast(taken[0]!, "bool");
      const type = resultType(taken.map((arg) => arg.dtype));
      return type === undefined ? undefined : context.call(fn, ...taken);
    });
  });

  test.each(["f32", "f16", "bf16", "i32", "u8", "bool"] as const)("a cast to %s", (to: DType) => {
    overTriples(dtype, (context, [x]) => context.cast(x!, to));
  });

  test.each(reducerNames)("%s", (reducer) => {
    if (reducers[reducer].resultTypes(dtype) === undefined) return;
    const given = numbers[dtype];
    const context = new GraphContext();
    const leaf = context.leaf("input", "x", dtype, [batchExtent, fixed(given.length)]);
    // By rows and by columns, that is with few points and with all of the special numbers.
    const results = [0, 1].flatMap((axis) => {
      const extents = [batchExtent, fixed(given.length)];
      const { values } = context.compute({
        parallel: [extents[axis]!],
        reduction: [extents[1 - axis]!],
        reducer,
        body: context.load(leaf, [i(axis), i(1 - axis)]),
      });
      return values.map((value) => ({ name: `${axis} ${value.result}`, value }));
    });
    const n = given.length;
    const data = Array.from({ length: n * n }, (_, at) => {
      const row = Math.floor(at / n);
      return given[((at % n) * row + row) % n]!;
    });
    expectAgreement(
      { name: "reduced", batchMax: n, results, assignments: [] },
      { n, leaf: () => data },
    );
  });
});

test("a load that leaves its operand is refused", () => {
  const context = new GraphContext();
  const x = context.leaf("input", "x", "f32", [batchExtent, fixed(3)]);
  const [value] = context.compute({
    parallel: [batchExtent, fixed(4)],
    body: context.load(x, [i(0), i(1)]),
  }).values;
  const graph = {
    name: "outside",
    batchMax: 1,
    results: [{ name: "y", value: value! }],
    assignments: [],
  };
  expect(() => new GraphEvaluator(1).run(graph, { leaf: () => new Float64Array(3) })).toThrow(
    "a load of [N, 3] at i1 reads 3 where there are 3",
  );
});
