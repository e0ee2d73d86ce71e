/**
 * Connectionist temporal classification (Graves et al. 2006): the forward recursion over the labels with blanks between
 * them, in logarithms, unrolled over time. Logits are [time, batch, classes].
 */

import {
  numberIn,
  type RuleCase,
  type RuleResult,
  type RuleTable,
  shapeOf,
  single,
  textIn,
} from "../case-rules.ts";

/** A logarithm of nothing that stays finite. */
const never = "-1e30";

function ctc(c: RuleCase): RuleResult {
  const [steps, batch, classes] = shapeOf(c, "x") as [number, number, number];
  const labels = shapeOf(c, "target")[1]!;
  const states = 2 * labels + 1;
  const box = `n < ${batch}, s < ${states}`;
  const statements = [
    "logp = log_softmax(x, axis = -1)",
    `label[${box}] = if s % 2 == 1 then target[n, s / 2] else ${numberIn(c, "blank", 0)}`,
    // A label that repeats needs the blank between; any other may follow without it.
    `skips[${box}] = if s % 2 == 1 and s > 1 then (if label[n, s] != label[n, s - 2] then 0.0 else ${never}) else ${never}`,
    `emits[t < ${steps}, ${box}] = sum[k < ${classes}] (if label[n, s] == k then logp[t, n, k] else 0.0)`,
    `alpha_0[${box}] = if s < 2 then emits[0, n, s] else ${never}`,
  ];
  for (let t = 1; t < steps; t++) {
    const before = `alpha_${t - 1}`;
    statements.push(
      `one_${t}[${box}] = if s > 0 then ${before}[n, s - 1] else ${never}`,
      `two_${t}[${box}] = if s > 1 then ${before}[n, s - 2] + skips[n, s] else ${never}`,
      `came_${t} = logsumexp(stack([${before}, one_${t}, two_${t}], axis = 0), axis = 0)`,
      `alpha_${t}[${box}] = if in_len[n] > ${t} then came_${t}[n, s] + emits[${t}, n, s] else ${before}[n, s]`,
    );
  }
  // Paths end in the last label or in the blank after it.
  const isEnd = "s == 2 * tgt_len[n] or s == 2 * tgt_len[n] - 1";
  statements.push(
    `ends[${box}] = if ${isEnd} then alpha_${steps - 1}[n, s] else ${never}`,
    "losses = -logsumexp(ends, axis = 1)",
  );
  const kind = textIn(c, "reduction", "mean");
  if (kind === "none") return single("losses", statements);
  if (kind === "sum") return single("sum(losses)", statements);
  return single("mean(losses / maximum(f32(tgt_len), 1.0))", statements);
}

export const ctcRules: RuleTable = { ctc };
