/** Attention against sums written out: masks, causality, windows, groups of heads, several dimensions. */

import { describe, expect, it } from "vitest";
import { checkLayer, expectClose, faultsOf, shapeOf, valuesOf } from "./layer-checks.ts";

type Matrix = readonly (readonly number[])[];

const rowsOf = (data: readonly number[], width: number): number[][] =>
  Array.from({ length: data.length / width }, (_, i) => data.slice(i * width, i * width + width));
const dot = (a: readonly number[], b: readonly number[]) =>
  a.reduce((sum, item, i) => sum + item * b[i]!, 0);
function softmax(scores: readonly number[]): number[] {
  const most = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - most));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / total);
}
const mix = (shares: readonly number[], values: Matrix): number[] =>
  values[0]!.map((_, c) => shares.reduce((sum, share, s) => sum + share * values[s]![c]!, 0));

const q = [1, 0.5, -0.25, 2, 0, 1];
const v = [0.5, -1, 2, 0.25];
const inputs = { q: "f32[N, 3, 2]", v: "f32[N, 2, 2]" };
const [queries, values] = [rowsOf(q, 2), rowsOf(v, 2)];

describe("Attention", () => {
  const kinds: readonly [string, (a: number[], b: number[]) => number][] = [
    ["Attention()", dot],
    [
      'Attention(score_mode = "concat")',
      (a, b) =>
        dot(
          [1, 1],
          a.map((x, i) => Math.tanh(x + b[i]!)),
        ),
    ],
    [
      "AdditiveAttention(use_scale = false)",
      (a, b) =>
        dot(
          [1, 1],
          a.map((x, i) => Math.tanh(x + b[i]!)),
        ),
    ],
  ];
  it.each(kinds)("%s", (layer, score) => {
    const shares = queries.map((a) => softmax(values.map((b) => score(a, b))));
    const mixed = shares.flatMap((share) => mix(share, values));
    expectClose(valuesOf(inputs, `${layer}([q, v])`, { q, v }), mixed);
    checkLayer(inputs, `${layer}([q, v])`);
  });

  it("sees the past alone where it is causal", () => {
    const shares = queries.map((a, t) =>
      softmax(values.map((b, s) => (s <= t ? dot(a, b) : -1e9))),
    );
    const mixed = shares.flatMap((share) => mix(share, values));
    expectClose(valuesOf(inputs, "Attention()([q, v], use_causal_mask = true)", { q, v }), mixed);
  });

  it("leaves out masked values, and gives masked queries 0", () => {
    const masks = { m: "bool[N, 3]", k: "bool[N, 2]" };
    const given = { q, v, m: [1, 0, 1], k: [0, 1] };
    const wanted = [v[2]!, v[3]!, 0, 0, v[2]!, v[3]!];
    expectClose(
      valuesOf({ ...inputs, ...masks }, "Attention()([q, v], mask = [m, k])", given),
      wanted,
    );
  });

  it("scales by weights of its own", () => {
    checkLayer(inputs, "AdditiveAttention()([q, v, v])");
    checkLayer(inputs, 'Attention(use_scale = true, score_mode = "concat")([q, v])');
  });
});

