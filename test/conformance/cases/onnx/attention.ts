/** Attention over heads: queries [N, heads, T, D], keys and values [N, fewer heads, S, D]. */

import { NotExpressible } from "../case-program.ts";
import { element, float, list } from "../case-rules.ts";
import { notation } from "./notation.ts";
import type { NodeCall, Rules, Value } from "./rule.ts";

/** [N, T, heads · D] as [N, heads, T, D]. */
function inHeads(call: NodeCall, x: Value, attribute: string): Value {
  if (x.shape.length === 4) return x;
  const heads = call.int(attribute);
  const [samples, steps, width] = x.shape as [number, number, number];
  const cut = list([samples, steps, heads, width / heads]);
  return call.define(`transpose(reshape(${x.expression}, ${cut}), [0, 2, 1, 3])`, [
    samples,
    heads,
    steps,
    width / heads,
  ]);
}

/** The inverse of `inHeads`. */
function outOfHeads(call: NodeCall, y: Value): Value {
  const [samples, heads, steps, width] = y.shape as [number, number, number, number];
  const shape = [samples, steps, heads * width];
  return call.define(`reshape(transpose(${y.expression}, [0, 2, 1, 3]), ${list(shape)})`, shape);
}

/** What was remembered, and what comes behind it. */
function behind(call: NodeCall, past: Value | undefined, next: Value): Value {
  if (past === undefined) return next;
  const [samples, heads, steps, width] = next.shape as [number, number, number, number];
  return call.define(`concat([${past.expression}, ${next.expression}], axis = 2)`, [
    samples,
    heads,
    past.shape[2]! + steps,
    width,
  ]);
}

/** Which head of keys and values a head of queries, `h`, shares. */
const sharedHead = (queries: Value, keys: Value): string => {
  const repeats = queries.shape[1]! / keys.shape[1]!;
  return repeats === 1 ? "h" : `h / ${repeats}`;
};

const scoreAxes = ["n", "h", "t", "s"];

/** scale · q kᵀ. */
function scoresOf(call: NodeCall, q: Value, k: Value): Value {
  const [samples, heads, steps, width] = q.shape as [number, number, number, number];
  const scale = call.has("scale") ? call.float("scale") : 1 / Math.sqrt(width);
  const product = `${q.expression}[n, h, t, d] * ${k.expression}[n, ${sharedHead(q, k)}, s, d]`;
  const shape = [samples, heads, steps, k.shape[2]!];
  return notation(call, scoreAxes, shape, `${float(scale)} * sum[d < ${width}] ${product}`);
}

/** Σ of the values by their shares. */
function mixed(call: NodeCall, shares: Value, v: Value): Value {
  const [samples, heads, steps, memories] = shares.shape as [number, number, number, number];
  const product = `${shares.expression}[n, h, t, s] * ${v.expression}[n, ${sharedHead(shares, v)}, s, e]`;
  const shape = [samples, heads, steps, v.shape[3]!];
  return notation(call, ["n", "h", "t", "e"], shape, `sum[s < ${memories}] ${product}`);
}

/** An element of what broadcasts against the scores, at their axes. */
const against = ({ expression, shape }: Value): string =>
  element(
    expression,
    scoreAxes.slice(4 - shape.length).map((axis, i) => (shape[i] === 1 ? "0" : axis)),
  );

/** What of the keys a query may see, as a condition; undefined where everything. */
function visibility(call: NodeCall, scores: Value, past: number): string | undefined {
  const [mask, padded] = [call.inputs[3], call.inputs[6]];
  const memories = scores.shape[3]!;
  const conditions: string[] = [];
  if (mask !== undefined) {
    // A mask may be too short for the last keys, which are hidden then.
    const given = mask.shape.at(-1)!;
    if (given < memories && given > 1) conditions.push(`s < ${given}`);
    conditions.push(mask.dtype === "bool" ? against(mask) : `${against(mask)} > -1e38`);
  }
  if (padded !== undefined) conditions.push(`s < ${padded.expression}[n]`);
  if (call.int("is_causal", 0) === 1) {
    const offset =
      padded === undefined ? `${past}` : `${padded.expression}[n] - ${scores.shape[2]}`;
    conditions.push(`s <= t + ${offset}`);
  }
  return conditions.length === 0 ? undefined : conditions.join(" and ");
}

