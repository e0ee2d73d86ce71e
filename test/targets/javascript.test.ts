/** Graphs printed as JavaScript, against the interpreter: both compute in float64, so they agree closely. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { differentiate } from "../../compiler/autodiff/differentiate.ts";
import {
  type Affine,
  addAffine,
  axisAffine,
  constantAffine,
  scaleAffine,
  stepAffine,
} from "../../compiler/graph/affine.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { fixed } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Graph, LeafRole } from "../../compiler/graph/node.ts";
import { printGraph } from "../../compiler/graph/print.ts";
import { rewriteGraph } from "../../compiler/graph/rewrite.ts";
import { printPrelude } from "../../compiler/targets/javascript/functions.ts";
import { printJavaScriptGraph } from "../../compiler/targets/javascript/print-graph.ts";
import { loopCases } from "../graph/loop-cases.ts";
import { randomGraph } from "../graph/random-graph.ts";

type Leaves = (role: LeafRole, path: string) => ArrayLike<number>;

function run(
  context: GraphContext,
  graph: Graph,
  leaf: Leaves,
  counters = { seed: 0, batch: 0 },
): ReadonlyMap<string, ArrayLike<number> | number> {
  const printed = printJavaScriptGraph(context, graph, {
    leaf: ({ role, path }) => `leaf("${role}", "${path}")`,
  });
  const results = printed.results.map(({ name, text }) => `${JSON.stringify(name)}: ${text}`);
  const source = [
    '"use strict";',
    printPrelude(printed.prelude),
    ...printed.lines,
    `return { ${results.join(", ")} };`,
  ].join("\n");
  const make = new Function("leaf", "n", "seed", "batch", source);
  const values = make(leaf, graph.batchMax, counters.seed, counters.batch);
  return new Map(Object.entries(values as Record<string, ArrayLike<number> | number>));
}

/** Code that runs once has no batch: inputs are states here. */
function withoutInputs(context: GraphContext, graph: Graph): Graph {
  return rewriteGraph(context, graph, (node) =>
    node.kind === "leaf" && node.role === "input"
      ? [context.leaf("state", node.path, node.values[0].dtype, node.values[0].shape)]
      : undefined,
  );
}

test.each(Object.entries(loopCases))("%s", (_name, make) => {
  const { context, graph, leaf } = make();
  const all = withoutInputs(context, { ...graph, assignments: [] });
  const wanted = interpret(all, { n: graph.batchMax, leaf });
  const values = run(context, all, leaf);
  for (const [name, data] of wanted.results) {
    const value = values.get(name)!;
    const actual = typeof value === "number" ? [value] : Array.from(value);
    expect(actual.length, name).toBe(data.length);
    actual.forEach((x, i) => {
      expect(Math.abs(x - data[i]!), `${name}[${i}]`).toBeLessThanOrEqual(1e-9);
    });
  }
});

test("loops over numbers, loads by index and scatters", () => {
  const context = new GraphContext();
  const w = context.leaf("state", "w", "f32", [fixed(4)]);
  const at = context.leaf("state", "at", "i32", [fixed(5)]);
  const zero = context.compute({ parallel: [], body: context.constant(0, "f32") }).values[0]!;
  const one = context.compute({ parallel: [], body: context.constant(1, "f32") }).values[0]!;
  const loop = context.newLoop();
  const [a, b] = [0, 1].map((i) => context.carry(loop, i, "f32", []));
  // Fibonacci's numbers: the carries change places.
  const next = context.compute({
    parallel: [],
    body: context.call("add", context.load(a!, []), context.load(b!, [])),
  }).values[0]!;
  const step = stepAffine(loop, 6);
  const fibonacci = context.scan({
    loop,
    length: 6,
    carries: [
      { leaf: a!, init: zero, next: b! },
      { leaf: b!, init: one, next },
    ],
    stacks: [{ value: next, place: step }],
  });
  const index = context.load(at, [axisAffine(0)]);
  const gathered = context.compute({ parallel: [fixed(5)], body: context.gather(w, [index]) });
  const scattered = context.scatter({
    parallel: [fixed(5)],
    shape: [fixed(4)],
    index: [index],
    body: context.load(gathered.values[0]!, [axisAffine(0)]),
  });
  const results = [...fibonacci.values, gathered.values[0]!, scattered.values[0]].map(
    (value, i) => ({ name: String(i), value }),
  );
  const graph = { name: "g", batchMax: 1, results, assignments: [] };
  const values = run(context, graph, (_, path) => (path === "w" ? [1, 2, 3, 4] : [0, 3, -1, 4, 3]));
  expect([...values.values()].map((v) => (typeof v === "number" ? v : [...Array.from(v)]))).toEqual(
    [8, 13, [1, 2, 3, 5, 8, 13], [1, 4, 0, 0, 4], [1, 0, 0, 8]],
  );
});

test("random graphs compute what the interpreter computes", () => {
  fc.assert(
    fc.property(randomGraph({ updates: true }), (random) => {
      const { context } = random;
      const graph = withoutInputs(context, differentiate(context, random.graph));
      const all: Graph = {
        ...graph,
        assignments: [],
        results: [
          ...graph.results,
          ...graph.assignments.map(({ value }, i) => ({ name: `assigned_${i}`, value })),
        ],
      };
      const leaf: Leaves = (role, path) =>
        random.leaf(role === "state" && /^(x|bytes)$/.test(path) ? "input" : role, path);
      const counters = { seed: 11, batch: 2 };
      const wanted = interpret(all, { n: graph.batchMax, leaf, ...counters });
      const values = run(context, all, leaf, counters);
      for (const [name, data] of wanted.results) {
        const value = values.get(name)!;
        const actual = typeof value === "number" ? [value] : Array.from(value);
        const what = `${name} of\n${printGraph(all)}`;
        expect(actual.length, what).toBe(data.length);
        actual.forEach((x, i) => {
          const error = Math.abs(x - data[i]!);
          const isClose = Object.is(x, data[i]) || error <= 1e-9 * Math.max(1, Math.abs(data[i]!));
          expect(isClose, `${x} and ${data[i]} in ${what}`).toBe(true);
        });
      }
    }),
    { numRuns: 150, seed: 20261121 },
  );
});

