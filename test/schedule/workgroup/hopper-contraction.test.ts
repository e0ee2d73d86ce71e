/**
 * Products by warpgroups, run as CUDA on the emulation, against the float64 interpreter with operands rounded the same way:
 * products of rounded operands are exact in f32, and sums of k of them are off by at most k · 2⁻²³ · Σ|a·b|.
 */

import { describe, expect, test } from "vitest";
import { interpret } from "../../../compiler/graph/interpret.ts";
import { describeCuda } from "../../../compiler/targets/cuda/description.ts";
import { hasEmulation, needsEmulation } from "../../cuda/emulation.ts";
import { type Case, productCase } from "../contraction-cases.ts";
import type { GraphCase } from "../schedule-case.ts";
import { roundOperand, withNarrowOperands } from "./matrix-cases.ts";
import { type CudaGraphOutcome, runOnCuda } from "./run-cuda-graph.ts";

type Operands = "tf32" | "bf16" | "f16";

const along: readonly Case[] = [
  { letters: "mk,nk->mn", sizes: { m: 128, k: 128, n: 64 } },
  { letters: "mk,nk->mn", sizes: { m: 200, k: 72, n: 100 } },
];

function withLeaves(each: GraphCase, map: (value: number) => number): GraphCase {
  const leaf: GraphCase["leaf"] = (role, path) => Float64Array.from(each.leaf(role, path), map);
  return { ...each, leaf };
}

async function run(each: GraphCase, operands: Operands): Promise<CudaGraphOutcome> {
  const narrowed = operands === "tf32" ? each : withNarrowOperands(each, operands);
  const target = describeCuda({ precision: operands });
  return runOnCuda(narrowed, { fusion: true, target, hopper: true, order: "shuffled" });
}

async function check(each: GraphCase, operands: Operands, points: number): Promise<string> {
  const reference = withLeaves(each, (value) => roundOperand(value, operands));
  const wanted = interpret(reference.graph, reference).results;
  const bounds = interpret(reference.graph, withLeaves(reference, Math.abs)).results;
  const { results, kernels } = await run(each, operands);
  for (const [name, data] of wanted) {
    const found = results.get(name)!;
    expect(found.length).toBe(data.length);
    for (let i = 0; i < data.length; i++) {
      const bound = points * 2 ** -23 * bounds.get(name)![i]!;
      const difference = Math.abs(found[i]! - data[i]!);
      expect(difference, `${name}[${i}] = ${found[i]}, not ${data[i]}`).toBeLessThanOrEqual(bound);
    }
  }
  return kernels.source;
}

describe.runIf(hasEmulation)(`warpgroups on emulated CUDA ${needsEmulation}`, () => {
  test.each(along)("$letters $sizes", async (each) => {
    const source = await check(productCase(each), "bf16", each.sizes.k as number);
    expect(source).toContain("multiply_warpgroup");
  });
});
