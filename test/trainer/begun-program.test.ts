/** A program whose training is compiled first is in the end what it is when it is compiled at once. */

import { expect, test, vi } from "vitest";
import { findPackageFiles } from "../../compiler/cli/package-files.ts";
import { diskSources } from "../../compiler/cli/source-files.ts";
import type { CompiledProgram } from "../../compiler/compiled-program.ts";
import { invariant } from "../../compiler/diagnostics/diagnostic.ts";
import { beginToCompile, compile } from "../../compiler/index.ts";
import { wholeText } from "../../compiler/targets/cpu/c-source.ts";
import { instantiateTraining } from "../../compiler/trainer/instantiate.ts";
import { thisCpu } from "../targets/run-kernels.ts";

const entry = new URL("../../dsl-examples/housing.nn", import.meta.url).pathname;
const host = diskSources(findPackageFiles().std);
const options = { target: thisCpu() };

function textOf({ code }: CompiledProgram): string {
  invariant(code.target === "cpu", "it is for the CPU");
  return wholeText(code.c);
}

test("graphs that train are compiled first, and all become what they are anyway", () => {
  const whole = compile(entry, host, options).program!;
  const { training, finish } = beginToCompile(entry, host, options).program!;
  const begun = training!();
  expect(Object.keys(begun.plan.graphs)).toEqual(["train", "statistic_0", "statistic_1"]);
  expect(begun.others).toEqual(["evaluate", "predict"]);
  const finished = finish();
  expect(textOf(finished)).toBe(textOf(whole));
  expect(finished.plan).toEqual(whole.plan);
  expect(finished.functions).toEqual(whole.functions);
  // What training has begun with stays where it is.
  const { graphs, arenas, ...plan } = begun.plan;
  expect(finished.plan).toMatchObject({ ...plan, graphs });
  expect(finished.plan.arenas.persistent).toBe(arenas.persistent);
});

test("other graphs are compiled when something of them is asked for, once", () => {
  const { training, finish } = beginToCompile(entry, host, options).program!;
  const rest = vi.fn(finish);
  const { plan, stepScalars } = instantiateTraining(training!(), rest);
  const counters = { t: 1, batch: 0 };
  expect(Object.keys(plan.graphs)).toContain("predict");
  stepScalars("train", plan.hypers, counters);
  expect(plan.graphs.train?.symbol).toBe("nnc_train");
  expect(plan.graphs.unknown).toBeUndefined();
  expect(rest).not.toHaveBeenCalled();
  expect(plan.graphs.predict?.symbol).toBe("nnc_predict");
  expect(plan.graphs.evaluate?.symbol).toBe("nnc_evaluate");
  expect(stepScalars("predict", plan.hypers, counters)).toEqual([]);
  expect(rest).toHaveBeenCalledOnce();
});
