/** Losses of class numbers; classes are axis 1 of the scores. */

import { axisNames, element } from "../case-rules.ts";
import { notation } from "./notation.ts";
import type { NodeCall, Rules, Value } from "./rule.ts";

interface Labelled {
  /** ln of the classes' probabilities. */
  readonly logs: Value;
  readonly labels: Value;
  readonly weights: Value | undefined;
  readonly ignored: number | undefined;
}

const labelledBy = (call: NodeCall, logs: Value): Labelled => ({
  logs,
  labels: call.input(1),
  weights: call.inputs[2],
  ignored: call.has("ignore_index") ? call.int("ignore_index") : undefined,
});

/** −weight[label] · ln p[label], 0 where the label is ignored; their sum, or its share of the sum of the weights. */
function classLoss(call: NodeCall, { logs, labels, weights, ignored }: Labelled): Value {
  const axes = axisNames(labels.shape.length);
  const [sample, ...rest] = axes as [string, ...string[]];
  const label = element(labels.expression, axes);
  const weight = weights === undefined ? "1.0" : element(weights.expression, [label]);
  const counted = notation(
    call,
    axes,
    labels.shape,
    ignored === undefined ? weight : `if ${label} == ${ignored} then 0.0 else ${weight}`,
  );
  const log = element(logs.expression, [sample, label, ...rest]);
  const losses = notation(
    call,
    axes,
    labels.shape,
    `-${log} * ${element(counted.expression, axes)}`,
  );
  switch (call.string("reduction", "mean")) {
    case "none":
      return losses;
    case "sum":
      return call.define(`sum(${losses.expression})`, []);
    default:
      return call.define(`sum(${losses.expression}) / sum(${counted.expression})`, []);
  }
}

/** By the library's loss, as far as it has one: Keras divides by the samples where ONNX does by their weights. */
function crossentropy(call: NodeCall): Value[] {
  const scores = call.input(0);
  const logs = call.define(`log_softmax(${scores.expression}, axis = 1)`, scores.shape);
  const labelled = labelledBy(call, logs);
  if (labelled.weights !== undefined) return [classLoss(call, labelled), logs];
  const kind = call.string("reduction", "mean");
  const settings = [
    "from_logits = true",
    "axis = 1",
    `reduction = "${kind === "mean" ? "sum_over_batch_size" : kind}"`,
    ...(labelled.ignored === undefined ? [] : [`ignore_class = ${labelled.ignored}`]),
  ];
  const loss = `SparseCategoricalCrossentropy(${settings.join(", ")})(${labelled.labels.expression}, ${scores.expression})`;
  return [call.define(loss, kind === "none" ? labelled.labels.shape : []), logs];
}

export const lossRules: Rules = {
  SoftmaxCrossEntropyLoss: crossentropy,
  NegativeLogLikelihoodLoss: (call) => [classLoss(call, labelledBy(call, call.input(0)))],
};
