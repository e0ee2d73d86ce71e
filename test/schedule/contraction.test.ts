/** Contractions of odd shapes, in every transpose, against the float64 interpreter. */

import { describe, expect, test } from "vitest";
import { axisAffine } from "../../compiler/graph/affine.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { batchExtent, type Extent, elementsAt, fixed } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import { hash32, uniformAt } from "../../compiler/graph/threefry.ts";
import { thisCpu } from "../targets/run-kernels.ts";
import { runGraph } from "./run-program.ts";

type Letter = "m" | "n" | "k" | "b";

interface Case {
  /** As einsum: `mk,kn->mn`. */
  readonly letters: string;
  readonly sizes: Partial<Record<Letter, number | "N">>;
  /** Rows in the batch and their maximum, where a size is N. */
  readonly batch?: readonly [n: number, max: number];
}

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
  { letters: "m,n->mn", sizes: { m: 12, n: 18 } },
];

describe("a contraction equals the interpreter", () => {
  test.for(cases)("$letters $sizes", async ({ letters, sizes, batch = [1, 1] }) => {
    const [n, batchMax] = batch;
    const [inputs, output] = letters.split("->") as [string, string];
    const [left, right] = inputs.split(",") as [string, string];
    const extent = (letter: string): Extent => {
      const size = sizes[letter as Letter]!;
      return size === "N" ? batchExtent : fixed(size);
    };
    const context = new GraphContext();
    const summed = [...new Set(left + right)].filter((letter) => !output.includes(letter));
    const axisOf = new Map([...output, ...summed].map((letter, axis) => [letter, axis]));
    const operand = (path: string, names: string) => {
      const value = context.leaf("param", path, "f32", [...names].map(extent));
      return context.load(
        value,
        [...names].map((letter) => axisAffine(axisOf.get(letter)!)),
      );
    };
    const product = context.compute({
      parallel: [...output].map(extent),
      reduction: summed.map(extent),
      reducer: "sum",
      body: context.call("multiply", operand("a", left), operand("b", right)),
    });
    const graph = {
      name: "product",
      batchMax,
      results: [{ name: "y", value: product.values[0]! }],
      assignments: [],
    };
    const leaf = (_role: string, path: string) => {
      const count = elementsAt([...(path === "a" ? left : right)].map(extent), batchMax);
      const stream = hash32(path);
      return Float64Array.from({ length: count }, (_, i) =>
        Math.fround(2 * uniformAt(1, stream, 0, i) - 1),
      );
    };
    const expected = interpret(graph, { n, leaf }).results.get("y")!;
    const { results } = await runGraph(
      { context, graph, n, leaf },
      { cpu: thisCpu(), fusion: true },
    );
    const actual = results.get("y")!;
    let worst = 0;
    expected.forEach((value, i) => {
      worst = Math.max(worst, Math.abs(value - actual[i]!));
    });
    expect(worst).toBeLessThan(1e-4);
  });
});
