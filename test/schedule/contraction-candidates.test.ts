/** Plans that can be measured and kept: which there are, that all give the same bits, and which a kept one is for. */

import { describe, expect, test } from "vitest";
import { stridedContraction } from "../../compiler/optimize/fusion/strided-contraction.ts";
import type { PlanChoice, TargetDescription } from "../../compiler/optimize/target-description.ts";
import { candidatesBeside } from "../../compiler/schedule/contraction-candidates.ts";
import { choosePlan } from "../../compiler/schedule/contraction-choice.ts";
import { isLegal, spaceOf } from "../../compiler/schedule/contraction-plan.ts";
import { describeCpu } from "../../compiler/targets/cpu/description.ts";
import { thisCpu } from "../targets/run-kernels.ts";
import { type Case, productCase } from "./contraction-cases.ts";
import { runGraph } from "./run-program.ts";
import { scheduleCase } from "./schedule-case.ts";

/** Caches so small that sums of the cases below are worth cutting. */
const cpu: TargetDescription = {
  ...describeCpu({ architecture: "x64", cpuinfo: "" }),
  vectorLanes: 8,
  vectorRegisters: 16,
  cacheBytes: [4 * 1024, 64 * 1024],
};

function contractionOf(given: Case) {
  const [output] = productCase(given).graph.results;
  const { node } = output!.value;
  const [, max] = given.batch ?? [1, 1];
  const contraction = node.kind === "compute" ? stridedContraction(node, max) : undefined;
  return { contraction: contraction!, max };
}

const plain: Case = { letters: "mk,kn->mn", sizes: { m: 96, k: 512, n: 200 } };

const withPlan = (plans: TargetDescription["plans"]): TargetDescription =>
  plans === undefined ? cpu : { ...cpu, plans };

function chosen(given: Case, plans?: TargetDescription["plans"], follows = "0 read, 1 written") {
  const { contraction, max } = contractionOf(given);
  return choosePlan(contraction, max, withPlan(plans), { wholeRows: false, follows });
}

describe("candidates", () => {
  const { contraction } = contractionOf(plain);
  const space = spaceOf(contraction, 1, cpu, false);
  const predicted = chosen(plain).choice;
  const candidates = candidatesBeside(space, predicted);

  test("are legal, and each another plan", () => {
    expect(candidates.length).toBeGreaterThan(24);
    const texts = [predicted, ...candidates].map((choice) => JSON.stringify(choice));
    expect(new Set(texts).size).toBe(texts.length);
    for (const choice of candidates) expect(isLegal(space, choice)).toBe(true);
  });

  test("have every way of packing and cutting among the first", () => {
    const ways = (of: readonly PlanChoice[]) =>
      new Set(of.map(({ packed, blocks }) => `${packed} ${blocks !== null}`));
    expect(ways(candidates.slice(0, 12))).toEqual(ways(candidates));
    expect(ways(candidates).size).toBe(4);
  });

  test("pack whatever does not lie side by side", () => {
    const given: Case = { letters: "mk,nk->mn", sizes: { m: 40, k: 64, n: 48 } };
    const { contraction: transposed } = contractionOf(given);
    const others = candidatesBeside(spaceOf(transposed, 1, cpu, false), chosen(given).choice);
    expect(others.length).toBeGreaterThan(0);
    for (const { packed } of others) expect(packed).toBe(true);
  });

  test("are taken by number, and beyond the last is the predicted one", () => {
    const numbered = (number: number) => chosen(plain, { kind: "candidate", number }).choice;
    expect(numbered(0)).toEqual(predicted);
    expect(numbered(1)).toEqual(candidates[0]);
    expect(numbered(candidates.length + 1)).toEqual(predicted);
  });
});

const cases: readonly Case[] = [
  { letters: "mk,kn->mn", sizes: { m: "N", k: 300, n: 37 }, batch: [11, 40] },
  { letters: "km,kn->mn", sizes: { k: 260, m: 45, n: 24 } },
  { letters: "mk,nk->mn", sizes: { m: 67, k: 118, n: 35 } },
];

test.for(cases)("all of them give the same bits: $letters $sizes", async (given) => {
  const product = productCase(given);
  const here = {
    ...thisCpu(),
    vectorLanes: 8,
    vectorRegisters: 16,
    cacheBytes: [4 * 1024, 64 * 1024] as const,
  };
  const run = async (number: number) => {
    const plans = { kind: "candidate", number } as const;
    return (await runGraph(product, { cpu: { ...here, plans }, fusion: true })).results;
  };
  const expected = await run(0);
  const { contraction, max } = contractionOf(given);
  const space = spaceOf(contraction, max, here, false);
  const { choice } = choosePlan(contraction, max, here);
  const all = candidatesBeside(space, choice);
  // One of each way, as compiling takes long.
  const ways = new Map(all.map(({ packed, blocks }, i) => [`${packed} ${blocks?.steps}`, i + 1]));
  for (const number of [...ways.values()].slice(0, 5)) expect(await run(number)).toEqual(expected);
});

describe("kept plans", () => {
  const { shape, choice } = chosen(plain);
  const other: PlanChoice = { ...choice, rows: 3, vectors: 2, packed: true, blocks: null };
  const kept = (plan: PlanChoice) =>
    ({ kind: "tuned", byShape: new Map([[shape, plan]]) }) as const;

  test("take the place of predicted ones of the same shape", () => {
    expect(chosen(plain, kept(other))).toMatchObject({ choice: other, isTuned: true });
    expect(chosen(plain, kept(other)).plan).toMatchObject({ rows: 3, vectors: 2, packed: true });
    const longer: Case = { ...plain, sizes: { ...plain.sizes, k: 513 } };
    expect(chosen(longer, kept(other)).isTuned).toBe(false);
    expect(chosen(plain, kept(other), "2 read, 1 written").isTuned).toBe(false);
  });

  test("are left alone if they are not legal", () => {
    const wrong: readonly PlanChoice[] = [
      { ...other, rows: 9, vectors: 2 },
      { ...other, row: 1 },
      { ...other, row: null },
      { ...other, blocks: { depth: 1, steps: 16 } },
      { ...other, blocks: { depth: 0, steps: 0.5 } },
    ];
    for (const plan of wrong) {
      expect(chosen(plain, kept(plan))).toMatchObject({ choice, isTuned: false });
    }
  });

  test("are known by sizes, places in memory and batch, not by names", () => {
    const shapeOf = (sizes: Case["sizes"], letters = "mk,kn->mn", batch?: Case["batch"]) =>
      chosen({ letters, sizes, ...(batch && { batch }) }).shape;
    const same = { m: 96, k: 512, n: 200 };
    expect(shapeOf(same)).toBe(shape);
    const others = [
      shapeOf(same, "km,kn->mn"),
      shapeOf(same, "mk,nk->mn"),
      shapeOf({ ...same, m: "N" }, "mk,kn->mn", [96, 96]),
      shapeOf({ ...same, m: "N" }, "mk,kn->mn", [96, 128]),
    ];
    expect(new Set([shape, ...others]).size).toBe(1 + others.length);
    expect(shape).toMatchInlineSnapshot(
      `"f32×f32, N=1, columns 200/1, rows 96/512, sum 512/1/200, 0 read, 1 written"`,
    );
  });

  test("stand in the reports of their kernels", () => {
    const product = productCase(plain);
    const [report] = scheduleCase(product, withPlan(kept(other)), true).program.kernels;
    expect(report!.plan).toEqual({ shape, choice: other, isTuned: true });
  });
});
