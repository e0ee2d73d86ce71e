/**
 * Contractions on targets with workgroups: every transpose, odd sizes and partial batches against the float64
 * interpreter, run as the kernel IR defines it, and bit for bit the same with and without wide copies; with panels that
 * are waited for, and with those that are copied meanwhile.
 */

import { describe, expect, test } from "vitest";
import { interpret } from "../../../compiler/graph/interpret.ts";
import type { TargetDescription } from "../../../compiler/optimize/target-description.ts";
import { scheduleGroup } from "../../../compiler/schedule/schedule-group.ts";
import { scheduleWorkgroupContraction } from "../../../compiler/schedule/workgroup/contraction.ts";
import { describeCuda } from "../../../compiler/targets/cuda/description.ts";
import { describeWgsl } from "../../../compiler/targets/wgsl/description.ts";
import { type Case, productCase } from "../contraction-cases.ts";
import { type Schedule, simulateGraph } from "./simulate-group.ts";

const targets: readonly TargetDescription[] = [describeWgsl(), describeCuda()];

const narrow: Schedule = (group, surroundings, description) =>
  group.kind === "contraction"
    ? scheduleWorkgroupContraction(group, surroundings, description, { wide: false })
    : scheduleGroup(group, surroundings, description);

const sizes = [
  { m: 4, n: 4, k: 2 },
  { m: 17, n: 5, k: 33 },
  { m: 33, n: 65, k: 3 },
  { m: 36, n: 16, k: 20 },
  { m: 5, n: 12, k: 40 },
];

const transposes = ["mk,kn->mn", "mk,nk->mn", "km,kn->mn", "km,nk->mn"];

const products: readonly Case[] = [
  ...transposes.flatMap((letters) => sizes.map((each) => ({ letters, sizes: each }))),
  { letters: "mk,kn->mn", sizes: { m: "N", k: 33, n: 10 }, batch: [5, 19] },
  { letters: "mk,kn->mn", sizes: { m: "N", k: 20, n: 12 }, batch: [1, 40] },
  { letters: "km,kn->mn", sizes: { k: "N", m: 32, n: 12 }, batch: [3, 24] },
  { letters: "km,kn->mn", sizes: { k: "N", m: 9, n: 70 }, batch: [1, 4] },
  { letters: "bmk,bkn->bmn", sizes: { b: "N", m: 9, k: 8, n: 20 }, batch: [2, 4] },
  { letters: "bmk,bnk->bmn", sizes: { b: 3, m: 9, k: 18, n: 20 } },
  { letters: "bmk,bkn->mbn", sizes: { b: 2, m: 6, k: 18, n: 8 } },
  { letters: "bmk,bnk->mnb", sizes: { b: 3, m: 5, k: 6, n: 7 } },
  { letters: "kn,mk->mn", sizes: { m: 4, k: 6, n: 64 } },
  // Two axes of either operand, and two of the sum.
  { letters: "mbk,kn->mbn", sizes: { m: "N", b: 3, k: 7, n: 8 }, batch: [3, 5] },
  { letters: "bkm,bkn->mn", sizes: { b: "N", k: 5, m: 8, n: 12 }, batch: [2, 3] },
];

/** With what the sum is cut into. */
const long: readonly Case[] = [
  { letters: "mk,kn->mn", sizes: { m: "N", k: 1025, n: 10 }, batch: [3, 9] },
  { letters: "km,kn->mn", sizes: { k: "N", m: 6, n: 8 }, batch: [300, 1024] },
];

describe.each(targets)("a contraction equals the interpreter on $name", (target) => {
  test.each([...products, ...long])("$letters $sizes", (each) => {
    const { context, graph, n, leaf } = productCase(each);
    const expected = interpret(graph, { n, leaf }).results.get("y")!;
    const run = (schedule: Schedule) =>
      simulateGraph({ context, graph, n, leaf }, target, schedule);
    const { groups, results } = run(scheduleGroup);
    const isCut = long.includes(each) && groups.length > 1;
    const kinds = isCut ? ["contraction", "reduction"] : ["contraction"];
    expect(groups.map(({ kind }) => kind)).toEqual(kinds);
    const actual = results.get("y")!;
    expect(actual.length).toBe(expected.length);
    let worst = 0;
    expected.forEach((value, i) => {
      worst = Math.max(worst, Math.abs(value - actual[i]!));
    });
    expect(worst).toBeLessThan(1e-5);
    expect(run(narrow).results.get("y")).toEqual(actual);
  });
});
