/** How contractions are cut for the CPU: which panels are packed, by where their rows fall in the first-level cache. */

import { expect, test } from "vitest";
import { stridedContraction } from "../../compiler/optimize/fusion/strided-contraction.ts";
import type { TargetDescription } from "../../compiler/optimize/target-description.ts";
import { choosePlan } from "../../compiler/schedule/contraction-choice.ts";
import { describeCpu } from "../../compiler/targets/cpu/description.ts";
import { type Case, productCase } from "./contraction-cases.ts";

/** 16 lanes and 32 registers; sets of 8 lines, so that addresses 4 KiB apart share theirs. */
const cpu: TargetDescription = {
  ...describeCpu({ architecture: "x64", cpuinfo: "" }),
  vectorLanes: 16,
  vectorRegisters: 32,
  cacheBytes: [32 * 1024, 1024 * 1024],
};

function planOf(letters: string, sizes: Case["sizes"], target = cpu) {
  const [output] = productCase({ letters, sizes }).graph.results;
  const { node } = output!.value;
  const contraction = node.kind === "compute" ? stridedContraction(node, 1) : undefined;
  return choosePlan(contraction!, 1, target).plan;
}

const isPacked = (...of: Parameters<typeof planOf>) => planOf(...of).packed;

test("panels that fill half of the cache are packed, shorter ones are used where they lie", () => {
  // 1008 columns are 63 lines: the rows begin in every set in turn, and 85 of 48 columns are half of the cache.
  expect(planOf("mk,kn->mn", { m: 128, k: 64, n: 1008 })).toMatchObject({ vectors: 3 });
  expect(isPacked("mk,kn->mn", { m: 128, k: 80, n: 1008 })).toBe(false);
  expect(isPacked("mk,kn->mn", { m: 128, k: 96, n: 1008 })).toBe(true);
});

test("panels whose rows share sets are packed much sooner", () => {
  // Rows of 1024 columns, 4 KiB: all of them begin in the same set.
  expect(isPacked("mk,kn->mn", { m: 128, k: 16, n: 1024 })).toBe(true);
  expect(isPacked("mk,kn->mn", { m: 128, k: 16, n: 1008 })).toBe(false);
  // A larger cache has more sets, eight of which the rows take in turn.
  const larger = { ...cpu, cacheBytes: [256 * 1024, 1024 * 1024] } as const;
  expect(isPacked("mk,kn->mn", { m: 128, k: 16, n: 1024 }, larger)).toBe(false);
});

test("rows side by side, and few rows to multiply by, are not packed", () => {
  expect(isPacked("mk,kn->mn", { m: 128, k: 4096, n: 32 })).toBe(false);
  expect(isPacked("mk,kn->mn", { m: 4, k: 512, n: 1024 })).toBe(false);
});

test("columns that do not lie side by side always are", () => {
  expect(isPacked("mk,nk->mn", { m: 4, k: 8, n: 64 })).toBe(true);
});

test("tiles have several rows though these are far apart, where none are nearer", () => {
  const { rows, vectors } = planOf("mk,kn->mn", { m: 128, k: 4096, n: 128 });
  expect(rows * vectors).toBeGreaterThan(8);
  expect(rows).toBeGreaterThan(1);
});

test("tiles have no more rows than their sets have lines for", () => {
  expect(planOf("mk,kn->mn", { m: 128, k: 1008, n: 16 })).toMatchObject({ rows: 16, vectors: 1 });
  // All rows begin in one set; in two of them there is room for sixteen.
  expect(planOf("mk,kn->mn", { m: 128, k: 1024, n: 16 })).toMatchObject({ rows: 8, vectors: 1 });
  expect(planOf("mk,kn->mn", { m: 128, k: 512, n: 16 })).toMatchObject({ rows: 16, vectors: 1 });
});