function attention(call: NodeCall): Value[] {
  const isPacked = call.input(0).shape.length === 3;
  const q = inHeads(call, call.input(0), "q_num_heads");
  const [pastKeys, pastValues] = [call.inputs[4], call.inputs[5]];
  const k = behind(call, pastKeys, inHeads(call, call.input(1), "kv_num_heads"));
  const v = behind(call, pastValues, inHeads(call, call.input(2), "kv_num_heads"));
  const plain = scoresOf(call, q, k);
  const cap = call.float("softcap", 0);
  const capped =
    cap === 0
      ? plain
      : call.define(`${float(cap)} * tanh(${plain.expression} / ${float(cap)})`, plain.shape);
  const visible = visibility(call, capped, pastKeys?.shape[2] ?? 0);
  const shown =
    visible === undefined ? undefined : notation(call, scoreAxes, capped.shape, visible, "bool");
  const biased = withBias(call, capped, shown);
  const shares = call.define(
    `masked_softmax(${biased.expression}, ${shown?.expression ?? "none"}, -1)`,
    biased.shape,
  );
  const y = mixed(call, shares, v);
  const steps = [plain, capped, hidden(call, biased, shown), shares];
  const asked = steps[call.int("qk_matmul_output_mode", 0)];
  if (asked === undefined) throw new NotExpressible("an unknown qk_matmul_output_mode");
  return [isPacked ? outOfHeads(call, y) : y, k, v, asked];
}

/** Scores and a mask of numbers, where they are seen. */
function withBias(call: NodeCall, scores: Value, shown: Value | undefined): Value {
  const mask = call.inputs[3];
  if (mask === undefined || mask.dtype === "bool" || shown === undefined) return scores;
  const sum = `${element(scores.expression, scoreAxes)} + ${against(mask)}`;
  return notation(
    call,
    scoreAxes,
    scores.shape,
    `if ${element(shown.expression, scoreAxes)} then ${sum} else 0.0`,
  );
}

/** Scores, −∞ where they are not seen. */
const hidden = (call: NodeCall, scores: Value, shown: Value | undefined): Value =>
  shown === undefined
    ? scores
    : call.define(`if ${shown.expression} then ${scores.expression} else log(0.0)`, scores.shape);

/** Attention whose scores, and the shares made of them, go through graphs of the model. */
function flexAttention(call: NodeCall): Value[] {
  const [q, k, v] = [call.input(0), call.input(1), call.input(2)];
  const through = (attribute: string, value: Value): Value =>
    call.has(attribute) ? call.subgraph(attribute, [value])[0]! : value;
  const scores = through("score_mod", scoresOf(call, q, k));
  const shares = call.define(`softmax(${scores.expression}, axis = -1)`, scores.shape);
  return [mixed(call, through("prob_mod", shares), v)];
}

/** Pairs of features turned by the angles whose cosines and sines are given, for each position. */
function rotaryEmbedding(call: NodeCall): Value[] {
  const isPacked = call.input(0).shape.length === 3;
  const x = inHeads(call, call.input(0), "num_heads");
  const [samples, heads, steps, width] = x.shape as [number, number, number, number];
  const positions = call.inputs[3];
  const turned = call.int("rotary_embedding_dim", 0) || width;
  const half = turned / 2;
  const isInterleaved = call.int("interleaved", 0) === 1;
  const row = positions === undefined ? ["n", "t"] : [`${positions.expression}[n, t]`];
  const at = (cell: string) => element(x.expression, ["n", "h", "t", cell]);
  const angle = isInterleaved ? "e / 2" : `e % ${half}`;
  const [cosine, sine] = [1, 2].map((i) => element(call.input(i).expression, [...row, angle]));
  // The partner's share is added in the second of a pair and taken away in the first.
  const isFirst = isInterleaved ? "e % 2 == 0" : `e < ${half}`;
  const step = isInterleaved ? 1 : half;
  const pair = `if ${isFirst} then -${at(`e + ${step}`)} else ${at(`e - ${step}`)}`;
  const rotated = `${at("e")} * ${cosine} + (${pair}) * ${sine}`;
  const y = notation(
    call,
    ["n", "h", "t", "e"],
    [samples, heads, steps, width],
    turned === width ? rotated : `if e < ${turned} then ${rotated} else ${at("e")}`,
  );
  return [isPacked ? outOfHeads(call, y) : y];
}

/**
 * A state for each sample and head, f32[Dk, Dv], to which each step adds what its key and value say, after it has
 * forgotten; `delta` rules add what the state does not say of the key yet.
 */