test("long loops of one form are one function, and numbers for all of an array are drawn at once", () => {
  const context = new GraphContext();
  const offset = addAffine(scaleAffine(axisAffine(0), 50), axisAffine(1));
  const draw = (stream: string, index: Affine, scale: number, shape: readonly number[]) => {
    const body = context.call(
      "multiply",
      context.constant(scale, "f32"),
      context.random(stream, index),
    );
    return context.compute({ parallel: shape.map(fixed), body }).values[0]!;
  };
  const values = [
    draw("a", offset, 0.5, [40, 50]),
    draw("b", offset, -3, [40, 50]),
    // Numbers of other indices than the elements' own, and too few to make a function of them.
    draw("c", addAffine(offset, constantAffine(1)), 2, [40, 50]),
    draw("d", offset, 2, [2, 50]),
  ];
  const half = context.compute({
    parallel: [fixed(40)],
    reduction: [fixed(50)],
    reducer: "sum",
    body: context.load(values[0]!, [axisAffine(0), axisAffine(1)]),
  }).values[0]!;
  const results = [...values, half].map((value, i) => ({ name: String(i), value }));
  const graph: Graph = { name: "init", batchMax: 1, results, assignments: [] };
  const { lines, prelude } = printJavaScriptGraph(context, graph, { leaf: () => "" });
  const text = lines.join("\n");
  expect(text.match(/= uniforms\(/g)).toHaveLength(3);
  expect(text.match(/uniformAt\(/g)).toHaveLength(1);
  const [scale, again, sum, ...others] = [...text.matchAll(/^(compute_\w+)\(/gm)].map(
    ([, name]) => name,
  );
  expect(again).toBe(scale);
  expect(sum).not.toBe(scale);
  expect(others).toEqual([]);
  expect(printPrelude(prelude).match(/^function compute_/gm)).toHaveLength(2);

  const counters = { seed: 7, batch: 1 };
  const wanted = interpret(graph, { n: 1, leaf: () => [], ...counters });
  const actual = run(context, graph, () => [], counters);
  for (const [name, data] of wanted.results) {
    expect(Array.from(actual.get(name) as Float64Array), name).toEqual(Array.from(data));
  }
});

describe("printed text", () => {
  const context = new GraphContext();
  const load = (path: string) => context.load(context.leaf("hyper", path, "f32", []), []);

  test("step scalars are single constants", () => {
    const rate = load("learning_rate");
    const t = context.load(context.leaf("counter", "t", "f32", []), []);
    const beta = context.call("power", context.constant(0.999, "f32"), t);
    const corrected = context.call("subtract", context.constant(1, "f32"), beta);
    const body = context.call("multiply", rate, context.call("sqrt", corrected));
    const value = context.compute({ parallel: [], body }).values[0]!;
    const graph: Graph = {
      name: "s",
      batchMax: 1,
      results: [{ name: "0", value }],
      assignments: [],
    };
    const printed = printJavaScriptGraph(context, graph, {
      leaf: ({ role, path }) => (role === "hyper" ? `hypers.${path}` : `counters.${path}`),
    });
    expect(
      [...printed.lines, `return [${printed.results[0]!.text}];`].join("\n"),
    ).toMatchInlineSnapshot(`
      "const learning_rate = hypers.learning_rate;
      const t = counters.t;
      const multiply = learning_rate * Math.sqrt(1 - computePower(0.999, t));
      return [multiply];"
    `);
  });

  test("tensors are loops over typed arrays", () => {
    const index = axisAffine(1);
    const uniform = context.random("dense/kernel", index);
    const scaled = context.call(
      "multiply",
      context.call("subtract", uniform, context.constant(0.5, "f32")),
      context.constant(0.1, "f32"),
    );
    const value = context.compute({ parallel: [fixed(2), fixed(3)], body: scaled }).values[0]!;
    const total = context.compute({
      parallel: [fixed(3)],
      reduction: [fixed(2)],
      reducer: "sum",
      body: context.load(value, [axisAffine(1), axisAffine(0)]),
    }).values[0]!;
    const first = context.compute({
      parallel: [],
      body: context.load(total, [constantAffine(1)]),
    }).values[0]!;
    const graph: Graph = {
      name: "init",
      batchMax: 1,
      results: [
        { name: "kernel", value },
        { name: "first", value: first },
      ],
      assignments: [],
    };
    const printed = printJavaScriptGraph(context, graph, { leaf: () => "" });
    expect(printed.lines.join("\n")).toMatchInlineSnapshot(`
      "const multiply = new Float64Array(6);
      for (let i = 0; i < 2; i++) {
        for (let i_2 = 0; i_2 < 3; i_2++) {
          multiply[i * 3 + i_2] = (uniformAt(seed, 1367744976, batch, i_2) - 0.5) * 0.1;
        }
      }
      const sum = new Float64Array(3);
      for (let i_3 = 0; i_3 < 3; i_3++) {
        let sum_2 = 0;
        for (let r = 0; r < 2; r++) {
          const add = sum_2 + multiply[r * 3 + i_3];
          sum_2 = add;
        }
        sum[i_3] = sum_2;
      }
      const sum_3 = sum[1];"
    `);
    expect(printPrelude(printed.prelude)).toContain(
      "function uniformAt(seed, stream, batch, index)",
    );
  });
});