describe("MultiHeadAttention", () => {
  // Two heads of width 1: each takes one feature, and the heads are added up.
  const identity = { kernel: [1, 0, 0, 1], bias: [0, 0] };
  const params = Object.fromEntries(
    ["query", "key", "value", "attention_output"].flatMap((part) =>
      Object.entries(identity).map(([name, data]) => [
        `multi_head_attention/${part}/${name}`,
        data,
      ]),
    ),
  );
  const attended = (isSeen: (t: number, s: number) => boolean): number[] =>
    queries.flatMap((a, t) =>
      [0, 1].map((h) => {
        const shares = softmax(values.map((b, s) => (isSeen(t, s) ? a[h]! * b[h]! : -1e9)));
        return dot(
          shares,
          values.map((b) => b[h]!),
        );
      }),
    );

  it.each([
    ["", "", () => true],
    ["", ", use_causal_mask = true", (t, s) => s <= t],
    [", sliding_window = 1", "", (t, s) => s === t],
    [", sliding_window = 2", ", use_causal_mask = true", (t, s) => s <= t && t - s < 2],
  ] as readonly [string, string, (t: number, s: number) => boolean][])(
    "(2, 1%s)(q, v%s)",
    (config, call, isSeen) => {
      const layer = `MultiHeadAttention(2, 1${config})(q, v${call})`;
      expectClose(valuesOf(inputs, layer, { q, v }, 1, params), attended(isSeen));
      checkLayer(inputs, layer, 1);
    },
  );

  it("takes a mask of queries by steps", () => {
    const given = { q, v, m: [1, 0, 0, 1, 1, 1] };
    const layer = "MultiHeadAttention(2, 1)(q, v, attention_mask = m)";
    const seen = valuesOf({ ...inputs, m: "bool[N, 3, 2]" }, layer, given, 1, params);
    expectClose(
      seen,
      attended((t, s) => given.m[2 * t + s] === 1),
    );
  });

  it("attends to real steps alone where query, value and key carry one mask", () => {
    const x = "with_mask(v, real)";
    const given = { v, real: [1, 0] };
    const shapes = { v: inputs.v, real: "bool[N, 2]" };
    for (const call of [`(${x}, ${x})`, `(${x}, ${x}, ${x})`]) {
      const expression = `with_mask(MultiHeadAttention(2, 1)${call}, none)`;
      const seen = valuesOf(shapes, expression, given, 1, params);
      expectClose(seen.slice(0, 2), values[0]!);
    }
  });

  it("gives its scores", () => {
    const expression = "MultiHeadAttention(2, 1)(q, v, return_attention_scores = true)[1]";
    expect(shapeOf(inputs, expression)).toBe("[N, 2, 3, 2]");
    const shares = valuesOf(inputs, expression, { q, v }, 1, params);
    expectClose(shares.slice(0, 2), softmax(values.map((b) => queries[0]![0]! * b[0]!)));
  });

  it.each([
    [
      "MultiHeadAttention(2, 3, value_dim = 2, output_shape = 5, use_gate = true)(q, v)",
      "[N, 3, 5]",
    ],
    ["MultiHeadAttention(2, 3, use_bias = false)(q, v, key = v)", "[N, 3, 2]"],
    ["GroupQueryAttention(3, 4, 2, use_gate = true)(q, v, use_causal_mask = true)", "[N, 3, 2]"],
    ["GroupQueryAttention(3, 4, 1, sliding_window = 2)(q, v)", "[N, 3, 2]"],
  ])("%s is %s", (layer, shape) => {
    expect(shapeOf(inputs, layer)).toBe(shape);
    checkLayer(inputs, layer, 1);
  });

  it("goes over one of several dimensions, or all of them", () => {
    const image = { x: "f32[N, 2, 3, 4]" };
    for (const axes of ["2", "1", "(1, 2)"]) {
      const layer = `MultiHeadAttention(2, 2, attention_axes = ${axes})(x, x)`;
      expect(shapeOf(image, layer)).toBe("[N, 2, 3, 4]");
      checkLayer(image, layer, 1);
    }
  });
});

it("as many key heads as query heads are plain attention", () => {
  const seed = (name: string) => [
    [`${name}/query/kernel`, [1, 2, 3, 4]],
    [`${name}/key/kernel`, [0.5, -1, 1, 0.25]],
    [`${name}/value/kernel`, [1, -1, 2, 1]],
    [`${name}/attention_output/kernel`, [1, 0, 0.5, 2]],
  ];
  const one = Object.fromEntries(seed("multi_head_attention"));
  const other = Object.fromEntries(seed("group_query_attention"));
  const plain = valuesOf(inputs, "MultiHeadAttention(2, 1)(q, v)", { q, v }, 1, one);
  expectClose(valuesOf(inputs, "GroupQueryAttention(1, 2, 2)(q, v)", { q, v }, 1, other), plain);
});

it.each([
  ["Attention()([q])", "attention takes a list of query and value, or of query, value and key"],
  ['Attention(score_mode = "sum")([q, v])', "score_mode is dot or concat"],
  ["GroupQueryAttention(2, 3, 2)(q, v)", "num_query_heads is a multiple of num_key_value_heads"],
  ["MultiHeadAttention(0, 2)(q, v)", "num_heads and key_dim are positive"],
])("%s: %s", (expression, message) => {
  expect(faultsOf(inputs, expression)).toContain(message);
});
