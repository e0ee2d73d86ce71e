/** Attention, from products and softmax. Sequences of multi-head attention are [time, batch, embed]. */

import {
  element,
  float,
  isSet,
  numberIn,
  type RuleCase,
  type RuleResult,
  type RuleTable,
  shapeOf,
  single,
} from "../case-rules.ts";

/** softmax(q kᵀ · scale) v over the last two axes; heads of q share those of k and v in order. */
function scaledDotProduct(c: RuleCase): RuleResult {
  const [q, k] = [shapeOf(c, "q"), shapeOf(c, "k")];
  const rank = q.length;
  const lead = ["b0", "b1", "b2"].slice(0, rank - 2);
  const kLead = lead.map((name, i) => (q[i] === k[i] ? name : `${name} / ${q[i]! / k[i]!}`));
  const [rows, depth] = q.slice(-2) as [number, number];
  const columns = k.at(-2)!;
  const width = shapeOf(c, "v").at(-1)!;
  const scale = float(typeof c.config.scale === "number" ? c.config.scale : 1 / Math.sqrt(depth));
  const bounded = lead.map((name, i) => `${name} < ${q[i]}`);
  const head = (name: string, ...axes: string[]) => `${name}[${[...bounded, ...axes].join(", ")}]`;
  const at = (name: string, places: readonly string[], ...axes: string[]) =>
    element(name, [...places, ...axes]);
  const product = `${scale} * sum[d < ${depth}] ${at("q", lead, "i", "d")} * ${at("k", kLead, "j", "d")}`;
  const mask = c.inputs.has("mask")
    ? at("mask", lead.slice(rank - 2 - (shapeOf(c, "mask").length - 2)), "i", "j")
    : "";
  const visible = isSet(c, "causal") ? "j <= i" : mask;
  const all = at("scores", lead, "i", "j");
  return single("attended", [
    `${head("scores", `i < ${rows}`, `j < ${columns}`)} = ${product}`,
    `${head("visible", `i < ${rows}`, `j < ${columns}`)} = ${visible === "" ? all : `if ${visible} then ${all} else -1e30`}`,
    "shares = softmax(visible, axis = -1)",
    `${head("attended", `i < ${rows}`, `e < ${width}`)} = sum[j < ${columns}] ${at("shares", lead, "i", "j")} * ${at("v", kLead, "j", "e")}`,
  ]);
}

interface HeadedAttention {
  /** Names of the values that queries, and keys and values, are made of. */
  readonly queries: string;
  readonly memory: string;
  readonly rows: number;
  readonly columns: number;
  readonly batch: number;
  readonly embed: number;
  readonly heads: number;
  /** Whether a key of a sample is left out. */
  readonly ignored?: string;
}

/** PyTorch's layout: w_in stacks the projections, heads are consecutive blocks. Binds `mha`. */
export function multiHead(a: HeadedAttention): string[] {
  const { queries, memory, rows, columns, batch, embed, heads, ignored } = a;
  const width = embed / heads;
  const projected = (name: string, part: number, of: string, times: number) =>
    `${name}[s < ${times}, n < ${batch}, e < ${embed}] = b_in[e + ${part * embed}] + ` +
    `sum[f < ${embed}] ${of}[s, n, f] * w_in[e + ${part * embed}, f]`;
  const score = `${float(1 / Math.sqrt(width))} * sum[d < ${width}] mha_q[i, n, h * ${width} + d] * mha_k[j, n, h * ${width} + d]`;
  return [
    projected("mha_q", 0, queries, rows),
    projected("mha_k", 1, memory, columns),
    projected("mha_v", 2, memory, columns),
    `mha_scores[n < ${batch}, h < ${heads}, i < ${rows}, j < ${columns}] = ${score}`,
    ...(ignored === undefined
      ? ["mha_visible = mha_scores"]
      : [
          `mha_visible[n < ${batch}, h < ${heads}, i < ${rows}, j < ${columns}] = if ${ignored}[n, j] then -1e30 else mha_scores[n, h, i, j]`,
        ]),
    "mha_shares = softmax(mha_visible, axis = -1)",
    `mha_heads[i < ${rows}, n < ${batch}, e < ${embed}] = sum[j < ${columns}] mha_shares[n, e / ${width}, i, j] * mha_v[j, n, e]`,
    `mha[i < ${rows}, n < ${batch}, e < ${embed}] = b_out[e] + sum[f < ${embed}] mha_heads[i, n, f] * w_out[e, f]`,
  ];
}

export function layerNorm(result: string, x: string, scale: string, shift: string): string[] {
  const over = "axis = -1, keepdims = true";
  return [
    `${result}_mean = mean(${x}, ${over})`,
    `${result}_variance = mean((${x} - ${result}_mean)^2, ${over})`,
    `${result} = (${x} - ${result}_mean) / sqrt(${result}_variance + 1e-5) * ${scale} + ${shift}`,
  ];
}

function headsOf(c: RuleCase, queries: string, memory: string): HeadedAttention {
  const [rows, batch, embed] = shapeOf(c, "x") as [number, number, number];
  const columns = c.inputs.has("mem") ? shapeOf(c, "mem")[0]! : rows;
  const heads = numberIn(c, "heads");
  const ignored = c.inputs.has("pad") ? { ignored: "pad" } : {};
  return { queries, memory, rows, columns, batch, embed, heads, ...ignored };
}

export const attentionRules: RuleTable = {
  sdp_attention: scaledDotProduct,
  multi_head_attention: (c) => {
    const memory = c.inputs.has("mem") ? "mem" : "x";
    return single("mha", multiHead(headsOf(c, "x", memory)));
  },
  // The two halves of each vector turn by the angle p · base^(−i / half).
  rotary_embedding: (c) => {
    const shape = shapeOf(c, "x");
    const [positions, dim] = shape.slice(-2) as [number, number];
    const half = dim / 2;
    const lead = shape.slice(0, -2);
    const names = lead.map((_, i) => `b${i}`);
    const bounded = names.map((name, i) => `${name} < ${lead[i]}`);
    const at = (place: string) => element("x", [...names, "p", place]);
    const rate = `exp(-${float(Math.log(numberIn(c, "base", 10000)) / half)} * i)`;
    return single("turned", [
      `angle[p < ${positions}, i < ${half}] = p * ${rate}`,
      `turned[${[...bounded, `p < ${positions}`, `e < ${dim}`].join(", ")}] = if e < ${half} ` +
        `then ${at("e")} * cos(angle[p, e]) - ${at(`e + ${half}`)} * sin(angle[p, e]) ` +
        `else ${at("e")} * cos(angle[p, e - ${half}]) + ${at(`e - ${half}`)} * sin(angle[p, e - ${half}])`,
    ]);
  },
  transformer_block: (c) =>
    single("after + gelu(inner @ w1 + b1) @ w2 + b2", [
      ...layerNorm("first", "x", "g1", "e1"),
      ...multiHead(headsOf(c, "first", "first")),
      "after = x + mha",
      ...layerNorm("inner", "after", "g2", "e2"),
    ]),
};
