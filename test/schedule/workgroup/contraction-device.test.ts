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
import { adam, dense } from "./epilogue-cases.ts";
import { excesses, runOnWorkgroups } from "./run-graph.ts";

const small: Readonly<Record<string, () => GraphCase>> = {
  A·B: () => productCase({ letters: "mk,kn->mn", sizes: { m: "N", k: 33, n: 17 }, batch: [5, 9] }),
  "A·B by fours": () => productCase({ letters: "mk,kn->mn", sizes: { m: 36, k: 20, n: 20 } }),
  A·Bᵀ: () => productCase({ letters: "mk,nk->mn", sizes: { m: 17, k: 33, n: 65 } }),
  "A·Bᵀ by fours": () => productCase({ letters: "mk,nk->mn", sizes: { m: 9, k: 36, n: 8 } }),
  Aᵀ·B: () => productCase({ letters: "km,kn->mn", sizes: { k: "N", m: 33, n: 8 }, batch: [3, 7] }),
  Aᵀ·Bᵀ: () => productCase({ letters: "km,nk->mn", sizes: { k: 5, m: 12, n: 9 } }),
  "of a batch": () => productCase({ letters: "bmk,bkn->bmn", sizes: { b: 3, m: 5, k: 6, n: 12 } }),
  "in chunks": () => productCase({ letters: "mk,kn->mn", sizes: { m: 6, k: 1025, n: 10 } }),
  "a convolution": () =>
    convolutionGraph({ size: [5, 6], kernel: [3, 3], padding: 1, channels: [4, 5], batch: [1, 2] }),
  "a strided convolution": () =>
    convolutionGraph({
      size: [7, 6],
      kernel: [3, 2],
      stride: 2,
      padding: 1,
      channels: [4, 4],
      batch: [2, 2],
    }),
  "with dropout": () => dense(7, 18, 4, 5, (f, x) => f.call("maximum", f.number(0), x)),
  "an update": () => adam(17, 10, 5, 8),
};

describe("on SwiftShader", async () => {
  const opened = await openDawn();
  afterAll(() => opened?.close());
  const suffix = opened === null ? `: ${missing}` : "";

  test.skipIf(opened === null).each(Object.keys(small))(`%s${suffix}`, async (name) => {
    const graphCase = small[name]!();
    const wanted = interpret(graphCase.graph, graphCase);
    const options = { opened: opened!, fusion: true, subgroups: false };
    const actual = await runOnWorkgroups(graphCase, options);
    expect(excesses(actual.program)).toEqual([]);
    const compare = (what: string, data: ArrayLike<number>, found: ArrayLike<number>) => {
      expect(found.length, what).toBe(data.length);
      for (let i = 0; i < data.length; i++) {
        const bound = 2e-5 * Math.max(1, Math.abs(data[i]!));
        expect(Math.abs(found[i]! - data[i]!), `${what}[${i}]`).toBeLessThan(bound);
      }
    };
    for (const [result, data] of wanted.results) compare(result, data, actual.results.get(result)!);
    for (const { target, data } of wanted.assignments) {
      const path = target.node.kind === "leaf" ? target.node.path : "";
      compare(path, data, actual.assignments.get(path)!);
    }
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
