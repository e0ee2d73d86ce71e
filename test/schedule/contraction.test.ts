/** Contractions of odd shapes, in every transpose, against the float64 interpreter, and long sums in blocks. */

import { describe, expect, test } from "vitest";
import { interpret } from "../../compiler/graph/interpret.ts";
import { thisCpu } from "../targets/run-kernels.ts";
import { type Case, productCase } from "./contraction-cases.ts";
import { runGraph } from "./run-program.ts";

const cases: readonly Case[] = [
  { letters: "mk,kn->mn", sizes: { m: "N", k: 784, n: 32 }, batch: [128, 128] },
  { letters: "mk,kn->mn", sizes: { m: "N", k: 33, n: 10 }, batch: [5, 19] },
  { letters: "mk,kn->mn", sizes: { m: "N", k: 7, n: 100 }, batch: [37, 64] },
  { letters: "mk,kn->mn", sizes: { m: 13, k: 5, n: 17 } },
  { letters: "mk,nk->mn", sizes: { m: "N", k: 10, n: 32 }, batch: [128, 128] },
  { letters: "mk,nk->mn", sizes: { m: "N", k: 37, n: 45 }, batch: [3, 7] },
  { letters: "km,kn->mn", sizes: { k: "N", m: 784, n: 32 }, batch: [96, 128] },
  { letters: "km,kn->mn", sizes: { k: "N", m: 32, n: 10 }, batch: [1, 4] },
  { letters: "km,nk->mn", sizes: { k: 19, m: 21, n: 35 } },
  { letters: "bmk,bkn->bmn", sizes: { b: "N", m: 9, k: 8, n: 20 }, batch: [3, 4] },
  { letters: "bmk,bnk->bmn", sizes: { b: 3, m: 9, k: 18, n: 20 } },
  { letters: "kn,mk->mn", sizes: { m: 4, k: 6, n: 64 } },
  { letters: "k,kn->n", sizes: { k: 50, n: 70 } },
  { letters: "mk,k->m", sizes: { m: 40, k: 30 } },
  { letters: "mk,kn->mn", sizes: { m: 30, k: 40, n: 1 } },
  { letters: "mk,kn->mn", sizes: { m: "N", k: 40, n: 3 }, batch: [29, 64] },
  { letters: "km,kn->mn", sizes: { k: "N", m: 40, n: 2 }, batch: [29, 64] },
  { letters: "bmk,bnk->bmn", sizes: { b: 3, m: 9, k: 18, n: 3 } },
  { letters: "m,n->mn", sizes: { m: 12, n: 18 } },
];

/** Rows of the batch as rows of tiles, as loops around them and as steps of sums, and where they have to be copied. */
const ofColumns: readonly Case[] = [
  { letters: "mk,kn->mn", sizes: { m: "N", k: 33, n: 10 }, batch: [5, 19], columns: "a" },
  { letters: "mk,kn->mn", sizes: { m: "N", k: 50, n: 70 }, batch: [37, 64], columns: "a" },
  { letters: "mk,nk->mn", sizes: { m: "N", k: 37, n: 45 }, batch: [40, 40], columns: "a" },
  { letters: "km,kn->mn", sizes: { k: "N", m: 45, n: 32 }, batch: [1, 64], columns: "a" },
  { letters: "km,kn->mn", sizes: { k: "N", m: 45, n: 32 }, batch: [60, 64], columns: "ab" },
  { letters: "bmk,kn->bmn", sizes: { b: "N", m: 11, k: 45, n: 20 }, batch: [5, 7], columns: "a" },
  { letters: "bmk,bkn->bmn", sizes: { b: "N", m: 9, k: 8, n: 20 }, batch: [3, 4], columns: "ab" },
  { letters: "bmk,bkn->mn", sizes: { b: "N", k: 3, m: 67, n: 40 }, batch: [17, 20], columns: "a" },
  { letters: "bkm,bkn->mn", sizes: { b: "N", k: 31, m: 67, n: 40 }, batch: [17, 20], columns: "a" },
  { letters: "km,kn->mn", sizes: { k: "N", m: 9, n: 45 }, batch: [9, 9], columns: "b" },
];

