import { describe, expect, it } from "vitest";
import {
  type Affine,
  addAffine,
  axisAffine,
  divAffine,
  modAffine,
  offsetAffine,
  scaleAffine,
  subtractAffine,
} from "../../compiler/graph/affine.ts";
import { inRange, nonnegative, zero } from "../../compiler/graph/condition.ts";
import { graphNodes } from "../../compiler/graph/context.ts";
import { classifyContraction } from "../../compiler/graph/contraction.ts";
import { batchExtent, type Extent, fixed } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Compute, Graph, Value } from "../../compiler/graph/node.ts";
import { printGraph } from "../../compiler/graph/print.ts";
import { rewriteNodes } from "../../compiler/optimize/rewrite-nodes.ts";
import { indexRules } from "../../compiler/optimize/rewrite-scalars.ts";
import { indexMapRules } from "../../compiler/optimize/rules/index-maps.ts";
import type { NodeRule } from "../../compiler/optimize/rules/node-rule.ts";
import { normalFormRules } from "../../compiler/optimize/rules/normal-forms.ts";
import { meanRules, reductionRules } from "../../compiler/optimize/rules/reductions.ts";
import { scalarRules, simplify } from "../../compiler/optimize/simplify.ts";
import { Builder } from "./build.ts";

const [i0, i1, i2, i3] = [0, 1, 2, 3].map(axisAffine) as [Affine, Affine, Affine, Affine];

interface Example {
  readonly b: Builder;
  readonly y: Value;
}

const all: readonly NodeRule[] = [
  ...reductionRules,
  ...meanRules,
  ...indexMapRules,
  ...normalFormRules,
];

