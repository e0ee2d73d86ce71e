/** Keras' metrics, by the library's declarations of the same names, evaluated over the rows and read out. */

import type { CaseProgram } from "../case-program.ts";
import { type RuleCase, shapeOf } from "../case-rules.ts";
import { asRow, columnsOf, namedArguments } from "./losses.ts";

/** A program without outputs that trains nothing of use, with the metric. */
export function kerasMetricProgram(given: RuleCase): CaseProgram {
  const isRow = typeof given.config.top_k === "number" && shapeOf(given, "y_pred").length === 1;
  const c = isRow ? asRow(given) : given;
  const names = ["y_true", "y_pred", "values", "sample_weight"].filter((name) =>
    c.inputs.has(name),
  );
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
