/** What `explain` says of a kernel: in the model's words, each reason with the neighbour that it holds for. */

import { describe, expect, it } from "vitest";
import { describeTarget } from "../../compiler/cli/machine.ts";
import { findPackageFiles } from "../../compiler/cli/package-files.ts";
import { diskSources } from "../../compiler/cli/source-files.ts";
import { compile } from "../../compiler/index.ts";
import type { KernelReport } from "../../compiler/schedule/report-kernel.ts";

function kernelsOf(model: string, fusion = true): readonly KernelReport[] {
  const { program } = compile(`dsl-examples/${model}.nn`, diskSources(findPackageFiles().std), {
    target: describeTarget(undefined),
    fusion,
  });
  return program!.kernels;
}

describe("the kernels of the tutorial's network", () => {
  const kernels = kernelsOf("digits");
  const words = (graph: string) =>
    kernels.filter((kernel) => kernel.graph === graph).map(({ computes }) => computes.join("; "));

  it("are described by layers, functions and what becomes of states", () => {
    expect(words("predict")).toContain("dense: matmul, bias, relu");
    expect(words("predict")).toContain("dense_1: matmul, bias, softmax");
    const update = words("train").find((text) => text.endsWith("new kernel"));
    expect(update).toContain("gradient of dense: matmul");
    expect(update).toContain("new velocity");
    expect(words("train").join()).toContain("gradient of mse");
    expect(words("train").join()).toContain("accuracy: new weight");
  });

  it("name no stage by a number", () => {
    for (const { computes, name } of kernels) {
      expect(computes.join("; ")).not.toMatch(/\bv\d+\b/);
      expect(name).not.toMatch(/(^|_)v\d+/);
    }
  });

  it("say what fusing saved and which kernels stay apart", () => {
    const names = new Set(kernels.map(({ name }) => name));
    for (const { stages, savedValues, savedBytes, apart, boundBy } of kernels) {
      expect(savedValues).toBeLessThan(stages);
      expect(savedBytes > 0).toBe(stages > 1);
      for (const { kernel, why } of apart) {
        expect(names).toContain(kernel);
        expect(why).not.toBe("");
      }
      expect(["memory", "arithmetic"]).toContain(boundBy);
    }
  });

  it("have one stage each without fusion, and nothing to say of neighbours", () => {
    for (const { stages, apart } of kernelsOf("digits", false)) {
      expect(stages).toBe(1);
      expect(apart).toEqual([]);
    }
  });
});