/** By rule: a graph that it rewrites, and what becomes of the graph with this rule and the scalar ones. */
const examples: Readonly<Record<string, readonly [() => Example, string]>> = {
  simplifyWhere: [
    () => reduction({ where: nonnegative(i1) }),
    "%1: f32[2] = sum[i1 < 3] %0[i0, i1]",
  ],
  reduceNothing: [
    () => reduction({ where: nonnegative(offsetAffine(i1, -3)), reducer: "max" }),
    "%0: f32[2] = -Infinity",
  ],
  reduceOnePoint: [() => reduction({ size: 1, reducer: "mean" }), "%1: f32[2] = %0[i0, 0]"],
  dropUnitAxis: [() => reduction({ size: 1, reducer: "max" }), "%1: f32[2] = %0[i0, 0]"],
  dropInvariantAxis: [
    () => {
      const b = new Builder();
      const body = b.context.load(b.param("x", 2), [i0]);
      return reduce(b, { parallel: [2], reduction: [batchExtent], body });
    },
    "%1: f32[2] = %0[i0] * f32(N)",
  ],
  dropUnusedParallelAxis: [
    () => {
      const b = new Builder();
      const body = b.context.load(b.param("x", 2, 3), [i0, i2]);
      return reduce(b, { parallel: [2, 5], reduction: [fixed(3)], body });
    },
    "%1: f32[2] = sum[i1 < 3] %0[i0, i1]\n%2: f32[2, 5] = %1[i0]",
  ],
  solveAxis: [
    () => {
      const b = new Builder();
      const body = b.context.load(b.param("x", 3), [i1]);
      const where = zero(subtractAffine(i1, offsetAffine(i0, -1)));
      return reduce(b, { parallel: [5], reduction: [fixed(3)], body, where });
    },
    "%1: f32[5] = %0[i0 - 1]{-i0 + 3 >= 0 and i0 - 1 >= 0}",
  ],
  conditionIntoWhere: [
    () => {
      const b = new Builder();
      const x = b.at(b.param("x", 2, 3));
      const causal = b.context.condition(nonnegative(subtractAffine(i0, i1)));
      const body = b.f.select(causal, b.f.call("exp", x), b.f.number(0));
      return reduce(b, { parallel: [2], reduction: [fixed(3)], body });
    },
    "%1: f32[2] = sum[i1 < 3] where i0 - i1 >= 0: exp(%0[i0, i1])",
  ],
  meanToSum: [
    () => reduction({ size: 4, reducer: "mean" }),
    "%1: f32[2] = sum[i1 < 4] %0[i0, i1]\n%2: f32[2] = %1[i0] * 0.25",
  ],
  dropIdentityMap: [
    () => {
      const b = new Builder();
      const x = b.param("x", 3, 2);
      const transposed = (v: Value) => b.map([...v.shape].reverse(), b.context.load(v, [i1, i0]));
      return { b, y: b.map(x.shape, b.f.call("exp", b.at(transposed(transposed(x))))) };
    },
    "%1: f32[3, 2] = exp(%0[i0, i1])",
  ],
  composeIndexMaps: [
    () => {
      const b = new Builder();
      const x = b.param("x", 6);
      const place = offsetAffine(i0, -2);
      const padded = b.map([fixed(9)], b.context.load(x, [place], inRange(place, fixed(6))));
      const pairs = b.map(
        [fixed(4), fixed(2)],
        b.context.load(padded, [addAffine(scaleAffine(i0, 2), i1)]),
      );
      return { b, y: b.map(pairs.shape, b.f.call("exp", b.at(pairs))) };
    },
    "%1: f32[4, 2] = exp(%0[2*i0 + i1 - 2]{2*i0 + i1 - 2 >= 0})",
  ],
  splitReductionAxis: [
    () => {
      // A reshape of a transpose: its places in memory are not affine.
      const b = new Builder();
      const x = b.param("x", 3, 2);
      const flat = b.map([fixed(6)], b.context.load(x, [modAffine(i0, 3), divAffine(i0, 3)]));
      const w = b.param("w", 6, 5);
      const body = b.f.multiply(b.context.load(flat, [i1]), b.context.load(w, [i1, i0]));
      return reduce(b, { parallel: [5], reduction: [fixed(6)], body });
    },
    "%2: f32[5] = sum[i1 < 2, i2 < 3] %0[i2, i1] * %1[3*i1 + i2, i0]",
  ],
  splitSum: [
    () => {
      const b = new Builder();
      const x = b.context.load(b.param("x", 2, 4), [i0, i2]);
      const w = b.context.load(b.param("w", 4, 3), [i2, i1]);
      const v = b.context.load(b.param("v", 4, 3), [i2, i1]);
      const body = b.f.add(b.f.multiply(x, w), v);
      return reduce(b, { parallel: [2, 3], reduction: [fixed(4)], body });
    },
    "%3: f32[2, 3] = sum[i2 < 4] %0[i0, i2] * %1[i2, i1]\n" +
      "%4: f32[3] = sum[i1 < 4] %2[i1, i0]\n%5: f32[2, 3] = %3[i0, i1] + %4[i1]",
  ],
  productConditionIntoWhere: [
    () => {
      const b = new Builder();
      const x = b.context.load(b.param("x", 4), [i1]);
      const causal = b.f.cast(b.context.condition(nonnegative(subtractAffine(i0, i1))), "f32");
      const body = b.f.multiply(causal, x);
      return reduce(b, { parallel: [4], reduction: [fixed(4)], body });
    },
    "%1: f32[4] = sum[i1 < 4] where i0 - i1 >= 0: %0[i1]",
  ],
  factorOut: [
    () => {
      const b = new Builder();
      const x = b.context.load(b.param("x", 2, 3), [i0, i1]);
      const s = b.context.load(b.param("s", 2), [i0]);
      const body = b.f.negate(b.f.divide(b.f.call("exp", x), s));
      return reduce(b, { parallel: [2], reduction: [fixed(3)], body });
    },
    "%2: f32[2] = sum[i1 < 3] exp(%0[i0, i1])\n%3: f32[2] = -(%2[i0] / %1[i0])",
  ],
  factorOutOfMap: [
    () => {
      const b = new Builder();
      const x = b.context.load(b.param("x", 2, 3), [i0, i1]);
      const s = b.context.load(b.param("s", 2), [i0]);
      const parallel = [fixed(2), fixed(3)];
      const map = b.context.compute({ parallel, body: b.f.multiply(x, s) });
      const body = b.context.load(map.values[0]!, [i0, i1]);
      return reduce(b, { parallel: [2], reduction: [fixed(3)], body });
    },
    "%2: f32[2] = sum[i1 < 3] %0[i0, i1]\n%3: f32[2] = %2[i0] * %1[i0]",
  ],
  contract: [
    () => {
      const b = new Builder();
      const x = b.context.load(b.param("x", 2, 4), [i0, i2]);
      const w = b.context.load(b.param("w", 4, 3), [i2, i1]);
      const body = b.f.multiply(b.f.call("maximum", x, b.f.number(0)), w);
      return reduce(b, { parallel: [2, 3], reduction: [fixed(4)], body });
    },
    "%2: f32[2, 4] = maximum(%0[i0, i1], 0.0)\n%3: f32[2, 3] = sum[i2 < 4] %2[i0, i2] * %1[i2, i1]",
  ],
};