test.for(ofColumns)("rows of the batch of $columns in $letters $sizes", async (given) => {
  const { columns: _, ...copied } = given;
  const cpu = thisCpu();
  const tight = { ...cpu, cacheBytes: [1 << 12, 1 << 16] as const };
  const run = async (test: Case, target: typeof cpu, threads: number) => {
    const outcome = await runGraph(productCase(test), { cpu: target, fusion: true, threads });
    return outcome.results.get("y")!;
  };
  const expected = await run(copied, cpu, 1);
  for (const [target, threads] of [
    [cpu, 1],
    [cpu, 2],
    [tight, 1],
  ] as const) {
    expect(await run(given, target, threads)).toEqual(expected);
  }
});

describe("a contraction equals the interpreter", () => {
  test.for(cases)("$letters $sizes", async (given) => {
    const product = productCase(given);
    const { graph, n, leaf } = product;
    const expected = interpret(graph, { n, leaf }).results.get("y")!;
    const { results } = await runGraph(product, { cpu: thisCpu(), fusion: true });
    const actual = results.get("y")!;
    let worst = 0;
    expected.forEach((value, i) => {
      worst = Math.max(worst, Math.abs(value - actual[i]!));
    });
    expect(worst).toBeLessThan(1e-4);
  });
});

/** Sums over one loop and over two, of operands that are packed, transposed, or read where they lie. */
const longSums: readonly Case[] = [
  { letters: "km,kn->mn", sizes: { k: "N", m: 70, n: 70 }, batch: [401, 500] },
  { letters: "km,kn->mn", sizes: { k: "N", m: 72, n: 16 }, batch: [3, 700] },
  { letters: "mk,kn->mn", sizes: { m: 66, k: 531, n: 45 } },
  { letters: "mk,kn->mn", sizes: { m: "N", k: 512, n: 33 }, batch: [5, 64] },
  { letters: "mk,nk->mn", sizes: { m: 33, k: 527, n: 21 } },
  { letters: "mk,nk->mn", sizes: { m: "N", k: 640, n: 40 }, batch: [19, 50] },
  { letters: "bmk,bkn->mn", sizes: { b: "N", k: 31, m: 67, n: 40 }, batch: [17, 20] },
  { letters: "bmk,bkn->mn", sizes: { b: 3, k: 301, m: 70, n: 24 } },
  { letters: "bmk,kn->bmn", sizes: { b: "N", m: 11, k: 450, n: 20 }, batch: [5, 7] },
];

describe("a sum in blocks has the same bits as one without", () => {
  const cpu = thisCpu();
  const plenty = { ...cpu, cacheBytes: [1 << 15, 1 << 26] as const };
  const tight = (vectorLanes: number) => ({
    ...cpu,
    vectorLanes,
    cacheBytes: [1 << 12, vectorLanes << 12] as const,
  });

  test.for(longSums)("$letters $sizes", async (given) => {
    const product = productCase(given);
    const { graph, n, leaf } = product;
    const run = async (target: typeof cpu, threads = 1) => {
      const options = { cpu: target, fusion: true, threads };
      const { results, source } = await runGraph(product, options);
      return { y: results.get("y")!, isBlocked: source.includes("tile_on_") };
    };
    const whole = await run(plenty);
    expect(whole.isBlocked).toBe(false);
    const expected = interpret(graph, { n, leaf }).results.get("y")!;
    expected.forEach((value, i) => {
      expect(Math.abs(value - whole.y[i]!)).toBeLessThan(1e-3);
    });
    const lanes = [16, 8, 4, 1].filter((count) => count <= cpu.vectorLanes);
    for (const vectorLanes of lanes) {
      for (const threads of [1, 2]) {
        const blocked = await run(tight(vectorLanes), threads);
        expect(blocked.isBlocked).toBe(true);
        expect(blocked.y).toEqual(whole.y);
      }
    }
  });
});
