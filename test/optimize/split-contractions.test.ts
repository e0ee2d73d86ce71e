/** Long sums of small products are cut into chunks, and only those; the values stay the same. */

import { describe, expect, test } from "vitest";
import { fixed, printShape } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Compute } from "../../compiler/graph/node.ts";
import { verifyGraph } from "../../compiler/graph/verify.ts";
import { workOf } from "../../compiler/optimize/fusion/copies.ts";
import { factsOf } from "../../compiler/optimize/fusion/node-facts.ts";
import { chunksOf, splitContractions } from "../../compiler/optimize/fusion/split-contractions.ts";
import { chunkOf } from "../../compiler/optimize/fusion/split-long-sums.ts";
import type { TargetDescription } from "../../compiler/optimize/target-description.ts";
import { baselineCpu } from "../../compiler/targets/cpu/description.ts";
import { describeCuda } from "../../compiler/targets/cuda/description.ts";
import { describeWgsl } from "../../compiler/targets/wgsl/description.ts";
import { type Case, productCase } from "../schedule/contraction-cases.ts";
import { correlationGraph } from "../schedule/correlation-cases.ts";

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

describe("where tasks have caches of their own", () => {
  const cpu = { ...baselineCpu("x64"), cacheBytes: [1 << 10, 1 << 13] as const };
  const chunk = (each: Case, cacheBytes = cpu.cacheBytes) => {
    const { context, graph } = productCase(each);
    const node = graph.results[0]!.value.node as Compute;
    return chunkOf(node, factsOf(context, graph.batchMax, cpu), { cacheBytes });
  };
  const long: Case = {
    letters: "bkm,bkn->mn",
    sizes: { b: "N", k: 60, m: 2, n: 6 },
    batch: [5, 9],
  };

  test("sums that read more than half of a cache go through it in chunks that divide an axis", () => {
    // 540 points of 32 bytes; five chunks of them are 3456 bytes each.
    expect(chunk(long)).toEqual({ axis: 3, points: 12 });
    expect(chunk(long, [1 << 10, 1 << 16])).toBeUndefined();
  });

  test("not those with more results than a chunk is worth, nor those over rows of the batch alone", () => {
    const wide: Case = {
      letters: "bkm,bkn->mn",
      sizes: { b: "N", k: 60, m: 48, n: 48 },
      batch: [5, 9],
    };
    expect(chunk(wide)).toBeUndefined();
    expect(
      chunk({ letters: "km,kn->mn", sizes: { k: "N", m: 2, n: 6 }, batch: [5, 4096] }),
    ).toBeUndefined();
  });

  test("values stay the same", () => {
    const { context, graph, n, leaf } = productCase(long);
    const cut = splitContractions(context, graph, cpu);
    verifyGraph(cut);
    expect(workOf(cut).map(({ values: [value] }) => value!.shape.length)).toEqual([3, 2]);
    const expected = interpret(graph, { n, leaf }).results.get("y")!;
    const actual = interpret(cut, { n, leaf }).results.get("y")!;
    expected.forEach((value, i) => {
      expect(Math.abs(value - actual[i]!)).toBeLessThan(1e-9);
    });
  });
});

describe("weight gradients of convolutions, where tiles are transformed", () => {
  const cpu = { ...baselineCpu("x64"), vectorLanes: 4, cacheBytes: [1 << 15, 1 << 22] as const };
  const gradient = (size: number, channels: number) =>
    correlationGraph(
      [{ sizes: [size, 6], channels, filters: 4, form: "filterGradient", isRectified: false }],
      [3, 64],
    );
  const cut = (size: number, channels: number) => {
    const { context, graph } = gradient(size, channels);
    return splitContractions(context, graph, cpu);
  };
  const shapes = (size: number, channels: number) =>
    workOf(cut(size, channels)).map(({ values: [value] }) => printShape(value!.shape));

  test("are sums of up to four chunks of rows in whole tiles", () => {
    expect(shapes(8, 4)).toEqual(["[4, 3, 3, 4, 4]", "[3, 3, 4, 4]"]);
    expect(shapes(12, 4)).toEqual(["[2, 3, 3, 4, 4]", "[3, 3, 4, 4]"]);
    expect(shapes(10, 4)).toEqual(["[3, 3, 4, 4]"]);
  });

  test("but not of channels that fill no vector, or that have more results than is worth it", () => {
    expect(shapes(8, 3)).toEqual(["[3, 3, 3, 4]"]);
    expect(shapes(8, 128)).toEqual(["[4, 3, 3, 128, 4]", "[3, 3, 128, 4]"]);
    const { context, graph } = gradient(8, 4);
    const few = { ...graph, batchMax: 1 };
    expect(splitContractions(context, few, cpu)).toBe(few);
    expect(splitContractions(context, graph, { ...cpu, winograd: false })).toBe(graph);
  });

  test("values stay the same", () => {
    const given = gradient(8, 4);
    const before = interpret(given.graph, given).results.get("0")!;
    const rewritten = splitContractions(given.context, given.graph, cpu);
    verifyGraph(rewritten);
    const after = interpret(rewritten, given).results.get("0")!;
    before.forEach((value, i) => {
      expect(Math.abs(value - after[i]!)).toBeLessThan(1e-9);
    });
  });
});
