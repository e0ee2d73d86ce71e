/**
 * `nnc tune`: measures which plans of a model's contractions are the fastest on this machine, keeps them for `--tuned`,
 * and says what they gain over the predicted ones.
 */

import { availableParallelism } from "node:os";
import type progress from "cli-progress";
import type { CompileRequest } from "../compile-model.ts";
import { CommandError } from "../failure.ts";
import type { CompileFlags } from "../options.ts";
import type { Streams } from "../streams.ts";
import { resolveTarget } from "../target.ts";
import {
  choosePlans,
  type MeasuredPlan,
  stepSeconds,
  type TunedShape,
} from "../tuning/choose-plans.ts";
import { type LaunchSamples, measureCandidates } from "../tuning/measure-candidates.ts";
import { PlanStore } from "../tuning/plan-store.ts";
import { count, formatPlan, formatTable, formatTime, share } from "./kernel-quantities.ts";

interface TuneFlags extends CompileFlags {
  readonly candidates?: number;
  readonly rounds?: number;
  readonly threads?: number;
  readonly json?: boolean;
}

export async function tune(
  entry: string,
  { candidates = 24, rounds = 9, threads = 1, json = false, ...options }: TuneFlags,
  streams: Streams,
  measure = measureCandidates,
): Promise<number> {
  const target = await resolveTarget(options.target);
  if (target !== "cpu") {
    throw new CommandError("plans are measured for the CPU", "add --target cpu");
  }
  const store = await PlanStore.open(options.march);
  // Said before anything is measured for nothing.
  await store.read();
  const request: CompileRequest = { entry, ...options, target };
  const bar = await openBar(streams);
  let launches: readonly LaunchSamples[];
  try {
    launches = await measure(
      request,
      { candidates, threads, rounds, onProgress: bar.show },
      streams,
    );
  } finally {
    bar.close();
  }
  const shapes = choosePlans(launches);
  await store.add(
    new Map(
      shapes.map(({ shape, tuned, predicted }) => [
        shape,
        { choice: tuned.choice, seconds: tuned.seconds, predictedPlanSeconds: predicted.seconds },
      ]),
    ),
  );
  if (json) {
    for (const shape of shapes) streams.out.write(`${JSON.stringify(shape)}\n`);
    return 0;
  }
  const on = `on ${count(threads, "thread")}${threads > availableParallelism() ? ", more than there are processors" : ""}`;
  const lines = [
    `${count(shapes.length, "shape")} of products, up to ${candidates} plans each, ${count(rounds, "round")} ${on}`,
    "",
    ...formatShapes(shapes),
    "",
    ...[...stepSeconds(launches, shapes)].map(([graph, { predicted, tuned }]) => {
      const less = share(predicted - tuned, predicted);
      return `${graph}: ${formatTime(predicted)} a step as predicted, ${formatTime(tuned)} tuned, ${less} less`;
    }),
    `kept in ${store.path}: build, train and explain take them with --tuned`,
  ];
  streams.out.write(lines.map((line) => `${line}\n`).join(""));
  return 0;
}

/** Those that take the longest first: kernels, shape, and a line for each plan. */
function formatShapes(shapes: readonly TunedShape[]): readonly string[] {
  const sorted = [...shapes].sort((a, b) => b.predicted.seconds - a.predicted.seconds);
  const rows = sorted.flatMap(({ predicted, tuned }) => [
    [`  ${formatPlan(predicted.choice)}`, ...times(predicted), ""],
    ...(tuned === predicted
      ? []
      : [[`  ${formatPlan(tuned.choice)}`, ...times(tuned), gain(predicted, tuned)]]),
  ]);
  const [head, ...lines] = formatTable([["", "predicted", "measured", "gain"], ...rows]);
  const plans = lines.map((line) => line.trimEnd());
  return [
    head!,
    ...sorted.flatMap(({ shape, kernels, predicted, tuned, noise }) => [
      `  ${kernels.join(", ")}`,
      `    ${shape}`,
      ...plans.splice(0, tuned === predicted ? 1 : 2),
      ...(noise > NOISY ? [`    measured twice it differs by ${share(noise, 1)}`] : []),
    ]),
  ];
}

/** Noise that is said. */
const NOISY = 0.05;

function gain(predicted: MeasuredPlan, tuned: MeasuredPlan): string {
  return share(predicted.seconds - tuned.seconds, predicted.seconds);
}

function times({ predictedSeconds, seconds }: MeasuredPlan): readonly string[] {
  return [formatTime(predictedSeconds), formatTime(seconds)];
}

interface Bar {
  readonly show: (done: number, total: number) => void;
  readonly close: () => void;
}

/** Only on a terminal. */
async function openBar({ errors }: Streams): Promise<Bar> {
  if (errors !== process.stderr || !process.stderr.isTTY)
    return { show: () => {}, close: () => {} };
  const { startBar } = await import("../../../runtime/training/report/progress-bar.ts");
  const format = "measuring  {value}/{total}  [{bar}]  eta {eta}s";
  let bar: progress.SingleBar | undefined;
  return {
    show: (done, total) => {
      bar ??= startBar(process.stderr, format, total);
      bar.update(done);
    },
    close: () => bar?.stop(),
  };
}
