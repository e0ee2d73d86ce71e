/** From a train declaration to its graphs: one for each update, one that evaluates, one that reads out. */

import type { ColumnPlan } from "../../runtime/plan.ts";
import type { Graph } from "../graph/node.ts";
import { pruneLoops } from "../graph/prune-loops.ts";
import type { Identifier, TrainDeclaration } from "../syntax/ast.ts";
import type { LoweredData } from "./data.ts";
import { scheduleLowering } from "./epoch-schedule.ts";
import { returnsOutputs } from "./instances.ts";
import { checkLossNames } from "./loss-names.ts";
import {
  distinctAssignments,
  type LoweredLoss,
  lowerLoss,
  lowerMetrics,
  type Readout,
  sumOfReadouts,
  type Totals,
} from "./losses.ts";
import { assignedStates, type ModelRun, type ProgramModel, runModel } from "./model-run.ts";
import type { Precision } from "./precision.ts";
import type { LoweredTraining, LoweredUpdate } from "./program.ts";
import { type Environment, newPass } from "./session.ts";
import { type TrainEntries, type TrainOverrides, trainingPlan } from "./train.ts";
import {
  lossEnvironment,
  type TrainingColumns,
  trainingColumns,
  usedColumns,
} from "./training-columns.ts";
import { partNamed, trainingGraph, type Update } from "./training-graphs.ts";
import { updatesOf } from "./update-blocks.ts";

export interface TrainingParts {
  readonly train: TrainDeclaration;
  readonly model: ProgramModel;
  readonly entries: TrainEntries;
  readonly data: LoweredData;
  /** The model as it trains, in the pass of the first update. */
  readonly trained: ModelRun;
  readonly evaluated: ModelRun;
  readonly precision: Precision;
}

export function lowerTraining(
  parts: TrainingParts,
  top: Environment,
  options: TrainOverrides,
): { training: LoweredTraining; columns: readonly ColumnPlan[] } | null {
  const { train, entries, data, trained, evaluated } = parts;
  // Losses and metrics name outputs, which will have names once they are none of a function.
  if (returnsOutputs(trained.declaration)) return null;
  const { batchMax, context } = top.session;
  const updates = updatesOf(train, entries, top);
  const columns = trainingColumns(entries, data, trained, top);
  const lossEntries = updates.map(({ loss }) => loss);
  checkLossNames(entries, lossEntries, trained, data, lossEnvironment(trained, data, columns, top));
  if (updates.length === 0) return null;
  const steps = updates.map((update, i) =>
    lowerUpdate(update, i === updates.length - 1, { ...parts, updates, columns }, top, options),
  );
  const env = lossEnvironment(evaluated, data, columns, top);
  const evaluation = epochOf(updates, entries, env, columns);
  const schedules: Graph[] = [];
  const facts = {
    batchSize: batchMax,
    hasValidationBlock: data.blocks.has("validation"),
    metrics: evaluation.readout.map(({ name }) => name),
    classWeightColumn: columns.classes,
    sampleWeight: columns.sampleWeight,
    schedule: scheduleLowering(env, schedules),
    part: (name: Identifier) => partNamed(name, parts.model.instance.path ?? "", top),
  };
  const plan = trainingPlan(entries, options, facts, top);
  const lowered = steps.filter((step) => step !== undefined);
  const [first] = lowered;
  if (first === undefined || lowered.length < updates.length) return null;
  if (evaluation.losses.some(({ loss }) => loss === undefined)) return null;
  const isSingle = updates.length === 1 && updates[0]!.part === null;
  const training: LoweredTraining = {
    plan: isSingle
      ? plan
      : { ...plan, updates: lowered.map(({ graph, steps }) => ({ graph: graph.name, steps })) },
    hypers: Object.assign({}, ...lowered.map(({ hypers }) => hypers)),
    train: first.graph,
    updates: lowered,
    schedules,
    evaluate: pruneLoops(context, {
      name: "evaluate",
      batchMax,
      results: evaluation.losses.map(({ loss }, i) => ({
        name: lossName(updates[i]!),
        value: loss!,
      })),
      assignments: [...assignedStates(evaluated), ...distinctAssignments(evaluation.assignments)],
    }),
    readout: { name: "readout", batchMax, results: evaluation.readout, assignments: [] },
  };
  const graphs = [...lowered.map(({ graph }) => graph), training.evaluate];
  return { training, columns: usedColumns(graphs, data, columns, trained, top) };
}

/** What a loss is shown as. */
function lossName({ part }: Update): string {
  return part === null ? "loss" : `${part.name}_loss`;
}

interface Epoch extends Totals {
  readonly losses: readonly LoweredLoss[];
}

/** All losses and metrics in one pass; what several losses add up to is read out first. */
function epochOf(
  updates: readonly Update[],
  entries: TrainEntries,
  env: Environment,
  { weight }: TrainingColumns,
): Epoch {
  const losses = updates.map((update) => lowerLoss(update.loss, lossName(update), env, weight));
  const readouts = losses.flatMap(({ readout }) => readout);
  const names = new Set(["loss", ...updates.map(lossName)]);
  const metrics = lowerMetrics(entries.get("metrics")?.values ?? [], names, env, weight);
  const isSummed = readouts.length > 0 && readouts[0]!.name !== "loss";
  const total: Readout[] = isSummed ? [{ name: "loss", value: sumOfReadouts(env, readouts) }] : [];
  return {
    losses,
    assignments: [...losses.flatMap(({ assignments }) => assignments), ...metrics.assignments],
    readout: [...total, ...readouts, ...metrics.readout],
  };
}

/** A forward pass of its own for each update. The last one measures, as it sees what the others did. */
function lowerUpdate(
  update: Update,
  isLast: boolean,
  parts: TrainingParts & {
    readonly updates: readonly Update[];
    readonly columns: TrainingColumns;
  },
  top: Environment,
  options: TrainOverrides,
): (LoweredUpdate & { readonly hypers: Readonly<Record<string, number>> }) | undefined {
  const { updates, entries, data, columns, model, precision } = parts;
  const isFirst = update === updates[0];
  const run = isFirst
    ? parts.trained
    : runModel(model, newPass(true, null, update.part!.name), top);
  const name = update.part === null ? "train" : `train_${update.part.name}`;
  const { weight } = columns;
  const env = lossEnvironment(run, data, columns, top);
  const loss = lowerLoss(update.loss, lossName(update), env, weight);
  const names = new Set(["loss", ...updates.map(lossName)]);
  const measured = isLast ? (entries.get("metrics")?.values ?? []) : [];
  const metrics = lowerMetrics(measured, names, env, weight);
  const step = trainingGraph(
    {
      name,
      model: model.instance.path ?? "",
      update,
      env,
      loss,
      totals: [...loss.assignments, ...metrics.assignments],
      outputs: run.outputs,
      precision,
      isOneOfSeveral: update.part !== null,
    },
    options,
  );
  if (step === undefined) return undefined;
  const graph: Graph = pruneLoops(top.session.context, step.graph);
  return { graph, steps: update.steps, hypers: step.hypers };
}
