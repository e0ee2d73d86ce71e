import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { interpret } from "../../compiler/graph/interpret.ts";
import { randomGraph } from "./random-graph.ts";

describe("random graphs", () => {
  test("evaluate to finite numbers, row by row the same in a partial batch", () => {
    fc.assert(
      fc.property(randomGraph(), ({ graph, n, leaf }) => {
        const { results } = interpret(graph, { n, seed: 3, batch: 1, leaf });
        for (const data of results.values()) {
          for (const x of data) expect(Math.abs(x)).toBeLessThan(1e6);
        }
      }),
      { numRuns: 200 },
    );
  });
});
