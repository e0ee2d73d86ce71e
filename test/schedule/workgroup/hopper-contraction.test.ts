/**
 * Products by warpgroups, run as CUDA on the emulation, against the float64 interpreter with operands rounded the same way:
 * products of rounded operands are exact in f32, and sums of k of them are off by at most k · 2⁻²³ · Σ|a·b|.
 */

import { describe, expect, test } from "vitest";
import { interpret } from "../../../compiler/graph/interpret.ts";
import type { TargetDescription } from "../../../compiler/optimize/target-description.ts";
import { describeCuda } from "../../../compiler/targets/cuda/description.ts";
import { hasEmulation, needsEmulation } from "../../cuda/emulation.ts";
import type { ThreadOrder } from "../../cuda/launches.ts";
import { type Case, productCase } from "../contraction-cases.ts";
import type { GraphCase } from "../schedule-case.ts";
import { adam, dense } from "./epilogue-cases.ts";
import { expectInterpreted } from "./expect-interpreted.ts";
import { roundOperand, withNarrowOperands } from "./matrix-cases.ts";
import { runOnCuda } from "./run-cuda-graph.ts";

type Operands = "tf32" | "bf16" | "f16";

/** Every order of both operands; rows, columns and sums end within tiles and panels. */
const orders: readonly Case[] = [
  { letters: "mk,nk->mn", sizes: { m: 72, k: 136, n: 40 } },
  { letters: "mk,kn->mn", sizes: { m: 72, k: 136, n: 72 } },
  { letters: "km,nk->mn", sizes: { m: 136, k: 72, n: 24 } },
  { letters: "km,kn->mn", sizes: { m: 72, k: 104, n: 136 } },
];

/** Batches of fewer rows than the largest, as rows, columns, sums and batches of matrices. */
const batches: readonly Case[] = [
  { letters: "mk,nk->mn", sizes: { m: "N", k: 64, n: 32 }, batch: [1, 200] },
  { letters: "mk,kn->mn", sizes: { m: "N", k: 40, n: 64 }, batch: [67, 200] },
  { letters: "km,kn->mn", sizes: { m: 64, k: "N", n: 40 }, batch: [67, 136] },
  { letters: "bmk,bnk->bmn", sizes: { b: "N", m: 24, k: 72, n: 40 }, batch: [3, 5] },
  { letters: "bkm,bkn->bmn", sizes: { b: 3, m: 24, k: 24, n: 40 } },
  { letters: "mbk,nbk->bmn", sizes: { b: 3, m: 32, k: 40, n: 48 } },
];

/** As one multiprocessor would have them: large tiles, of which a workgroup computes several. */
const large: readonly Case[] = [
  { letters: "mk,nk->mn", sizes: { m: 504, k: 72, n: 248 } },
  { letters: "mk,kn->mn", sizes: { m: 504, k: 40, n: 248 } },
  { letters: "km,kn->mn", sizes: { m: 248, k: "N", n: 248 }, batch: [130, 400] },
];

function withLeaves(each: GraphCase, map: (value: number) => number): GraphCase {
  const leaf: GraphCase["leaf"] = (role, path) => Float64Array.from(each.leaf(role, path), map);
  return { ...each, leaf };
}

interface CheckOptions {
  readonly operands: Operands;
  /** How many numbers are summed up. */
  readonly points: number;
  /** Multiprocessors that tiles are chosen for; as many as there are without it. */
  readonly places?: number;
  readonly order?: ThreadOrder;
  readonly sanitized?: boolean;
}

/** Gives the source. */
async function check(
  each: GraphCase,
  { operands, points, places, order = "shuffled", sanitized = false }: CheckOptions,
): Promise<string> {
  const reference = withLeaves(each, (value) => roundOperand(value, operands));
  const wanted = interpret(reference.graph, reference).results;
  const bounds = interpret(reference.graph, withLeaves(reference, Math.abs)).results;
  const narrowed = operands === "tf32" ? each : withNarrowOperands(each, operands);
  const target = describeCuda({ precision: operands });
  const hopper = hopperTarget(operands, places);
  const { results, kernels } = await runOnCuda(narrowed, {
    fusion: true,
    target,
    hopper,
    order,
    sanitized,
  });
  for (const [name, data] of wanted) {
    const found = results.get(name)!;
    expect(found.length).toBe(data.length);
    expectWithin(name, data, found, (i) => points * 2 ** -23 * bounds.get(name)![i]!);
  }
  return kernels.source;
}

