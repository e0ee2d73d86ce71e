/**
 * How long the kernels of a model take with each of several plans for their contractions. All candidates are in one
 * library, each in a graph of its own, so that kernels are measured between the others of their step, with the caches as
 * they are there. Candidates take turns, a step each, and the predicted plans have two turns in each round: how far these
 * are apart says what is noise.
 */

import { CpuDevice } from "../../../runtime/devices/cpu/cpu-device.ts";
import type { TrainerDefinition } from "../../../runtime/plan.ts";
import { ModelRunner } from "../../../runtime/training/model-runner.ts";
import { consecutiveRows } from "../../../runtime/training/permutation.ts";
import type { KernelReport } from "../../schedule/report-kernel.ts";
import { candidateOf } from "../../schedule/schedule-program.ts";
import { clocksResult } from "../../targets/cpu/clocks.ts";
import { instantiateProgram } from "../../trainer/instantiate.ts";
import { type CompileRequest, compileModel } from "../compile-model.ts";
import { drawColumns } from "../drawn-columns.ts";
import { clockOf } from "../measure-kernels.ts";
import { compileKernels } from "../model-environment.ts";
import type { Streams } from "../streams.ts";

/** All launches of one kernel in a step. */
export interface LaunchSamples {
  /** With each candidate's plan, the predicted one first; without a contraction all are the same. */
  readonly candidates: readonly KernelReport[];
  /** Seconds of a step by candidate, then by round; none where the candidate was not run, or no longer. */
  readonly seconds: readonly (readonly number[])[];
  /** Of the predicted plans, measured again in each round. */
  readonly again: readonly number[];
}

export interface TuningOptions {
  readonly candidates: number;
  readonly threads: number;
  readonly rounds: number;
  readonly onProgress: (done: number, total: number) => void;
}

export type MeasureCandidates = (
  request: CompileRequest,
  options: TuningOptions,
  streams: Streams,
) => Promise<readonly LaunchSamples[]>;

/** Compiles a model with all candidates and runs each of its graphs with each of them. */
export const measureCandidates: MeasureCandidates = async (
  request,
  { candidates, threads, rounds, onProgress },
  streams,
) => {
  const timed = { ...request, candidates, clocks: clockOf(threads) };
  const { program, lowered } = compileModel(timed, streams);
  const { path: library } = await compileKernels(program, request.march);
  const { plan } = program;
  const graphs = graphsWithCandidates(program.kernels, candidates);
  const definition = withScalars(instantiateProgram(program), graphs);
  const device = new CpuDevice({ plan, library, threads });
  try {
    const runner = new ModelRunner(definition, device);
    const dataset = drawColumns(lowered, plan.columns, plan.batchMax);
    await runner.bind(dataset, Object.keys(plan.graphs));
    const rows = consecutiveRows(0, plan.batchMax);
    const total = graphs.length * (rounds + 1);
    const samples: LaunchSamples[] = [];
    for (const [i, graph] of graphs.entries()) {
      await runner.initialize(plan.training?.seed ?? 0);
      let step = 0;
      const measure = async (name: string): Promise<ArrayLike<number>> => {
        const counters = { t: 1 + step, batch: step };
        step++;
        await runner.run(name, rows, plan.batchMax, { seed: 0, hypers: plan.hypers, ...counters });
        return runner.readResult(name, clocksResult);
      };
      const done = (round: number) => onProgress(i * (rounds + 1) + round + 1, total);
      samples.push(...(await measureGraph(graph, measure, rounds, done)));
    }
    return samples;
  } finally {
    device.dispose();
  }
};

/** A graph with the names and kernels of its candidates. */
interface GraphCandidates {
  readonly names: readonly string[];
  readonly kernels: readonly (readonly KernelReport[])[];
}

