/** Which plans are the fastest by what was measured: another than the predicted one only where that is beyond noise. */

import type { PlanChoice } from "../../optimize/target-description.ts";
import type { LaunchSamples } from "./measure-candidates.ts";

/** A plan for all contractions of a shape. */
export interface MeasuredPlan {
  readonly choice: PlanChoice;
  /** Seconds a step that the kernels of the shape take: predicted, and the least that was measured. */
  readonly predictedSeconds: number;
  readonly seconds: number;
}

export interface TunedShape {
  readonly shape: string;
  /** The kernels with such a contraction, as `graph: name`. */
  readonly kernels: readonly string[];
  /** The plan that is predicted to be the best, and the one to take. */
  readonly predicted: MeasuredPlan;
  readonly tuned: MeasuredPlan;
  /** By how much of its time two measurements of the same plan differ. */
  readonly noise: number;
  /** All that were measured, the predicted one first. */
  readonly measured: readonly MeasuredPlan[];
}

/** The least share of the time that another plan has to win, whatever the noise. */
const LEAST_GAIN = 0.02;

/** How many times the noise it has to win. */
const BEYOND_NOISE = 2;

/** The shapes in order of first use. */
export function choosePlans(launches: readonly LaunchSamples[]): readonly TunedShape[] {
  const byShape = new Map<string, LaunchSamples[]>();
  for (const launch of launches) {
    const plan = launch.candidates[0]!.plan;
    if (plan !== null) byShape.set(plan.shape, [...(byShape.get(plan.shape) ?? []), launch]);
  }
  return [...byShape].map(([shape, members]) => chooseForShape(shape, members));
}

function chooseForShape(shape: string, members: readonly LaunchSamples[]): TunedShape {
  const [first] = members;
  const sum = (of: (launch: LaunchSamples) => number): number =>
    members.reduce((total, launch) => total + of(launch), 0);
  const least = (samples: readonly number[]): number => Math.min(...samples);
  const plans = new Map<string, MeasuredPlan>();
  first!.candidates.forEach(({ plan }, number) => {
    const { choice } = plan!;
    const key = JSON.stringify(choice);
    const seconds =
      number === 0
        ? sum((launch) => least([...launch.seconds[0]!, ...launch.again]))
        : sum((launch) => least(launch.seconds[number]!));
    // Candidates that were never run have no time, and those beyond the last are the predicted one.
    if (plans.has(key) || !Number.isFinite(seconds)) return;
    const predictedSeconds = sum(({ candidates }) => {
      const report = candidates[number]!;
      return report.times * report.predictedSeconds;
    });
    plans.set(key, { choice, predictedSeconds, seconds });
  });
  const measured = [...plans.values()];
  const [predicted] = measured;
  const fastest = measured.reduce((best, plan) => (plan.seconds < best.seconds ? plan : best));
  const [once, again] = [
    sum((launch) => least(launch.seconds[0]!)),
    sum((launch) => least(launch.again)),
  ];
  const noise = Math.abs(once - again) / Math.min(once, again);
  const gain = 1 - fastest.seconds / predicted!.seconds;
  const wins = gain > Math.max(LEAST_GAIN, BEYOND_NOISE * noise);
  return {
    shape,
    kernels: members.map(({ candidates: [report] }) => `${report!.graph}: ${report!.name}`),
    predicted: predicted!,
    tuned: wins ? fastest : predicted!,
    noise,
    measured,
  };
}

/** What a step of each graph takes with the predicted plans and with the tuned ones, seconds. */
export function stepSeconds(
  launches: readonly LaunchSamples[],
  shapes: readonly TunedShape[],
): ReadonlyMap<string, { readonly predicted: number; readonly tuned: number }> {
  const byShape = new Map(shapes.map((shape) => [shape.shape, shape]));
  const steps = new Map<string, { predicted: number; tuned: number }>();
  for (const { candidates, seconds, again } of launches) {
    const [report] = candidates;
    const step = steps.get(report!.graph) ?? { predicted: 0, tuned: 0 };
    const predicted = Math.min(...seconds[0]!, ...again);
    const wanted = JSON.stringify(byShape.get(report!.plan?.shape ?? "")?.tuned.choice);
    const number = candidates.findIndex(({ plan }) => JSON.stringify(plan?.choice) === wanted);
    const tuned = number <= 0 ? predicted : Math.min(...seconds[number]!);
    step.predicted += predicted;
    step.tuned += tuned;
    steps.set(report!.graph, step);
  }
  return steps;
}