function reduce(
  b: Builder,
  content: {
    parallel: number[];
    reduction: readonly Extent[];
    body: Parameters<Builder["map"]>[1];
    where?: ReturnType<typeof zero>;
  },
): Example {
  const parallel = content.parallel.map(fixed);
  return { b, y: b.context.compute({ reducer: "sum", ...content, parallel }).values[0]! };
}

/** x[2, size] reduced over its last dimension. */
function reduction({
  size = 3,
  reducer = "sum" as Compute["reducer"],
  where = nonnegative(i0),
}): Example {
  const b = new Builder();
  const body = b.at(b.param("x", 2, size));
  const content = { parallel: [fixed(2)], reduction: [fixed(size)], where, reducer, body };
  return { b, y: b.context.compute(content).values[0]! };
}

/** The nodes that a graph computes. */
const computed = (graph: Graph): string =>
  printGraph(graph)
    .split("\n")
    .filter((line) => / = /.test(line) && line.startsWith("%") && !/ = (param|input) /.test(line))
    .join("\n");

const data = (path: string) =>
  Float64Array.from({ length: 64 }, (_, i) => Math.sin(i + path.charCodeAt(0)));

describe("node rules", () => {
  it.each(all.map((rule) => rule.name))("%s", (name) => {
    const [make, expected] = examples[name]!;
    const { b, y } = make();
    const graph = b.graph(y);
    const simple = rewriteNodes(b.context, graph, {
      scalars: indexRules(scalarRules),
      nodes: [all],
    });
    expect(computed(simple)).toBe(expected);
    const environment = { n: 3, leaf: (_: string, path: string) => data(path) };
    const before = interpret(graph, environment).results.get("y")!;
    const after = interpret(simple, environment).results.get("y")!;
    before.forEach((value, i) => {
      expect(after[i]).toBeCloseTo(value, 12);
    });
  });
});

