/**
 * Train declarations: losses, metrics and the optimizer become graphs, the other entries a plan. The model's
 * inputs and the data's columns meet by name.
 */

import type { CallbackSpec, TrainingPlan } from "../../runtime/plan.ts";
import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { nearest } from "../diagnostics/nearest.ts";
import type { Argument, Identifier, TrainDeclaration, TrainEntry } from "../syntax/ast.ts";
import { evaluate } from "./evaluate.ts";
import { callbacks, namedCall, type ScheduleLowering } from "./named-arguments.ts";
import { type Precision, precisions } from "./precision.ts";
import { type Environment, report } from "./session.ts";
import { describe, type Value } from "./values.ts";

/** Values given outside the file, which go before those of the train block. */
export interface TrainOverrides {
  readonly batchSize?: number;
  readonly epochs?: number;
  readonly learningRate?: number;
  readonly seed?: number;
  readonly precision?: Precision;
}

const keys = [
  "loss",
  "optimizer",
  "metrics",
  "epochs",
  "batch_size",
  "validation",
  "seed",
  "shuffle",
  "callbacks",
  "class_weight",
  "sample_weight",
  "precision",
  "initial_epoch",
  "steps_per_epoch",
  "validation_steps",
  "validation_freq",
  "weights",
] as const;

export type TrainKey = (typeof keys)[number];

export type TrainEntries = ReadonlyMap<TrainKey, TrainEntry>;

/** Keras' names for what is written otherwise here. */
const keysElsewhere: Readonly<Record<string, TrainKey>> = {
  validation_split: "validation",
  validation_data: "validation",
  weighted_metrics: "metrics",
};

/** What several values may be given for. */
const lists: ReadonlySet<string> = new Set([
  "metrics",
  "callbacks",
  "class_weight",
  "optimizer",
  "weights",
]);

/** The entries by key; reports unknown and repeated ones. */
export function trainEntries(declaration: TrainDeclaration, env: Environment): TrainEntries {
  const entries = new Map<TrainKey, TrainEntry>();
  for (const entry of declaration.entries) {
    const { name, span } = entry.key;
    const key = keys.find((candidate) => candidate === name);
    if (key === undefined) {
      const known = keys.join(", ");
      const best = keysElsewhere[name] ?? nearest(name, keys);
      report(env, diagnostics.unknownTrainKey(span, { name, nearest: best, known }));
      continue;
    }
    const before = entries.get(key);
    if (before !== undefined) {
      const labels = [{ span: before.key.span, text: "first given here" }];
      report(env, diagnostics.duplicateTrainKey(span, { name }, { labels }));
      continue;
    }
    const isList = lists.has(key);
    if (entry.values.length > 1 && !isList) {
      report(env, diagnostics.singleTrainValue(entry.values[1]!.span, { name }));
    }
    entries.set(key, entry);
  }
  for (const key of ["loss", "optimizer"] as const) {
    if (declaration.updates.length === 0 && !entries.has(key)) {
      report(env, diagnostics.missingTrainKey(declaration.header, { name: key }));
    }
  }
  return entries;
}

/** The batch size alone: it bounds every graph, so it is known before any is lowered. */
export function batchSizeOf(
  entries: TrainEntries,
  overrides: TrainOverrides,
  env: Environment,
): number {
  return overrides.batchSize ?? count(entries, "batch_size", 32, 1, env);
}

/** What other names of precisions mean: those of Keras and NumPy. */
const precisionsElsewhere: Readonly<Record<string, Precision>> = {
  float32: "f32",
  tensorfloat32: "tf32",
  tensorfloat_32: "tf32",
  bfloat16: "bf16",
  mixed_bfloat16: "bf16",
  float16: "f16",
  half: "f16",
  mixed_float16: "f16",
};