function linearAttention(call: NodeCall): Value[] {
  const [queries, keys, values] = [0, 1, 2].map((i) => call.input(i)) as [Value, Value, Value];
  const [past, decay, beta] = call.inputs.slice(3);
  const rule = call.string("update_rule", "gated_delta");
  const [heads, memories] = [call.int("q_num_heads"), call.int("kv_num_heads")];
  const [samples, steps] = queries.shape as [number, number];
  const cut = (x: Value, parts: number): Value => {
    const shape = [samples, steps, parts, x.shape[2]! / parts];
    return call.define(`reshape(${x.expression}, ${list(shape)})`, shape);
  };
  const [q, k, v] = [cut(queries, heads), cut(keys, memories), cut(values, memories)];
  const [inner, outer] = [k.shape[3]!, v.shape[3]!];
  const scale = call.float("scale", 0) || 1 / Math.sqrt(inner);
  const state = [samples, memories, inner, outer];
  const start = past?.expression ?? `full(${list(state)}, 0.0)`;
  const [name, kept, told, missing] = call.fresh(4) as [string, string, string, string];
  const bounds = (axes: readonly string[], extents: readonly number[]) =>
    `[${axes.map((axis, i) => `${axis} < ${extents[i]}`).join(", ")}]`;
  const forget = forgetting(rule, decay, memories, cut);
  const strength =
    rule.endsWith("delta") && beta !== undefined ? strengthOf(beta, memories, cut) : "";
  const key = `${k.expression}[n, t, g, d]`;
  const value = `${v.expression}[n, t, g, e]`;
  const body = [
    `${kept}${bounds(["n", "g", "d", "e"], state)} = ${forget}${name}[n, g, d, e]`,
    ...(rule.endsWith("delta")
      ? [
          `${told}${bounds(["n", "g", "e"], [samples, memories, outer])} = sum[d < ${inner}] ${kept}[n, g, d, e] * ${key}`,
          `${missing}${bounds(["n", "g", "e"], [samples, memories, outer])} = ${value} - ${told}[n, g, e]`,
          `${name}'${bounds(["n", "g", "d", "e"], state)} = ${kept}[n, g, d, e] + ${strength}${key} * ${missing}[n, g, e]`,
        ]
      : [
          `${name}'${bounds(["n", "g", "d", "e"], state)} = ${kept}[n, g, d, e] + ${key} * ${value}`,
        ]),
  ];
  call.state(
    `${name} = scan t in ${steps} from ${start} {\n${body.map((line) => `    ${line}`).join("\n")}\n  }`,
    [name],
  );
  const shared = heads === memories ? "h" : `h / ${heads / memories}`;
  const y = notation(
    call,
    ["n", "t", "h", "e"],
    [samples, steps, heads, outer],
    `${float(scale)} * sum[d < ${inner}] ${q.expression}[n, t, h, d] * ${name}.all[t, n, ${shared}, d, e]`,
  );
  const packed = [samples, steps, heads * outer];
  return [
    call.define(`reshape(${y.expression}, ${list(packed)})`, packed),
    call.define(name, state),
  ];
}

type Cut = (x: Value, parts: number) => Value;

/** exp(decay), of each feature or of a head, as a factor before what it multiplies. */
function forgetting(rule: string, decay: Value | undefined, heads: number, cut: Cut): string {
  if (!rule.startsWith("gated")) return "";
  if (decay === undefined) throw new NotExpressible(`the rule ${rule} without decay`);
  const { expression, shape } = cut(decay, heads);
  return `exp(${expression}[n, t, g, ${shape[3] === 1 ? "0" : "d"}]) * `;
}

/** How much of what is missing is added, of each head or of all. */
function strengthOf(beta: Value, heads: number, cut: Cut): string {
  const isShared = beta.shape[2] === 1;
  const { expression } = cut(beta, isShared ? 1 : heads);
  return `${expression}[n, t, ${isShared ? "0" : "g"}, 0] * `;
}

/** A memory of which each sample's rows from `write_indices` on are written anew; `circular`, they go on at its start. */
function tensorScatter(call: NodeCall): Value[] {
  const [past, update] = [call.input(0), call.input(1)];
  const starts = call.inputs[2];
  const rank = past.shape.length;
  const given = call.int("axis", -2);
  const axis = given < 0 ? given + rank : given;
  const axes = past.shape.map((_, i) => `i${i}`);
  const [slots, rows] = [past.shape[axis]!, update.shape[axis]!];
  const from = starts === undefined ? axes[axis]! : `${axes[axis]} - ${starts.expression}[i0]`;
  const isCircular = call.string("mode", "linear") === "circular";
  const row = isCircular ? `mod(${from} + ${slots}, ${slots})` : from;
  const read = element(update.expression, axes.with(axis, `(${row})`));
  const body = `if ${row} >= 0 and ${row} < ${rows} then ${read} else ${element(past.expression, axes)}`;
  return [notation(call, axes, past.shape, body, past.dtype)];
}

export const attentionRules: Rules = {
  Attention: attention,
  FlexAttention: flexAttention,
  "ai.onnx.preview:FlexAttention": flexAttention,
  LinearAttention: linearAttention,
  RotaryEmbedding: rotaryEmbedding,
  TensorScatter: tensorScatter,
  SwiGLU: (call) => {
    const [gate, x] = [call.input(0), call.input(1)];
    const alpha = call.float("alpha", 1);
    const swish =
      alpha === 1
        ? `silu(${gate.expression})`
        : `${gate.expression} * sigmoid(${float(alpha)} * ${gate.expression})`;
    return [call.define(`${swish} * ${x.expression}`, gate.shape)];
  },
};
