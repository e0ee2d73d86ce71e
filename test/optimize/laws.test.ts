import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Graph } from "../../compiler/graph/node.ts";
import { printGraph } from "../../compiler/graph/print.ts";
import { simplify } from "../../compiler/optimize/simplify.ts";
import { type RandomGraph, randomGraph } from "../graph/random-graph.ts";

/** The results of two graphs agree but for the rounding of regrouped sums. */
function expectSameValues({ n, leaf }: RandomGraph, before: Graph, after: Graph): void {
  const environment = { n, seed: 7, leaf };
  const expected = interpret(before, environment).results;
  const actual = interpret(after, environment).results;
  for (const [name, values] of expected) {
    const scale = values.reduce((max, x) => Math.max(max, Math.abs(x)), 1);
    const others = actual.get(name)!;
    values.forEach((value, i) => {
      const isClose = Math.abs(value - others[i]!) <= 1e-9 * scale || Object.is(value, others[i]!);
      if (!isClose) {
        expect.fail(
          `${name}[${i}] is ${others[i]}, not ${value}, of\n${printGraph(before)}\nas\n${printGraph(after)}`,
        );
      }
    });
  }
}

describe("simplify", () => {
  it("keeps values, is idempotent, and returns the same graph if nothing changes", () => {
    fc.assert(
      fc.property(randomGraph(), (random) => {
        const simple = simplify(random.context, random.graph);
        expectSameValues(random, random.graph, simple);
        expect(simplify(random.context, simple)).toBe(simple);
      }),
      { numRuns: 300 },
    );
  });
});