/** What operands of products may be rounded to: one of the names, which are no values elsewhere. */
export function precisionOf(
  entries: TrainEntries,
  overrides: TrainOverrides,
  env: Environment,
): Precision {
  const expression = entries.get("precision")?.values[0]?.value;
  const usual = overrides.precision ?? "f32";
  if (expression === undefined) return usual;
  const { span } = expression;
  const known = precisions.join(", ");
  if (expression.kind !== "identifier") {
    wrongValue("precision", `one of ${known}`, evaluate(expression, env), span, env);
    return usual;
  }
  const { name } = expression;
  const given = precisions.find((precision) => precision === name);
  if (given !== undefined) return overrides.precision ?? given;
  const best = precisionsElsewhere[name.toLowerCase()] ?? nearest(name, precisions);
  report(env, diagnostics.unknownPrecision(span, { name, nearest: best, known }));
  return usual;
}

/** Metrics' names in order, for what callbacks may monitor. */
export function trainingPlan(
  entries: TrainEntries,
  overrides: TrainOverrides,
  facts: {
    readonly batchSize: number;
    readonly hasValidationBlock: boolean;
    readonly metrics: readonly string[];
    readonly classWeightColumn: string | null;
    readonly sampleWeight: string | null;
    /** The graph of a callback's schedule, by a name for it. */
    readonly schedule: ScheduleLowering;
    /** The path of a part of the model. */
    readonly part: (name: Identifier) => string | undefined;
  },
  env: Environment,
): TrainingPlan {
  const validation = validationOf(entries, facts.hasValidationBlock, env);
  return {
    epochs: overrides.epochs ?? count(entries, "epochs", 1, 1, env),
    batchSize: facts.batchSize,
    seed: overrides.seed ?? count(entries, "seed", 0, 0, env),
    shuffle: shuffleOf(entries, env),
    validation,
    callbacks: callbacksOf(entries, facts, validation !== null, env),
    classWeight: classWeightOf(entries, facts.classWeightColumn, env),
    sampleWeight: facts.sampleWeight,
    ...extentOf(entries, env),
    ...weightsOf(entries, facts.part, env),
  };
}

