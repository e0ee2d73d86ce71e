/**
 * Contractions as WGSL: run on SwiftShader against the float64 interpreter, in small shapes, and validated by Dawn in
 * large ones, with panels of f16 too, which no software adapter runs.
 */

import { afterAll, describe, expect, test } from "vitest";
import { interpret } from "../../../compiler/graph/interpret.ts";
import { describeWgsl } from "../../../compiler/targets/wgsl/description.ts";
import { printWgsl } from "../../../compiler/targets/wgsl/print-module.ts";
import { missing, openDawn, openNullDevice } from "../../dawn.ts";
import { productCase } from "../contraction-cases.ts";
import { type GraphCase, scheduleCase } from "../schedule-case.ts";
import { convolutionGraph } from "./convolution-cases.ts";
import { adam } from "./epilogue-cases.ts";
import { expectInterpreted } from "./expect-interpreted.ts";
import { excesses, runOnWorkgroups } from "./run-graph.ts";
import { smallContractions } from "./small-contractions.ts";

describe("on SwiftShader", async () => {
  const opened = await openDawn();
  afterAll(() => opened?.close());
  const suffix = opened === null ? `: ${missing}` : "";

  test.skipIf(opened === null).each(Object.keys(smallContractions))(`%s${suffix}`, async (name) => {
    const graphCase = smallContractions[name]!();
    const wanted = interpret(graphCase.graph, graphCase);
    const options = { opened: opened!, fusion: true, subgroups: false };
    const actual = await runOnWorkgroups(graphCase, options);
    expect(excesses(actual.program)).toEqual([]);
    expectInterpreted(wanted, actual, 2e-5);
  });
});

const large: Readonly<Record<string, () => Pick<GraphCase, "context" | "graph">>> = {
  A·B: () => productCase({ letters: "mk,kn->mn", sizes: { m: 1024, k: 1024, n: 1024 } }),
  A·Bᵀ: () => productCase({ letters: "mk,nk->mn", sizes: { m: 512, k: 784, n: 256 } }),
  Aᵀ·B: () => productCase({ letters: "km,kn->mn", sizes: { k: 99, m: 2048, n: 65 } }),
  convolution: () =>
    convolutionGraph({
      size: [32, 32],
      kernel: [3, 3],
      padding: 1,
      channels: [32, 64],
      batch: [64, 64],
    }),
  update: () => adam(784, 512, 256, 256),
};

describe("compiles without a warning", async () => {
  const opened = await openNullDevice();
  afterAll(() => opened.close());

  describe.each([false, true])("panels of f16: %s", (f16) => {
    test.each(Object.keys(large))("%s", async (name) => {
      const { program } = scheduleCase(large[name]!(), describeWgsl({ f16 }), true);
      const printed = printWgsl(program.module, null, {
        batchMax: 256,
        arenas: program.arenas,
      });
      expect(printed.kernels.some(({ requires }) => requires.includes("shader-f16"))).toBe(f16);
      expect(await opened.validateWgsl(printed)).toEqual([]);
    });
  });
});
