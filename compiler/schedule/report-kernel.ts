/** A kernel as `explain` shows it: what it computes, what fusing it saved, what it is predicted to cost. */

import type { GraphContext } from "../graph/context.ts";
import type { Origin, Value } from "../graph/node.ts";
import type { Kernel } from "../kernel/ir.ts";
import type { Launch } from "../kernel/module.ts";
import type { Group } from "../optimize/group.ts";
import type { PlanChoice, TargetDescription } from "../optimize/target-description.ts";
import { type ChosenPlan, planOfGroup } from "./contraction-choice.ts";
import { correlationOfGroup, nameOfAlgorithm } from "./correlation-plan.ts";
import { groupBytes, groupFlops, predictedTime } from "./cost.ts";
import { describeGroup } from "./describe-group.ts";

/** One kernel as `nnc explain` shows it. */
export interface KernelReport {
  /** `train`, `evaluate`, `predict` or the name of a statistic. */
  readonly graph: string;
  /** The function in C, the module's kernel in WGSL. */
  readonly name: string;
  /** What the schedule made of it: `contraction`, `rows`, `update`, `map`, … */
  readonly kind: string;
  /** How its products are computed where not as they stand: `Winograd F(2×2, 3×3)`. */
  readonly algorithm: string | null;
  /** What it computes, in order, in the model's words: `dense_1: matmul, bias, relu`. */
  readonly computes: readonly string[];
  /** How many nodes of the graph it fuses. */
  readonly stages: number;
  /** Values that never are in memory for that, and bytes that are not moved. */
  readonly savedValues: number;
  readonly savedBytes: number;
  /** Neighbours that it is not fused with, by their names, and why. */
  readonly apart: readonly { readonly kernel: string; readonly why: string }[];
  /** Independent kernels that run in the same launch. */
  readonly launchedWith: readonly string[];
  /** How often a step runs it: more than once in a loop. */
  readonly times: number;
  /** Whether these are one launch, with all else that the loop does, and not one each. */
  readonly loopIsOneLaunch: boolean;
  /** Places in the source, `digits.nn:5:30`. */
  readonly origins: readonly string[];
  /** Of one launch with a full batch. */
  readonly flops: number;
  readonly bytes: number;
  readonly predictedSeconds: number;
  /** What those seconds are spent waiting for. */
  readonly boundBy: "memory" | "arithmetic";
  /** How the CPU cuts its contraction; null where there is none. */
  readonly plan: PlanReport | null;
}

export interface PlanReport {
  /** What measured plans are kept by: contractions of one shape have one plan. */
  readonly shape: string;
  readonly choice: PlanChoice;
  /** Whether it was measured to be the fastest, not predicted. */
  readonly isTuned: boolean;
}

/** What a report says beyond its own group. */
export interface ReportContext {
  readonly nameOfGroup: (index: number) => string;
  readonly launchedWith: readonly string[];
  readonly times: number;
  readonly stored: ReadonlyMap<Value, Value>;
  readonly batchMax: number;
  /** Rows of the batch that the kernel is made for: those of a task, where tasks take rows through several kernels. */
  readonly rows: number;
  /** Seconds that it waits for what a loop goes through step by step, for those rows. */
  readonly waits: number;
  /** Seconds of moving its memory, for those rows; null where it is not known how near that is. */
  readonly moving: number | null;
  readonly target: TargetDescription;
}

export function reportKernel(
  context: GraphContext,
  graph: string,
  { name, comment: { sources } }: Kernel,
  group: Group,
  {
    nameOfGroup,
    launchedWith,
    times,
    stored,
    batchMax,
    rows,
    waits,
    moving,
    target,
  }: ReportContext,
): KernelReport {
  // A task's operands are near where the batch's are not, and what all tasks read is read by each.
  const { seconds, boundBy } = predictedTime(group, rows, target, moving);
  const correlation = correlationOfGroup(group, rows, target);
  const chosen = correlation === null ? planOfGroup(group, rows, target) : undefined;
  return {
    graph,
    name,
    kind: group.kind,
    algorithm: correlation && nameOfAlgorithm(correlation),
    computes: describeGroup(context, group, stored),
    stages: group.stages.length,
    savedValues: group.saved.values,
    savedBytes: group.saved.bytes,
    apart: group.apart.map(({ group: other, why }) => ({ kernel: nameOfGroup(other), why })),
    launchedWith,
    times,
    loopIsOneLaunch: false,
    origins: sources,
    flops: groupFlops(group, batchMax),
    bytes: groupBytes(group, batchMax),
    predictedSeconds: ((seconds + waits) * batchMax) / rows,
    boundBy: waits > seconds ? "memory" : boundBy,
    plan: chosen === undefined ? null : reportPlan(chosen),
  };
}

function reportPlan({ shape, choice, isTuned }: ChosenPlan): PlanReport {
  return { shape, choice, isTuned };
}

/** The places in the source that a group comes from, each once. */
export function originsOf(
  context: GraphContext,
  group: Group,
  locate: (span: Origin["span"]) => string,
): string[] {
  const nodes = [...(group.scatter === null ? [] : [group.scatter.node]), ...group.stages];
  const spans = nodes.flatMap((node) => context.origins(node).map(({ span }) => span));
  return [...new Set(spans.map(locate))];
}

/** The kernels that run in one launch with another, by name. */
export function companyOf(launches: readonly Launch[], index: number): string[] {
  let first = index;
  while (launches[first]!.withPrevious) first--;
  let end = index + 1;
  while (launches[end]?.withPrevious) end++;
  return launches
    .slice(first, end)
    .filter((_, i) => first + i !== index)
    .map(({ kernel }) => kernel.name);
}