describe("contractions", () => {
  const contractions = (graph: Graph) =>
    graphNodes(graph).filter((node) => node.kind === "compute" && classifyContraction(node));

  it("multiplies three operands in the cheapest order", () => {
    const b = new Builder();
    const x = b.context.load(b.param("x", 2, 4), [i0, i2]);
    const a = b.context.load(b.param("a", 3, 4, 5), [i1, i2, i3]);
    const y = b.context.load(b.param("y", 2, 5), [i0, i3]);
    const body = b.f.multiply(b.f.multiply(x, a), y);
    const bilinear = reduce(b, { parallel: [2, 3], reduction: [fixed(4), fixed(5)], body });
    const simple = simplify(b.context, b.graph(bilinear.y));
    expect(computed(simple)).toBe(
      "%3: f32[2, 3, 4] = sum[i3 < 5] %1[i1, i2, i3] * %2[i0, i3]\n" +
        "%4: f32[2, 3] = sum[i2 < 4] %3[i0, i1, i2] * %0[i0, i2]",
    );
    expect(contractions(simple)).toHaveLength(2);
  });

  it("sums over what only one operand depends on first", () => {
    const b = new Builder();
    const x = b.context.load(b.param("x", 2, 4, 5), [i0, i2, i3]);
    const w = b.context.load(b.param("w", 4, 3), [i2, i1]);
    const body = b.f.multiply(x, w);
    const { y } = reduce(b, { parallel: [2, 3], reduction: [fixed(4), fixed(5)], body });
    expect(computed(simplify(b.context, b.graph(y)))).toBe(
      "%2: f32[2, 4] = sum[i2 < 5] %0[i0, i1, i2]\n" +
        "%3: f32[2, 3] = sum[i2 < 4] %2[i0, i2] * %1[i2, i1]",
    );
  });

  it("applies a function before the windows of a convolution, not in each of them", () => {
    const b = new Builder();
    const place = offsetAffine(addAffine(scaleAffine(i0, 2), i2), -1);
    const x = b.context.load(b.param("x", 9, 4), [place, i3]);
    const w = b.context.load(b.param("w", 3, 4, 5), [i2, i3, i1]);
    const relu = b.f.call("maximum", x, b.f.number(0));
    const { y } = reduce(b, {
      parallel: [5, 5],
      reduction: [fixed(3), fixed(4)],
      body: b.f.multiply(relu, w),
      where: inRange(place, fixed(9)),
    });
    const simple = simplify(b.context, b.graph(y));
    expect(computed(simple)).toBe(
      "%2: f32[9, 4] = maximum(%0[i0, i1], 0.0)\n" +
        "%3: f32[5, 5] = sum[i2 < 3, i3 < 4] where -2*i0 - i2 + 9 >= 0 and 2*i0 + i2 - 1 >= 0: " +
        "%2[2*i0 + i2 - 1, i3] * %1[i2, i3, i1]",
    );
  });

  it("reads a flattened tensor in place", () => {
    const b = new Builder();
    const x = b.input("x", [batchExtent, fixed(4), fixed(7)]);
    const flat = b.map(
      [batchExtent, fixed(28)],
      b.context.load(x, [i0, divAffine(i1, 7), modAffine(i1, 7)]),
    );
    const w = b.param("w", 28, 5);
    const body = b.f.multiply(b.context.load(flat, [i0, i2]), b.context.load(w, [i2, i1]));
    const node = b.context.compute({
      parallel: [batchExtent, fixed(5)],
      reduction: [fixed(28)],
      reducer: "sum",
      body,
    });
    expect(computed(simplify(b.context, b.graph(node.values[0]!)))).toBe(
      "%2: f32[N, 5] = sum[i2 < 28] %0[i0, (i2 div 7), (i2 mod 7)] * %1[i2, i1]",
    );
  });

  it("keeps the windows of a reshaped tensor apart from its channels", () => {
    const b = new Builder();
    const x = b.param("x", 30);
    const rows = b.map(
      [fixed(10), fixed(3)],
      b.context.load(x, [addAffine(scaleAffine(i0, 3), i1)]),
    );
    const w = b.param("w", 4, 3, 5);
    const window = b.context.load(rows, [addAffine(i0, i2), i3]);
    const body = b.f.multiply(window, b.context.load(w, [i2, i3, i1]));
    const node = b.context.compute({
      parallel: [fixed(7), fixed(5)],
      reduction: [fixed(4), fixed(3)],
      reducer: "sum",
      body,
    });
    // From a place 3·(h + k) + c of x it cannot be seen which h and k meet it.
    expect(computed(simplify(b.context, b.graph(node.values[0]!)))).toBe(
      "%1: f32[10, 3] = %0[3*i0 + i1]\n%3: f32[7, 5] = sum[i2 < 4, i3 < 3] %1[i0 + i2, i3] * %2[i2, i3, i1]",
    );
  });
});
