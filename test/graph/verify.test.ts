import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { gradientsOf } from "../../compiler/autodiff/differentiate.ts";
import {
  addAffine,
  axisAffine,
  constantAffine,
  divAffine,
  modAffine,
  offsetAffine,
  scaleAffine,
} from "../../compiler/graph/affine.ts";
import {
  and,
  type Condition,
  divides,
  evaluateCondition,
  inRange,
  nonnegative,
  not,
  or,
  zero,
} from "../../compiler/graph/condition.ts";
import { GraphContext, graphNodes } from "../../compiler/graph/context.ts";
import { batchExtent, type Extent, fixed, sizeAt } from "../../compiler/graph/extent.ts";
import type { Graph, Value } from "../../compiler/graph/node.ts";
import { printCondition } from "../../compiler/graph/print.ts";
import { implies, isNowhere } from "../../compiler/graph/prove.ts";
import { findFaults, verifyGraph } from "../../compiler/graph/verify.ts";
import { randomGraph } from "./random-graph.ts";

const i = axisAffine;

describe("proofs", () => {
  const box = [batchExtent, fixed(5), fixed(3)];

  test("a sum of axes stays below the sum of their ends", () => {
    const sum = addAffine(scaleAffine(i(1), 3), i(2));
    expect(isNowhere(nonnegative(offsetAffine(sum, -15)), box, 1000)).toBe(true);
    expect(isNowhere(nonnegative(offsetAffine(sum, -14)), box, 1000)).toBe(false);
  });

  test("an axis of the batch stays below N", () => {
    const beyond = offsetAffine(addAffine(i(0), constantAffine(0)), 0);
    const n = { ...constantAffine(0), batch: -1, key: "-1*N" };
    expect(isNowhere(nonnegative(addAffine(beyond, n)), box, 1e6)).toBe(true);
  });

  test("quotient and remainder are one number", () => {
    const whole = addAffine(scaleAffine(divAffine(i(0), 7), 7), modAffine(i(0), 7));
    const difference = addAffine(whole, scaleAffine(i(0), -1));
    expect(isNowhere(not(zero(difference)), box, 1e6)).toBe(false);
    const large = [fixed(1e6)];
    expect(isNowhere(nonnegative(offsetAffine(difference, -1)), large, 1)).toBe(true);
  });

  test("what is given follows, though it cannot be proved", () => {
    const [odd, large] = [not(divides(2, i(0))), [fixed(1e6)]];
    const given = and(odd, nonnegative(offsetAffine(i(0), -9)));
    expect(implies(given, odd, large, 1)).toBe(true);
    expect(implies(given, given, large, 1)).toBe(true);
    expect(implies(given, and(odd, divides(3, i(0))), large, 1)).toBe(false);
  });

  test("are sound", () => {
    const affine = fc
      .tuple(
        fc.integer({ min: -3, max: 3 }),
        fc.integer({ min: -3, max: 3 }),
        fc.integer({ min: -9, max: 9 }),
      )
      .map(([a, b, c]) => offsetAffine(addAffine(scaleAffine(i(0), a), scaleAffine(i(1), b)), c));
    const atom: fc.Arbitrary<Condition> = fc.oneof(
      affine.map(nonnegative),
      affine.map(zero),
      affine.map((a) => divides(3, a)),
      affine.map((a) => nonnegative(offsetAffine(modAffine(a, 4), -2))),
      affine.map((a) => zero(divAffine(a, 3))),
    );
    const condition = fc.letrec<{ node: Condition }>((tie) => ({
      node: fc.oneof(
        { depthSize: "small" },
        atom,
        fc.tuple(tie("node"), tie("node")).map(([a, b]) => and(a, b)),
        fc.tuple(tie("node"), tie("node")).map(([a, b]) => or(a, b)),
        tie("node").map(not),
      ),
    })).node;
    let proved = 0;
    fc.assert(
      fc.property(condition, (c) => {
        const extents: Extent[] = [batchExtent, fixed(6)];
        // A batch beyond the enumeration limit leaves the proof to the inequalities.
        if (!isNowhere(c, extents, 10_000)) return;
        proved++;
        for (let n = 1; n <= 9; n++) {
          for (let a = 0; a < n; a++) {
            for (let b = 0; b < sizeAt(extents[1]!, n); b++) {
              expect(evaluateCondition(c, [a, b], n), printCondition(c)).toBe(false);
            }
          }
        }
      }),
      { numRuns: 600 },
    );
    expect(proved).toBeGreaterThan(50);
  });
});

