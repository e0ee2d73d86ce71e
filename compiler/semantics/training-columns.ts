/**
 * Where a model meets data: columns feed the inputs of their names, and stand beside the outputs in losses,
 * metrics and weights.
 */

import type { ColumnPlan } from "../../runtime/plan.ts";
import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { graphNodes } from "../graph/context.ts";
import { batchExtent } from "../graph/extent.ts";
import type { Graph, Value as GraphValue } from "../graph/node.ts";
import { checkInput, columnLeaf, columnPlan, type LoweredData } from "./data.ts";
import { outputNames } from "./instances.ts";
import { unitWeights } from "./metrics.ts";
import type { ModelRun } from "./model-run.ts";
import { Scope } from "./scope.ts";
import { type Environment, newOwner, report } from "./session.ts";
import type { TrainEntries } from "./train.ts";
import { describe, errorValue, tensorValue, type Value } from "./values.ts";

/** The column that is made where there are class weights, but no weights in the data. */
const ownWeights = "sample_weight";

export interface TrainingColumns {
  /** Leaves of the columns that are no inputs of the model. */
  readonly leaves: ReadonlyMap<string, GraphValue>;
  /** f32[N]; null where no sample or class weights are asked for. */
  readonly weight: GraphValue | null;
  /** The column of classes, where classes have weights. */
  readonly classes: string | null;
  readonly sampleWeight: string | null;
}

export function trainingColumns(
  entries: TrainEntries,
  data: LoweredData,
  { inputs, outputs }: ModelRun,
  top: Environment,
): TrainingColumns {
  const { declaration, columns } = data;
  for (const [name, { leaf, span }] of inputs) {
    const column = columns.get(name);
    if (column !== undefined) {
      checkInput(column, leaf, span, top);
      continue;
    }
    const labels = [{ span: declaration.header, text: "no such column here" }];
    const values = { name, data: declaration.name.name };
    report(top, diagnostics.inputWithoutColumn(span, values, { labels }));
  }
  const leaves = new Map<string, GraphValue>();
  for (const [name, column] of columns) {
    if (inputs.has(name)) continue;
    const output = outputs.get(name);
    if (output !== undefined) {
      const labels = [{ span: output.span, text: "the output" }];
      report(top, diagnostics.columnNamedAsOutput(column.span, { name }, { labels }));
      continue;
    }
    const leaf = columnLeaf(column, top);
    if (leaf !== undefined) leaves.set(name, leaf);
  }
  const classes = namedColumn(entries, "class_weight", leaves, top);
  const sampleWeight = namedColumn(entries, "sample_weight", leaves, top);
  let weight: GraphValue | null = null;
  if (sampleWeight !== null) {
    weight = leaves.get(sampleWeight)!;
    if (weight.dtype !== "f32" || weight.shape.length !== 1) {
      const found = describe(tensorValue(weight));
      const what = "the column of sample weights";
      const { span } = columns.get(sampleWeight)!;
      report(top, diagnostics.wrongType(span, { what, expected: "one f32 a row", found }));
    }
  } else if (classes !== null) {
    weight = top.session.context.leaf("input", ownWeights, "f32", [batchExtent]);
    leaves.set(ownWeights, weight);
  }
  return { leaves, weight, classes, sampleWeight };
}

/** The column that a weight entry names: `class_weight label = […]`, `sample_weight w`. */
function namedColumn(
  entries: TrainEntries,
  key: "class_weight" | "sample_weight",
  leaves: ReadonlyMap<string, GraphValue>,
  top: Environment,
): string | null {
  const argument = entries.get(key)?.values[0];
  if (argument === undefined) return null;
  const given = key === "class_weight" ? argument.name : argument.value;
  if (given?.kind === "identifier" && leaves.has(given.name)) return given.name;
  const known = [...leaves.keys()].join(", ");
  const span = given?.span ?? argument.span;
  const [classes] = key === "class_weight" && argument.name === null ? leaves.keys() : [];
  report(top, diagnostics.weightColumn(span, { key, known: known || undefined, classes }));
  return null;
}

/** Where losses and metrics are evaluated: inputs, outputs and columns by name. */
export function lossEnvironment(
  run: ModelRun,
  data: LoweredData,
  { leaves, weight }: TrainingColumns,
  top: Environment,
): Environment {
  const scope = new Scope();
  const bind = (name: string, value: Value, span: Span) => scope.set(name, { value, span });
  for (const [name, { leaf, span }] of run.inputs) bind(name, tensorValue(leaf), span);
  for (const [name, { value, span }] of run.outputs) bind(name, value, span);
  for (const [name, { span }] of data.columns) {
    const leaf = leaves.get(name);
    if (leaf !== undefined) {
      const source = { span, text: `from the column \`${name}\`` };
      const sources = leaf.shape.map(() => source);
      bind(name, tensorValue(leaf, sources), span);
    } else if (scope.get(name) === undefined) {
      bind(name, errorValue, span);
    }
  }
  // Outputs that an error kept from being computed.
  for (const name of outputNames(run.declaration)) {
    if (scope.get(name) === undefined) bind(name, errorValue, run.declaration.header);
  }
  const maskedMeans = new Map();
  const env: Environment = { ...top, pass: run.env.pass, scope, owner: newOwner(""), maskedMeans };
  if (weight === null) return { ...env, metricWeight: unitWeights(env) };
  return { ...env, metricWeight: tensorValue(weight), batchWeight: tensorValue(weight) };
}

/** The columns that the graphs read, after the model's inputs; warns of those that nothing uses. */
export function usedColumns(
  graphs: readonly Graph[],
  data: LoweredData,
  { leaves, classes, sampleWeight }: TrainingColumns,
  { inputs, outputs }: ModelRun,
  top: Environment,
): ColumnPlan[] {
  const used = new Set([classes, sampleWeight]);
  for (const node of graphs.flatMap(graphNodes)) {
    if (node.kind === "leaf" && node.role === "input") used.add(node.path);
  }
  for (const [name, { span }] of data.columns) {
    if (!used.has(name) && !inputs.has(name) && !outputs.has(name)) {
      report(top, diagnostics.unusedColumn(span, { name }));
    }
  }
  return [...leaves].flatMap(([name, leaf]) => {
    if (!used.has(name)) return [];
    const span = data.columns.get(name)?.span ?? data.declaration.header;
    const plan = columnPlan(leaf, name, span, top);
    return plan === undefined ? [] : [plan];
  });
}