/** How long a run and its epochs are, where that is not as usual. */
function extentOf(entries: TrainEntries, env: Environment): Partial<TrainingPlan> {
  const given = (key: TrainKey, least: number) =>
    entries.has(key) ? count(entries, key, least, least, env) : undefined;
  const found = {
    initialEpoch: given("initial_epoch", 0),
    stepsPerEpoch: given("steps_per_epoch", 1),
    validationSteps: given("validation_steps", 1),
    validationFreq: validationFreqOf(entries, env),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

function validationFreqOf(
  entries: TrainEntries,
  env: Environment,
): number | readonly number[] | undefined {
  const given = single(entries, "validation_freq", env);
  if (given === undefined) return undefined;
  const { value, span } = given;
  const items = value.kind === "list" ? value.items : [value];
  const numbers = items.flatMap((item) =>
    item.kind === "int" && item.value >= 1 ? [item.value] : [],
  );
  if (numbers.length === items.length && items.length > 0) {
    return value.kind === "list" ? numbers : numbers[0];
  }
  const expected = "a number of epochs, or a list of epochs from 1";
  wrongValue("validation_freq", expected, value, span, env);
  return undefined;
}

/** `weights "digits.safetensors", trunk = "Digits/encoder"`: a file, and what parts are called in it. */
function weightsOf(
  entries: TrainEntries,
  part: (name: Identifier) => string | undefined,
  env: Environment,
): Pick<TrainingPlan, "weights"> {
  const parts: Record<string, string> = {};
  let path: string | undefined;
  for (const { name, value: expression } of entries.get("weights")?.values ?? []) {
    const value = evaluate(expression, env);
    if (value.kind !== "string" || (name === null && path !== undefined)) {
      const expected = "a file, then the names that parts of the model have in it";
      wrongValue("weights", expected, value, expression.span, env);
      return {};
    }
    if (name === null) path = value.value;
    else {
      const of = part(name);
      if (of !== undefined) parts[of] = value.value;
    }
  }
  return path === undefined ? {} : { weights: { path, parts } };
}

function single(
  entries: TrainEntries,
  key: TrainKey,
  env: Environment,
): { value: Value; span: Span } | undefined {
  const argument = entries.get(key)?.values[0];
  if (argument === undefined) return undefined;
  return { value: evaluate(argument.value, env), span: argument.value.span };
}

function wrongValue(
  key: TrainKey,
  expected: string,
  value: Value,
  span: Span,
  env: Environment,
): void {
  if (value.kind === "error") return;
  const found = describe(value);
  report(env, diagnostics.wrongType(span, { what: `\`${key}\``, expected, found }));
}

function count(
  entries: TrainEntries,
  key: TrainKey,
  usual: number,
  least: number,
  env: Environment,
): number {
  const given = single(entries, key, env);
  if (given === undefined) return usual;
  const { value, span } = given;
  if (value.kind === "int" && value.value >= least && value.value < 2 ** 31) return value.value;
  wrongValue(key, `an int of at least ${least}`, value, span, env);
  return usual;
}

function shuffleOf(entries: TrainEntries, env: Environment): boolean {
  const given = single(entries, "shuffle", env);
  if (given === undefined) return true;
  if (given.value.kind === "bool") return given.value.value;
  wrongValue("shuffle", "true or false", given.value, given.span, env);
  return true;
}

function validationOf(
  entries: TrainEntries,
  hasBlock: boolean,
  env: Environment,
): TrainingPlan["validation"] {
  const given = single(entries, "validation", env);
  if (given === undefined) return hasBlock ? "block" : null;
  const { value, span } = given;
  if (value.kind === "none") return null;
  if ((value.kind === "float" || value.kind === "int") && value.value === 0) return null;
  if (value.kind === "float" && value.value > 0 && value.value < 1)
    return { fraction: value.value };
  wrongValue("validation", "a share of the training rows, between 0 and 1", value, span, env);
  return null;
}

function callbacksOf(
  entries: TrainEntries,
  {
    metrics,
    schedule,
  }: { readonly metrics: readonly string[]; readonly schedule: ScheduleLowering },
  hasValidation: boolean,
  env: Environment,
): CallbackSpec[] {
  const monitored = hasValidation ? [...metrics, ...metrics.map((name) => `val_${name}`)] : metrics;
  return (entries.get("callbacks")?.values ?? []).flatMap(({ value }) => {
    const call = namedCall(value, callbacks, "callback", env, schedule);
    if (call === undefined) return [];
    checkMonitor(call, value.span, monitored, hasValidation, env);
    return [call];
  });
}

function checkMonitor(
  call: CallbackSpec,
  span: Span,
  monitored: readonly string[],
  hasValidation: boolean,
  env: Environment,
): void {
  const takesMonitor = callbacks[call.name]!.some(({ name }) => name === "monitor");
  // A checkpoint of every epoch compares nothing.
  if (!takesMonitor || (call.name === "ModelCheckpoint" && call.arguments.save_best_only !== true))
    return;
  const monitor = String(call.arguments.monitor ?? "val_loss");
  // Where nothing is reported, not even a loss, what is wrong with the model or the losses was said.
  if (monitored.length === 0 || monitored.includes(monitor)) return;
  report(
    env,
    diagnostics.unknownMonitor(span, {
      monitor,
      callback: call.name,
      nearest: nearest(monitor, monitored),
      validation:
        !hasValidation && monitor.startsWith("val_")
          ? "give `validation 0.1`, or the data a validation block"
          : undefined,
      known: monitored.join(", "),
    }),
  );
}

/** `class_weight label = [1.0, 5.0]`: a weight for each class in order. */
function classWeightOf(
  entries: TrainEntries,
  column: string | null,
  env: Environment,
): TrainingPlan["classWeight"] {
  const argument = entries.get("class_weight")?.values[0];
  if (argument === undefined || column === null) return null;
  const value = evaluate(argument.value, env);
  const weights: Record<string, number> = {};
  const items = value.kind === "list" ? value.items : [];
  items.forEach((item, i) => {
    if (item.kind === "int" || item.kind === "float") weights[String(i)] = item.value;
  });
  if (items.length === 0 || Object.keys(weights).length !== items.length) {
    wrongValue("class_weight", "a list of numbers, one a class", value, argument.value.span, env);
    return null;
  }
  return { column, weights };
}

/** What is shown for a metric: its name in the train block, else that of the function called. */
export function metricName({ name, value }: Argument): string {
  if (name !== null) return name.name;
  let callee = value;
  while (callee.kind === "call") callee = callee.callee;
  if (callee.kind === "string") return callee.value;
  return callee.kind === "identifier" ? callee.name : "metric";
}
