/** Contractions of which a mask leaves a part: what tiles pass over is neither missed nor computed. */

import { describe, expect, test } from "vitest";
import {
  type Affine,
  axisAffine,
  offsetAffine,
  scaleAffine,
  subtractAffine,
} from "../../compiler/graph/affine.ts";
import { and, type Condition, nonnegative } from "../../compiler/graph/condition.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { batchExtent, fixed } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Graph } from "../../compiler/graph/node.ts";
import { thisCpu } from "../targets/run-kernels.ts";
import { randomNumbers } from "./contraction-cases.ts";
import { expectClose } from "./expect-close.ts";
import { runGraph } from "./run-program.ts";

/** a[b, i, j] is what is left of a square where the mask holds. */
const size = 53;
const [row, column] = [axisAffine(1), axisAffine(2)];
const notAfter = (first: Affine, second: Affine) => nonnegative(subtractAffine(second, first));
const masks: Readonly<Record<string, Condition>> = {
  "below the diagonal": notAfter(column, row),
  "above it": notAfter(row, column),
  "some way off it": notAfter(offsetAffine(column, 20), row),
  "two rows a column": notAfter(scaleAffine(column, 2), offsetAffine(row, 5)),
  "above three rows a column": notAfter(row, scaleAffine(column, 3)),
  "a band": and(notAfter(column, offsetAffine(row, 4)), notAfter(row, offsetAffine(column, 9))),
};

/**
 * y[b, i, n] = Σ a[b, i, j]·w[b, j, n], or with a's other axis summed; or y = if the mask holds then Σ x[b, i, k]·w[b, k, j] else
 * −1. With `other` a is the larger of zero and of that number where the mask does not hold.
 */
function masked(
  mask: Condition,
  kind: "sum over columns" | "sum over rows" | "read in part",
  other: number | null = null,
) {
  const context = new GraphContext();
  const square = [batchExtent, fixed(size), fixed(size)];
  const [b, i, j, k] = [0, 1, 2, 3].map(axisAffine) as [Affine, Affine, Affine, Affine];
  const x = context.leaf("param", "x", "f32", square);
  const w = context.leaf("param", "w", "f32", square);
  const choose = (load: ReturnType<GraphContext["load"]>, other: number) =>
    context.call("select", context.condition(mask), load, context.constant(other, "f32"));
  const product = (left: ReturnType<GraphContext["load"]>) =>
    context.compute({
      parallel: square,
      reduction: [fixed(size)],
      reducer: "sum",
      body: context.call("multiply", left, context.load(w, [b, k, j])),
    }).values[0]!;
  const square3 = (body: ReturnType<typeof choose>) =>
    context.compute({ parallel: square, body }).values[0]!;
  const here = [b, i, j];
  const result = () => {
    if (kind === "read in part") {
      return square3(choose(context.load(product(context.load(x, [b, i, k])), here), -1));
    }
    const chosen = choose(context.load(x, here), other ?? 0);
    const least = context.constant(0, "f32");
    const a = square3(other === null ? chosen : context.call("maximum", chosen, least));
    return product(context.load(a, kind === "sum over columns" ? [b, i, k] : [b, k, i]));
  };
  const value = result();
  const graph: Graph = {
    name: "masked",
    batchMax: 3,
    results: [{ name: "y", value }],
    assignments: [],
  };
  const leaf = (_role: string, path: string) => randomNumbers(path, 3 * size * size);
  return { context, graph, n: 3, leaf };
}

const kinds = ["sum over columns", "sum over rows", "read in part"] as const;

describe.each([4, 16])("vectors of %i lanes", (lanes) => {
  const cpu = { ...thisCpu(), vectorLanes: lanes, vectorRegisters: 2 * lanes, taskSeconds: 1e-9 };

  test.for(kinds.flatMap((kind) => Object.keys(masks).map((mask) => [kind, mask] as const)))(
    "%s, %s",
    async ([kind, mask]) => {
      const given = masked(masks[mask]!, kind);
      const expected = interpret(given.graph, given).results.get("y")!;
      const run = (threads: number) => runGraph(given, { cpu, fusion: true, threads });
      const one = await run(1);
      expectClose(one.results.get("y")!, expected, "y");
      expect((await run(2)).results).toEqual(one.results);
      expect(one.source).toMatch(/\breach\b/);
    },
  );
});

const numbers = [
  ["that come to zero", -1],
  ["that do not", 0.25],
] as const;
const sided = Object.keys(masks).filter((name) => name !== "a band");

describe.each(numbers)("numbers in place of what is masked %s", (_, other) => {
  const cases = sided.flatMap((mask) => kinds.slice(0, 2).map((kind) => [kind, mask] as const));

  test.for(cases)("%s, %s", async ([kind, mask]) => {
    const given = masked(masks[mask]!, kind, other);
    const expected = interpret(given.graph, given).results.get("y")!;
    const run = (threads: number) => runGraph(given, { cpu: thisCpu(), fusion: true, threads });
    const one = await run(1);
    expectClose(one.results.get("y")!, expected, "y");
    expect((await run(2)).results).toEqual(one.results);
    expect(one.source).toMatch(/\ball_zero\b/);
  });
});

test("a mask that leaves nearly all is not asked for", async () => {
  const mask = notAfter(column, offsetAffine(row, size - 6));
  const { source } = await runGraph(masked(mask, "sum over columns"), {
    cpu: thisCpu(),
    fusion: true,
  });
  expect(source).not.toMatch(/\breach\b/);
});
