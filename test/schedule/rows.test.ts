/**
 * Random graphs as compiled kernels, every node on its own and in fusion groups, against the interpreter:
 * odd sizes, partial batches, every reducer and kind of index map.
 */

import fc from "fast-check";
import { expect, test } from "vitest";
import { interpret } from "../../compiler/graph/interpret.ts";
import { randomGraph } from "../graph/random-graph.ts";
import { runGraph } from "./run-graph.ts";

/** float32 against float64, relative to the larger of the value and one. */
const tolerance = 2e-4;

test.each([false, true])("random graphs equal the interpreter, fusion %s", async (fusion) => {
  await fc.assert(
    fc.asyncProperty(randomGraph({ maxSteps: 8 }), async ({ context, graph, n, leaf }) => {
      const expected = interpret(graph, { n, leaf });
      const actual = await runGraph({ context, graph, n, leaf, fusion });
      for (const [name, values] of expected.results) {
        const computed = actual.results.get(name)!;
        // A leaf may have more rows than the batch.
        values.slice(0, computed.length).forEach((value, i) => {
          const scale = Math.max(1, Math.abs(value));
          const close = Math.abs(value - computed[i]!) <= tolerance * scale;
          if (!close && !(Number.isNaN(value) && Number.isNaN(computed[i]!))) {
            expect.fail(`${name}[${i}] is ${computed[i]}, not ${value}`);
          }
        });
      }
    }),
    { numRuns: Number(process.env.NNC_RUNS ?? 25), endOnFailure: false },
  );
});
