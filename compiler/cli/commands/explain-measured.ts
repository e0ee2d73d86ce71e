/** `nnc explain --measure`: what each kernel was predicted to take beside what it takes on this machine. */

import type { CompileRequest } from "../compile-model.ts";
import { CommandError } from "../failure.ts";
import { type MeasuredKernel, measureKernels } from "../measure-kernels.ts";
import type { Streams } from "../streams.ts";
import { count, formatTable, formatTime, share } from "./kernel-quantities.ts";

/** Predictions further off than this are listed below the table. */
const FACTOR = 2;

/** Kernels of less than this share of a step are not: what they take is mostly noise. */
const LEAST_SHARE = 0.01;

export async function explainMeasured(
  request: CompileRequest,
  { threads, json }: { readonly threads: number; readonly json: boolean },
  streams: Streams,
): Promise<number> {
  if (request.target !== "cpu") {
    throw new CommandError("--measure times kernels of the CPU", "add --target cpu");
  }
  const kernels = await measureKernels(request, threads, streams);
  if (json) {
    for (const kernel of kernels) {
      streams.out.write(`${JSON.stringify({ ...kernel, threads, ratio: ratioOf(kernel) })}\n`);
    }
    return 0;
  }
  const graphs = [...new Set(kernels.map(({ graph }) => graph))];
  const sections = graphs.map((graph) =>
    formatGraph(
      graph,
      kernels.filter((kernel) => kernel.graph === graph),
      threads,
    ),
  );
  streams.out.write(sections.map((lines) => lines.map((line) => `${line}\n`).join("")).join("\n"));
  return 0;
}

/** Above 1 the kernel takes longer than predicted. */
function ratioOf({ measuredSeconds, predictedStepSeconds }: MeasuredKernel): number {
  return measuredSeconds / predictedStepSeconds;
}

function formatGraph(
  graph: string,
  kernels: readonly MeasuredKernel[],
  threads: number,
): readonly string[] {
  const predicted = kernels.reduce((sum, kernel) => sum + kernel.predictedStepSeconds, 0);
  const measured = kernels.reduce((sum, kernel) => sum + kernel.measuredSeconds, 0);
  const rows = kernels.map((kernel) => [
    kernel.name,
    kernel.times === 1 ? "" : `${kernel.times} ×`,
    formatTime(kernel.predictedStepSeconds),
    formatTime(kernel.measuredSeconds),
    ratioOf(kernel).toFixed(2),
    share(kernel.measuredSeconds, measured),
    perSecond(kernel.times * kernel.flops, kernel.measuredSeconds),
    perSecond(kernel.times * kernel.bytes, kernel.measuredSeconds),
  ]);
  const head = ["", "", "predicted", "measured", "ratio", "share", "GFLOP/s", "GB/s"];
  const on = `on ${count(threads, "thread")}`;
  return [
    `${graph}: ${count(kernels.length, "kernel")}, ${formatTime(predicted)} predicted, ${formatTime(measured)} measured ${on}`,
    "",
    ...formatTable([head, ...rows]),
    ...formatMistakes(kernels, measured),
  ];
}

/** In thousands of millions. */
function perSecond(amount: number, seconds: number): string {
  const rate = amount / seconds / 1e9;
  return rate >= 10 ? rate.toFixed(0) : rate.toFixed(1);
}

function formatMistakes(kernels: readonly MeasuredKernel[], total: number): readonly string[] {
  const wrong = kernels.filter((kernel) => {
    const ratio = ratioOf(kernel);
    const counts = kernel.measuredSeconds >= LEAST_SHARE * total;
    return counts && (ratio > FACTOR || ratio < 1 / FACTOR);
  });
  if (wrong.length === 0) return [];
  const lost = (kernel: MeasuredKernel): number =>
    Math.abs(kernel.measuredSeconds - kernel.predictedStepSeconds);
  return [
    "",
    `  off by more than a factor of ${FACTOR}, and of ${share(LEAST_SHARE, 1)} or more of the step:`,
    ...[...wrong]
      .sort((a, b) => lost(b) - lost(a))
      .map((kernel) => {
        const ratio = ratioOf(kernel).toPrecision(2);
        return `    ${kernel.name}: ${ratio} times the prediction, bound by ${kernel.boundBy} in it`;
      }),
  ];
}
