/**
 * Runs a tiny, fixed training step on the device and compares it with what the reference interpreter computed at
 * build time: a device may compute wrongly without saying so (tensorflow/tfjs#8590: gradients silently zero).
 */

import { type Column, createArray, elementCount, type TensorData } from "../data/column.ts";
import type { Device } from "../devices/device.ts";
import type { ColumnPlan, SelfTestCheck, SelfTestPlan } from "../plan.ts";
import type { Dataset } from "./dataset.ts";
import { allRows, createDataset } from "./dataset.ts";
import { TrainingError } from "./error.ts";
import type { ModelRunner } from "./model-runner.ts";
import { formatCount } from "./report/quantities.ts";
import type { Reporter } from "./report/reporter.ts";
import { computeStatistics } from "./statistics.ts";
import { hash32, threefry2x32 } from "./threefry.ts";
import { trainingGraphs } from "./updates.ts";

export interface SelfTestDeviation {
  readonly check: SelfTestCheck;
  /** Into the check's lists. */
  readonly index: number;
  readonly found: number;
}

export interface SelfTestResult {
  /** Values compared. */
  readonly compared: number;
  /** The worst of each check that failed. */
  readonly deviations: readonly SelfTestDeviation[];
}

/**
 * Leaves the model changed: it starts from its initial weights for the test's seed and makes one update.
 * @throws TrainingError if the trainer carries no figures.
 */
export async function runSelfTest(runner: ModelRunner): Promise<SelfTestResult> {
  const { plan } = runner;
  const { selfTest } = plan;
  if (selfTest === null) {
    throw new TrainingError("this trainer was built without figures for a self-test");
  }
  const dataset = selfTestDataset(plan.columns, selfTest);
  const { rows } = allRows(dataset);
  const context = { seed: selfTest.seed, hypers: plan.hypers, t: 1, batch: 0 };
  const updates = plan.training === null ? [] : trainingGraphs(plan);
  await runner.initialize(selfTest.seed);
  await computeStatistics(runner, { dataset, rows }, context);
  const values = new Map<SelfTestCheck, TensorData>();
  const graphs = ["predict", ...updates.filter((graph) => plan.graphs[graph] !== undefined)];
  await runner.bind(dataset, graphs);
  for (const graph of graphs) {
    await runner.run(graph, rows, rows.length, context);
    for (const check of selfTest.checks) {
      const isLast = graph === graphs.at(-1);
      const value = await valueAfter(runner, check, graph, isLast);
      if (value !== undefined) values.set(check, value);
    }
  }
  const deviations = [...values].flatMap(([check, data]) => worstDeviation(check, data));
  const compared = [...values.keys()].reduce((total, { positions }) => total + positions.length, 0);
  return { compared, deviations };
}

/**
 * Refuses a device that computes wrongly, or only warns of it where training is forced.
 * @throws TrainingError that lists what differed.
 */
export function requireSelfTest(
  { description }: Device,
  { compared, deviations }: SelfTestResult,
  forced: Reporter | null,
): void {
  if (deviations.length === 0) return;
  const lines = deviations.map((deviation) => `  ${formatDeviation(deviation)}`);
  const message =
    `${description} computes otherwise than the compiler's interpreter; of ` +
    `${formatCount(compared)} values compared, these are off the most:\n${lines.join("\n")}`;
  if (forced === null) throw new TrainingError(message, FORCE_HINT);
  forced.warn(message);
}

const FORCE_HINT =
  "update the graphics driver or take another device; --force, or `force: true` in fit, trains all the same";

/** `Digits/dense/kernel[17] is 0.25 after one update, expected 0.2501 ± 0.00001`. */
export function formatDeviation({ check, index, found }: SelfTestDeviation): string {
  const moment: Readonly<Record<SelfTestCheck["of"], string>> = {
    output: " in predict",
    loss: "",
    tensor: " after one update",
  };
  const element = `${check.name}[${check.positions[index]}]`;
  const expected = `${check.expected[index]} ± ${check.tolerances[index]}`;
  return `${element} is ${found}${moment[check.of]}, expected ${expected}`;
}

/** The rows of the test: elements are drawn by Threefry from the seed, the column's name and their position. */
export function selfTestDataset(columns: readonly ColumnPlan[], selfTest: SelfTestPlan): Dataset {
  return createDataset(columns.map((column) => selfTestColumn(column, selfTest)));
}

function selfTestColumn(plan: ColumnPlan, { seed, rows, ranges }: SelfTestPlan): Column {
  const [low, high] = ranges[plan.name] ?? [0, 1];
  const data = createArray(plan.dtype, rows * elementCount(plan.shape));
  const words = new Int32Array(2);
  const stream = hash32(`self-test/${plan.name}`);
  for (let i = 0; i < data.length; i++) {
    threefry2x32(seed, stream, i, 0, words);
    const value = low + (high - low) * ((words[0]! >>> 8) * 2 ** -24);
    data[i] = plan.dtype === "f32" ? value : Math.floor(value);
  }
  return { ...plan, rows, data };
}

/** Undefined if the check is about something else than this graph. */
async function valueAfter(
  runner: ModelRunner,
  check: SelfTestCheck,
  graph: string,
  isLast: boolean,
): Promise<TensorData | undefined> {
  switch (check.of) {
    case "output":
      return graph === "predict" ? runner.readResult(graph, check.name) : undefined;
    case "loss":
      return graph === (check.graph ?? "train") ? runner.readResult(graph, "loss") : undefined;
    case "tensor":
      return isLast && graph !== "predict" ? runner.device.read(check.name) : undefined;
  }
}

function worstDeviation(check: SelfTestCheck, data: TensorData): readonly SelfTestDeviation[] {
  let worst: SelfTestDeviation | undefined;
  let worstExcess = 0;
  for (const [index, position] of check.positions.entries()) {
    const found = data[position] ?? Number.NaN;
    const difference = Math.abs(found - check.expected[index]!);
    const excess = difference / check.tolerances[index]!;
    if (difference <= check.tolerances[index]! || excess <= worstExcess) continue;
    // A NaN is as wrong as can be.
    worstExcess = Number.isNaN(excess) ? Infinity : excess;
    worst = { check, index, found };
  }
  return worst === undefined ? [] : [worst];
}
