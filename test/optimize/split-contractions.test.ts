/** Long sums of small products are cut into chunks, and only those; the values stay the same. */

import { describe, expect, test } from "vitest";
import { fixed } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import { verifyGraph } from "../../compiler/graph/verify.ts";
import { workOf } from "../../compiler/optimize/fusion/copies.ts";
import { chunksOf, splitContractions } from "../../compiler/optimize/fusion/split-contractions.ts";
import type { TargetDescription } from "../../compiler/optimize/target-description.ts";
import { describeCuda } from "../../compiler/targets/cuda/description.ts";
import { describeWgsl } from "../../compiler/targets/wgsl/description.ts";
import { type Case, productCase } from "../schedule/contraction-cases.ts";
import { thisCpu } from "../targets/run-kernels.ts";

const target = describeWgsl();

describe("how many chunks", () => {
  const chunks = (
    outputs: readonly number[],
    sum: number,
    description: TargetDescription = target,
  ) => chunksOf({ parallel: outputs.map(fixed), reduction: [fixed(sum)] }, 1, description);

  test("one where the result alone keeps the device busy, or the sum is short", () => {
    expect(chunks([1024, 1024], 1024)).toBe(1);
    expect(chunks([4096, 32], 27)).toBe(1);
    expect(chunks([784, 32], 128)).toBe(1);
    expect(chunks([128, 10], 32)).toBe(1);
    expect(chunks([9, 10], 256)).toBe(1);
  });

  test("several where few outputs have long sums", () => {
    expect(chunks([128, 10], 4096)).toBe(32);
    expect(chunks([128, 32], 784)).toBe(8);
    expect(chunks([288, 64], 65536)).toBe(32);
    expect(chunks([16, 16], 65536)).toBe(256);
  });

  test("fewer where matrix units get through them sooner", () => {
    const cuda = (precision: "f32" | "bf16") => describeCuda({ precision });
    expect(chunks([512, 512], 4096, cuda("f32"))).toBe(8);
    expect(chunks([512, 512], 4096, cuda("bf16"))).toBe(4);
    expect(chunks([128, 512], 784, cuda("bf16"))).toBe(1);
    expect(chunks([576, 64], 131072, cuda("bf16"))).toBe(64);
  });
});

const cases: readonly Case[] = [
  { letters: "mk,kn->mn", sizes: { m: "N", k: 4099, n: 10 }, batch: [5, 9] },
  { letters: "km,kn->mn", sizes: { k: "N", m: 6, n: 5 }, batch: [700, 2048] },
  { letters: "km,kn->mn", sizes: { k: "N", m: 6, n: 5 }, batch: [3, 2048] },
  { letters: "bkm,bkn->mn", sizes: { b: "N", k: 300, m: 4, n: 5 }, batch: [5, 16] },
];

describe("values stay the same", () => {
  test.each(cases)("$letters $sizes", (each) => {
    const { context, graph, n, leaf } = productCase(each);
    const cut = splitContractions(context, graph, target);
    verifyGraph(cut);
    expect(workOf(cut).map(({ values: [value] }) => value!.shape.length)).toEqual([3, 2]);
    const expected = interpret(graph, { n, leaf }).results.get("y")!;
    const actual = interpret(cut, { n, leaf }).results.get("y")!;
    expected.forEach((value, i) => {
      expect(Math.abs(value - actual[i]!)).toBeLessThan(1e-4);
    });
  });
});

test("targets without workgroups keep their sums", () => {
  const { context, graph } = productCase(cases[0]!);
  expect(splitContractions(context, graph, thisCpu())).toBe(graph);
});
