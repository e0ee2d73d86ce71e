/** Connectionist temporal classification by the library; logits are [time, batch, classes]. */

import {
  numberIn,
  type RuleCase,
  type RuleResult,
  type RuleTable,
  single,
  textIn,
} from "../case-rules.ts";

function ctc(c: RuleCase): RuleResult {
  const blank = numberIn(c, "blank", 0);
  const values = `ctc_values(target, transpose(x, [1, 0, 2]), tgt_len, in_len, ${blank})`;
  const kind = textIn(c, "reduction", "mean");
  if (kind === "none") return single(values);
  if (kind === "sum") return single(`sum(${values})`);
  return single(`mean(${values} / maximum(f32(tgt_len), 1.0))`);
}

export const ctcRules: RuleTable = { ctc };