/** Those graphs that have contractions. */
function graphsWithCandidates(
  kernels: readonly KernelReport[],
  candidates: number,
): readonly GraphCandidates[] {
  const byGraph = new Map<string, KernelReport[]>();
  for (const kernel of kernels) {
    byGraph.set(kernel.graph, [...(byGraph.get(kernel.graph) ?? []), kernel]);
  }
  const variants = new Set(
    [...byGraph.keys()].flatMap((graph) =>
      Array.from({ length: candidates - 1 }, (_, i) => candidateOf(graph, i + 1)),
    ),
  );
  return [...byGraph.keys()]
    .filter((graph) => !variants.has(graph))
    .map((graph) => {
      const names = Array.from({ length: candidates }, (_, i) => candidateOf(graph, i));
      return { names, kernels: names.map((name) => byGraph.get(name)!) };
    })
    .filter((graph) => graph.kernels[0]!.some(({ plan }) => plan !== null));
}

/** Step scalars are by the names of the graphs that candidates are of. */
function withScalars(
  definition: TrainerDefinition,
  graphs: readonly GraphCandidates[],
): TrainerDefinition {
  const origin = new Map(graphs.flatMap(({ names }) => names.map((name) => [name, names[0]!])));
  return {
    ...definition,
    stepScalars: (graph, ...given) => definition.stepScalars(origin.get(graph) ?? graph, ...given),
  };
}

/** Rounds between looks at which candidates are worth going on with. */
const ROUNDS_A_LOOK = 3;

async function measureGraph(
  { names, kernels }: GraphCandidates,
  measure: (name: string) => Promise<ArrayLike<number>>,
  rounds: number,
  done: (round: number) => void,
): Promise<readonly LaunchSamples[]> {
  const launches = kernels[0]!.map((_, launch) => ({
    candidates: kernels.map((reports) => reports[launch]!),
    seconds: names.map((): number[] => []),
    again: [] as number[],
  }));
  const record = (times: ArrayLike<number>, into: (launch: number) => number[]): void => {
    launches.forEach((_, launch) => {
      into(launch).push(times[launch]! * 1e-9);
    });
  };
  let running = names
    .map((_, number) => number)
    .filter((number) => number === 0 || differs(kernels, number));
  for (let round = 0; round <= rounds; round++) {
    // The first touches memory and code for the first time.
    const isKept = round > 0;
    // Turns shift from round to round: no candidate always follows the same other.
    const turns = running.map((_, i) => running[(i + round) % running.length]!);
    for (const number of turns) {
      const times = await measure(names[number]!);
      if (isKept) record(times, (launch) => launches[launch]!.seconds[number]!);
    }
    const again = await measure(names[0]!);
    if (isKept) record(again, (launch) => launches[launch]!.again);
    if (isKept && round % ROUNDS_A_LOOK === 0) {
      running = running.filter((number) => number === 0 || isContender(launches, number));
    }
    done(round);
  }
  return launches;
}

/** Whether a candidate is another plan than the predicted one for any kernel. */
function differs(kernels: GraphCandidates["kernels"], number: number): boolean {
  return kernels[number]!.some(({ plan }, launch) => {
    return JSON.stringify(plan?.choice) !== JSON.stringify(kernels[0]![launch]!.plan?.choice);
  });
}

/** Of kernels that take less of a step than this it matters little which plan they have. */
const LEAST_SHARE = 0.002;

/** What a plan may be slower by than the best so far and yet turn out to be better. */
const STILL_CLOSE = 1.1;

/** Whether a candidate has a plan that may be the best for some kernel that matters. */
function isContender(launches: readonly LaunchSamples[], number: number): boolean {
  const least = launches.map(({ seconds }) => seconds.map((samples) => Math.min(...samples)));
  const step = least.reduce((sum, [predicted]) => sum + predicted!, 0);
  return launches.some(({ candidates }, launch) => {
    const times = least[launch]!;
    return (
      candidates[0]!.plan !== null &&
      times[0]! >= LEAST_SHARE * step &&
      times[number]! <= STILL_CLOSE * Math.min(...times)
    );
  });
}
