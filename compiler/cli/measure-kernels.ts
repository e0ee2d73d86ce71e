/** How long the kernels of a model take on this machine's CPU: steps on random rows, with clocks between launches. */

import { CpuDevice } from "../../runtime/devices/cpu/cpu-device.ts";
import type { TrainerDefinition } from "../../runtime/plan.ts";
import { ModelRunner } from "../../runtime/training/model-runner.ts";
import { consecutiveRows } from "../../runtime/training/permutation.ts";
import type { KernelReport } from "../schedule/report-kernel.ts";
import { type Clock, clocksResult } from "../targets/cpu/clocks.ts";
import { instantiateProgram } from "../trainer/instantiate.ts";
import { type CompileRequest, compileModel } from "./compile-model.ts";
import { drawColumns } from "./drawn-columns.ts";
import { compileKernels } from "./model-environment.ts";
import type { Streams } from "./streams.ts";

/** A kernel with what its launches in one step took, all of them together. */
export interface MeasuredKernel extends KernelReport {
  /** As predicted for one thread. */
  readonly predictedStepSeconds: number;
  /** The median over steps. */
  readonly measuredSeconds: number;
  readonly fastestSeconds: number;
}

/** Compiles a model with clocks and runs each of its graphs for a few dozen steps. */
export async function measureKernels(
  request: CompileRequest,
  threads: number,
  streams: Streams,
): Promise<readonly MeasuredKernel[]> {
  const { program, lowered } = compileModel({ ...request, clocks: clockOf(threads) }, streams);
  const { path: library } = await compileKernels(program, request.march);
  const definition = instantiateProgram(program);
  const { plan } = definition;
  const device = new CpuDevice({ plan, library, threads });
  try {
    const runner = new ModelRunner(definition, device);
    const graphs = [...new Set(program.kernels.map(({ graph }) => graph))];
    await runner.bind(drawColumns(lowered, plan.columns, plan.batchMax), graphs);
    const measured: MeasuredKernel[] = [];
    for (const graph of graphs) {
      // Each starts from the same values, whatever the steps of another made of them.
      await runner.initialize(plan.training?.seed ?? 0);
      const samples = await sampleGraph(definition, runner, graph);
      const reports = program.kernels.filter((kernel) => kernel.graph === graph);
      measured.push(...reports.map((report, i) => withTimes(report, samples, i)));
    }
    return measured;
  } finally {
    device.dispose();
  }
}

/** One thread is timed by what it computes itself; several wait for each other. */
export function clockOf(threads: number): Clock {
  return threads === 1 ? "thread" : "world";
}

/** A sample is the last of so many steps: the first one finds caches and threads asleep. */
const STEPS_A_SAMPLE = 3;
const SAMPLES = { least: 5, most: 30 };
const SECONDS_A_GRAPH = 2;

/** For each sampled step the nanoseconds of each launch. */
async function sampleGraph(
  { plan }: TrainerDefinition,
  runner: ModelRunner,
  graph: string,
): Promise<readonly ArrayLike<number>[]> {
  const { batchMax, hypers } = plan;
  const row = consecutiveRows(0, batchMax);
  const rows = Int32Array.from({ length: STEPS_A_SAMPLE * batchMax }, (_, i) => row[i % batchMax]!);
  const samples: ArrayLike<number>[] = [];
  const start = performance.now();
  // One more than is kept: the first touches its memory for the first time.
  for (let i = 0; i <= SAMPLES.most; i++) {
    const counters = { t: 1 + i * STEPS_A_SAMPLE, batch: i * STEPS_A_SAMPLE };
    await runner.run(graph, rows, batchMax, { seed: 0, hypers, ...counters });
    const spent = (performance.now() - start) / 1000;
    if (i > 0) samples.push(await runner.readResult(graph, clocksResult));
    if (i >= SAMPLES.least && spent > SECONDS_A_GRAPH) break;
  }
  return samples;
}

function withTimes(
  report: KernelReport,
  samples: readonly ArrayLike<number>[],
  launch: number,
): MeasuredKernel {
  const seconds = samples.map((sample) => sample[launch]! * 1e-9).sort((a, b) => a - b);
  const middle = seconds.length >> 1;
  return {
    ...report,
    predictedStepSeconds: report.times * report.predictedSeconds,
    measuredSeconds: (seconds[middle]! + seconds[seconds.length - 1 - middle]!) / 2,
    fastestSeconds: seconds[0]!,
  };
}
