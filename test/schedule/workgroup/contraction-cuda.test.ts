/** Contractions as CUDA, on the emulation, against the float64 interpreter. */

import { describe, test } from "vitest";
import { interpret } from "../../../compiler/graph/interpret.ts";
import { hasEmulation, needsEmulation } from "../../cuda/emulation.ts";
import { productCase } from "../contraction-cases.ts";
import type { GraphCase } from "../schedule-case.ts";
import { expectInterpreted } from "./expect-interpreted.ts";
import { runOnCuda } from "./run-cuda-graph.ts";
import { smallContractions } from "./small-contractions.ts";

const cases: Readonly<Record<string, () => GraphCase>> = {
  ...smallContractions,
  "A·B of many tiles": () =>
    productCase({ letters: "mk,kn->mn", sizes: { m: 132, k: 68, n: 260 } }),
};

describe.runIf(hasEmulation)(`on emulated CUDA ${needsEmulation}`, () => {
  test.each(Object.keys(cases))("%s", async (name) => {
    const graphCase = cases[name]!();
    const wanted = interpret(graphCase.graph, graphCase);
    const actual = await runOnCuda(graphCase, { fusion: true, order: "shuffled" });
    expectInterpreted(wanted, actual, 2e-5);
  });
});
