/** Keras' metrics, by the library's declarations of the same names, evaluated over the rows and read out. */

import type { CaseProgram } from "../case-program.ts";
import { type RuleCase, shapeOf } from "../case-rules.ts";
import { asRow, columnsOf, kerasLossProgram, namedArguments } from "./losses.ts";

/** A program without outputs that trains nothing of use, with the metric. */
export function kerasMetricProgram(given: RuleCase): CaseProgram {
  // Functions give values, as losses without a reduction do.
  if (/^[a-z]/.test(given.op)) return kerasLossProgram(given);
  const isRow = typeof given.config.top_k === "number" && shapeOf(given, "y_pred").length === 1;
  const c = isRow ? asRow(given) : given;
  const weight = "sample_weight";
  const names = [...c.inputs.keys()].filter((name) => name !== weight);
  if (c.inputs.has(weight)) names.push(weight);
  const { batches, arguments: list } = columnsOf(c, names);
  const expression = `${c.op}(${namedArguments(c.config)})(${list.join(", ")})`;
  return {
    params: new Map(),
    inputs: new Map(),
    batches,
    statements: [],
    outputs: [],
    metrics: [...c.outputs.keys()].map((name) => ({ name, expression })),
  };
}