/** One expectation for all elements: of many thousands, each for itself takes longer than computing them. */
function expectWithin(
  name: string,
  wanted: ArrayLike<number>,
  found: ArrayLike<number>,
  boundOf: (i: number) => number,
): void {
  const isWrong = (i: number) => !(Math.abs(found[i]! - wanted[i]!) <= boundOf(i));
  const wrong = Array.from(wanted, (_, i) => i).filter(isWrong);
  const first = wrong.slice(0, 5).map((i) => `${name}[${i}] is ${found[i]}, not ${wanted[i]}`);
  expect(first, `${wrong.length} of ${wanted.length} are wrong`).toEqual([]);
}

function hopperTarget(precision: Operands, places?: number): TargetDescription {
  const target = describeCuda({ precision, architecture: "sm_90a" });
  if (places === undefined) return target;
  return { ...target, workgroup: { ...target.workgroup!, concurrency: places } };
}

async function checkProduct(
  each: Case,
  operands: Operands,
  options: Omit<CheckOptions, "operands" | "points"> = {},
): Promise<string> {
  const { k } = each.sizes;
  const points = k === "N" ? each.batch![0] : k!;
  const source = await check(productCase(each), { operands, points, ...options });
  expect(source).toMatch(new RegExp(`multiply_warpgroup_\\d+_${operands}`));
  return source;
}

/** Products with maps on them, against the interpreter with the same rounding of operands. */
async function checkMaps(each: GraphCase, places?: number): Promise<string> {
  const narrowed = withNarrowOperands(each, "bf16");
  const leaf: GraphCase["leaf"] = (role, path) => {
    const isOperand = path.endsWith(".bf16");
    const numbers = Float64Array.from(narrowed.leaf(role, path));
    return isOperand ? numbers.map((value) => roundOperand(value, "bf16")) : numbers;
  };
  const wanted = interpret(narrowed.graph, { ...narrowed, leaf });
  const { results, assignments, kernels } = await runOnCuda(narrowed, {
    fusion: true,
    target: describeCuda({ precision: "bf16" }),
    hopper: hopperTarget("bf16", places),
    order: "shuffled",
  });
  expectInterpreted(wanted, { results, assignments }, 3e-5);
  expect(kernels.source).toContain("multiply_warpgroup_");
  return kernels.source;
}

describe.runIf(hasEmulation)(`warpgroups on emulated CUDA ${needsEmulation}`, () => {
  test.each(orders)("$letters $sizes in bf16", async (each) => {
    await checkProduct(each, "bf16");
  });

  test.each(orders)("$letters $sizes in f16", async (each) => {
    await checkProduct(each, "f16");
  });

  test("products in tf32, both operands along the sum", async () => {
    await checkProduct(orders[0]!, "tf32");
  });

  test.each(batches)("$letters $sizes, $batch rows", async (each) => {
    await checkProduct(each, "bf16");
  });

  test.each(large)("$letters $sizes in large tiles", async (each) => {
    const source = await checkProduct(each, "bf16", { places: 1 });
    expect(source).toContain("increase_registers_");
  });

  test.each(["forward", "reverse"] as const)("threads in %s order", async (order) => {
    await checkProduct(large[1]!, "bf16", { places: 1, order });
  });

  test("no access is out of bounds", async () => {
    await checkProduct(batches[3]!, "bf16", { sanitized: true });
  });

  test("a layer with dropout of part of a batch", async () => {
    const layer = dense(72, 40, 67, 100, (f, x) => f.call("maximum", f.number(0), x));
    await checkMaps(layer);
  });

  test.each([132, 1])("a long activation on tiles for %i multiprocessors", async (places) => {
    const layer = dense(64, 264, 67, 70, (f, x) => f.multiply(x, f.call("erf", x)));
    const source = await checkMaps(layer, places);
    expect(source).toContain("meet_threads_");
  });

  test("Adam's update, of which the gradient sums over part of a batch", async () => {
    await checkMaps(adam(40, 72, 67, 100));
  });
});
