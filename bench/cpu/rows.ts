/** What is reported of one workload on one number of threads: a row for each peer. */

import { type Losses, lossDisagreement } from "../loss-check.ts";
import type { Answer } from "../peer-process.ts";
import { median } from "../statistics.ts";
import type { CpuJob } from "./job.ts";
import type { Turns } from "./turns.ts";

/** A line of the result file. */
export interface Row {
  readonly workload: string;
  readonly kind: CpuJob["kind"];
  readonly peer: string;
  readonly target: "cpu";
  readonly threads: number;
  readonly batch: number;
  /** Forward passes are steps too. */
  readonly steps_per_s: number;
  readonly ms_per_step: number;
  /** Smallest and largest of the rounds. */
  readonly ms_range: readonly [number, number];
  /** Time of this peer over nnc's: above 1, nnc is faster. */
  readonly ratio_to_nnc: number | null;
  /** After 20 steps; null of inference. */
  readonly loss: number | null;
  readonly gflops: number;
  readonly share_of_peak: number | null;
  readonly rounds: number;
  readonly planned_bytes: number | null;
  readonly resident_bytes: number | null;
  /** Rows of before these were measured have none, and count code as growth. */
  readonly code_bytes?: number | null;
  readonly node_bytes?: number | null;
}

/** A peer whose rows are not reported, and why. */
export interface Omission {
  readonly workload: string;
  readonly peer: string;
  readonly threads: number;
  readonly why: string;
}

export interface MeasuredJob {
  readonly job: CpuJob;
  readonly threads: number;
  /** Of a step. */
  readonly flops: number;
  /** By peer, nnc first. */
  readonly answers: ReadonlyMap<string, Answer>;
  readonly turns: Turns;
}

export function rowsOf(measured: MeasuredJob): (Row | Omission)[] {
  const { job, threads, answers, turns } = measured;
  const omit = (peer: string, why: string): Omission => {
    return { workload: job.workload, peer, threads, why };
  };
  const [reference] = answers.values();
  return [...answers].map(([peer, answer]) => {
    const error = turns.errors.get(peer) ?? disagreement(job, reference!, answer);
    if (error !== undefined) return omit(peer, error);
    const times = turns.rounds.flatMap(({ seconds }) => seconds.get(peer) ?? []);
    if (times.length === 0) return omit(peer, "two threads shared a core in all rounds");
    return rowOf(measured, peer, answer, times);
  });
}

function rowOf(
  { job, threads, flops, answers, turns: { rounds } }: MeasuredJob,
  peer: string,
  answer: Answer,
  times: readonly number[],
): Row {
  const [nnc] = answers.keys();
  const seconds = median(times);
  const ratios = rounds.flatMap((round) => {
    const [its, own] = [round.seconds.get(peer), round.seconds.get(nnc!)];
    return its === undefined || own === undefined ? [] : [its / own];
  });
  const shares = rounds.flatMap(({ peak, seconds: all }) => {
    const its = all.get(peer);
    return peak === null || its === undefined ? [] : [flops / its / 1e9 / peak.gflops];
  });
  return {
    workload: job.workload,
    kind: job.kind,
    peer,
    target: "cpu",
    threads,
    batch: job.batch,
    steps_per_s: 1 / seconds,
    ms_per_step: 1e3 * seconds,
    ms_range: [1e3 * Math.min(...times), 1e3 * Math.max(...times)],
    ratio_to_nnc: ratios.length === 0 ? null : median(ratios),
    loss: answer.twentieth ?? null,
    gflops: flops / seconds / 1e9,
    share_of_peak: shares.length === 0 ? null : median(shares),
    rounds: times.length,
    planned_bytes: answer.planned_bytes ?? null,
    resident_bytes: answer.resident_bytes ?? null,
    code_bytes: answer.code_bytes ?? null,
    node_bytes: answer.node_bytes ?? null,
  };
}

/** What is wrong, if a peer computes something else than nnc. */
export function disagreement(
  { kind }: Pick<CpuJob, "kind">,
  own: Answer,
  its: Answer,
): string | undefined {
  if (its.error !== undefined) return its.error;
  if (kind === "inference") return outputDisagreement(own.outputs ?? [], its.outputs ?? []);
  return lossDisagreement(lossesOf(own), lossesOf(its));
}

function lossesOf({ first = Number.NaN, twentieth }: Answer): Losses {
  return twentieth === undefined ? { first } : { first, twentieth };
}

/** Relative to the largest: sums are taken in another order. */
const outputTolerance = 1e-4;

function outputDisagreement(own: readonly number[], its: readonly number[]): string | undefined {
  const largest = Math.max(...own.map(Math.abs));
  const wrong = own.findIndex(
    (value, i) => !(Math.abs(value - (its[i] ?? Number.NaN)) <= outputTolerance * largest),
  );
  return wrong < 0 ? undefined : `output ${wrong} is ${its[wrong]}, not ${own[wrong]}`;
}
