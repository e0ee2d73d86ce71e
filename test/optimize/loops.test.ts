/** Loops through the passes on graphs: what comes out computes the same. */

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { gradientsOf } from "../../compiler/autodiff/differentiate.ts";
import { graphNodes } from "../../compiler/graph/context.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import { loopsIn } from "../../compiler/graph/loops.ts";
import type { Graph } from "../../compiler/graph/node.ts";
import { printGraph } from "../../compiler/graph/print.ts";
import { pruneLoops } from "../../compiler/graph/prune-loops.ts";
import { verifyGraph } from "../../compiler/graph/verify.ts";
import { canonicalise } from "../../compiler/optimize/canonicalise.ts";
import { hoistFromLoops } from "../../compiler/optimize/hoist-from-loops.ts";
import { simplify } from "../../compiler/optimize/simplify.ts";
import { checkGradient, randomLeaves, weighted } from "../autodiff/check-gradient.ts";
import { lowerSound } from "../semantics/lowering.ts";
import { loopModel, randomLoop } from "../semantics/random-loops.ts";

const environment = { n: 2, leaf: randomLeaves() };

/** Compares all results, and says by which pass they changed. */
function expectSame(graph: Graph, expected: Graph, pass: string): void {
  verifyGraph(graph, pass);
  const [found, wanted] = [graph, expected].map((g) => interpret(g, environment).results);
  for (const [name, data] of wanted!) {
    const other = found!.get(name)!;
    data.forEach((element, i) => {
      const error = Math.abs(element - other[i]!);
      if (!(error <= 1e-9 * (1 + Math.abs(element))))
        expect([pass, other[i]]).toEqual([pass, element]);
    });
  }
}

describe("passes through loops", () => {
  it("keep values and derivatives of random loops", () => {
    fc.assert(
      fc.property(randomLoop, (loop) => {
        const { predict, context } = lowerSound(loopModel(loop, loop.words));
        const stable = canonicalise(context, predict);
        expectSame(stable, predict, "canonicalise");
        const hoisted = hoistFromLoops(context, stable);
        expectSame(hoisted, predict, "hoist-from-loops");
        const loss = weighted(context, hoisted.results[0]!.value);
        const leaves = graphNodes(hoisted).flatMap((node) =>
          node.kind === "leaf" ? node.values : [],
        );
        const gradients = gradientsOf(context, loss, leaves, 4);
        checkGradient(loss, gradients, environment);
        const results = [...gradients.values()].map((value, i) => ({ name: `d${i}`, value }));
        const whole = pruneLoops(context, {
          ...hoisted,
          results: [...hoisted.results, ...results],
        });
        expectSame(simplify(context, whole), whole, "simplify");
      }),
      { seed: 5, numRuns: 8 },
    );
  });

  it("take products of whole sequences out", () => {
    const { predict, context } = lowerSound(`
layer Cell()(x: f32[N, T, 2]) {
  param w: f32[2, 3] = glorot_uniform
  param u: f32[3, 3] = glorot_uniform
  h = scan t in T from zeros([N, 3]) {
    z = x[:, t] @ w
    h' = tanh(z + h @ u)
  }
  return h + z.all[:, 2]
}
model M {
  input x: f32[N, 5, 2]
  output y = x |> Cell
}`);
    const hoisted = hoistFromLoops(context, canonicalise(context, predict));
    expect(printGraph(simplify(context, hoisted))).toMatchInlineSnapshot(`
      "graph predict, N ≤ 32
      %0: f32[N, 5, 2] = input x
      %1: f32[2, 3] = param M/cell/w
      %2: f32[3, 3] = param M/cell/u
      %3: f32[N, 3] = 0.0
      %4: f32[N, 5, 3] = sum[i3 < 2] %0[i0, i1, i3] * %1[i3, i2]
      %5: f32[N, 3] = scan t1 < 5
        %t1_0: f32[N, 3] = carry 1/0
        %t1_1: f32[N, 3] = sum[i2 < 3] %t1_0[i0, i2] * %2[i2, i1]
        %t1_2: f32[N, 3] = %4[i0, t1, i1] + %t1_1[i0, i1]
        %t1_3: f32[N, 3] = tanh(%t1_2[i0, i1])
        carry %t1_0 from %3 <- %t1_3
      %6: f32[N, 3] = %5[i0, i1] + %4[i0, 2, i1]
      y = %6"
    `);
    expect(loopsIn(hoisted)).toHaveLength(1);
  });

  it("read the last place of a stack where it is carried out of the loop", () => {
    const { predict, context } = lowerSound(`
layer Cell()(x: f32[N, T, 2]) {
  (a, b) = scan t in T reversed from (zeros([N, 2]), zeros([N, 2])) {
    y = tanh(a + x[:, t])
    a' = y
    b' = b + y
  }
  return y.last + b + y.all[:, 0] + y.all[:, 3]
}
model M {
  input x: f32[N, 5, 2]
  output y = x |> Cell
}`);
    const stacksOf = (graph: Graph) => loopsIn(graph).flatMap(({ stacks }) => stacks);
    const simple = simplify(context, canonicalise(context, predict));
    expectSame(simple, predict, "simplify");
    expect(stacksOf(simple)).toHaveLength(1);
    expect(printGraph(simple).split("\n").at(-2)).toMatchInlineSnapshot(
      `"%5: f32[N, 2] = %4[i0, i1] + %2.2[i0, 3, i1]"`,
    );
  });
});