describe("the verifier", () => {
  test("accepts random graphs and their derivatives", () => {
    fc.assert(
      fc.property(randomGraph({ loops: true }), ({ context, graph }) => {
        // A large batch leaves all that depends on N to the proofs by inequalities.
        const batchMax = 4096;
        verifyGraph({ ...graph, batchMax });
        const loss = graph.results.find((result) => result.name === "loss")!.value;
        const leaves = graphNodes(graph).flatMap((node): Value[] =>
          node.kind === "leaf" && node.role !== "cotangent" && node.values[0].dtype === "f32"
            ? [...node.values]
            : [],
        );
        const gradients = gradientsOf(context, loss, leaves, batchMax);
        const results = [...gradients.values()].map((value, k) => ({ name: `g${k}`, value }));
        verifyGraph({ ...graph, batchMax, results });
      }),
      { numRuns: 100 },
    );
  });

  const graphOf = (...values: Value[]): Graph => ({
    name: "test",
    batchMax: 8,
    results: values.map((value, k) => ({ name: `r${k}`, value })),
    assignments: [],
  });

  test("shows the load that leaves its operand", () => {
    const context = new GraphContext();
    const x = context.leaf("input", "x", "f32", [batchExtent, fixed(4)]);
    const place = [i(0), offsetAffine(i(1), -1)];
    const shape = [batchExtent, fixed(5)];
    const good = context.compute({
      parallel: shape,
      body: context.load(x, place, inRange(place[1]!, fixed(4))),
    });
    const bad = context.compute({
      parallel: shape,
      body: context.load(x, place, nonnegative(offsetAffine(i(1), -1))),
    });
    verifyGraph(graphOf(good.values[0]!));
    const wider = context.compute({
      parallel: [batchExtent, fixed(6)],
      body: context.load(x, place, nonnegative(offsetAffine(i(1), -1))),
    });
    expect(findFaults(graphOf(bad.values[0]!))).toEqual([]);
    expect(() =>
      verifyGraph(graphOf(good.values[0]!, wider.values[0]!)),
    ).toThrowErrorMatchingInlineSnapshot(`
      [InvariantError: internal error in nnc (please report it): test: %2: the index i1 - 1 may leave 0 … 4−1 in dimension 1
        graph test, N ≤ 8
        %0: f32[N, 4] = input x
        %1: f32[N, 5] = %0[i0, i1 - 1]{-i1 + 4 >= 0 and i1 - 1 >= 0}
      > %2: f32[N, 6] = %0[i0, i1 - 1]{i1 - 1 >= 0}
        r0 = %1
        r1 = %2]
    `);
  });

  test("knows the types and axes of bodies", () => {
    const context = new GraphContext();
    const node = context.compute({ parallel: [fixed(2)], body: context.index(i(1)) });
    expect(findFaults(graphOf(node.values[0]!)).map((fault) => fault.message)).toEqual([
      "%0: there is no axis i1",
    ]);
  });

  test("wants assignments of the target's shape, once", () => {
    const context = new GraphContext();
    const state = context.leaf("state", "total", "f32", []);
    const input = context.leaf("input", "x", "f32", [batchExtent]);
    const faults = findFaults({
      ...graphOf(),
      assignments: [
        { target: state, value: input },
        { target: state, value: state },
        { target: input, value: input },
      ],
    });
    expect(faults.map((fault) => fault.message)).toMatchInlineSnapshot(`
      [
        "total is assigned a value of another shape or type",
        "total is assigned twice",
        "an assignment's target is neither a param nor a state",
      ]
    `);
  });
});
