/** `nnc explain`: the kernels, what each fuses and why, and what it costs. */

import { formatBytes, formatLarge } from "../../../runtime/training/report/quantities.ts";
import type { KernelReport } from "../../compiled-program.ts";
import { compileModel } from "../compile-model.ts";
import type { CompileFlags } from "../options.ts";
import type { Streams } from "../streams.ts";

export async function explain(
  entry: string,
  { json, ...options }: CompileFlags & { readonly json?: boolean },
  streams: Streams,
): Promise<number> {
  const { program } = compileModel({ entry, ...options }, streams);
  if (json) {
    for (const kernel of program.kernels) streams.out.write(`${JSON.stringify(kernel)}\n`);
    return 0;
  }
  const { batchMax } = program.plan;
  const graphs = [...new Set(program.kernels.map(({ graph }) => graph))];
  const sections = graphs.map((graph) => {
    const kernels = program.kernels.filter((kernel) => kernel.graph === graph);
    return `${formatHead(graph, batchMax, kernels)}\n${kernels.map(formatKernel).join("")}`;
  });
  streams.out.write(sections.join("\n"));
  return 0;
}

function formatHead(graph: string, batch: number, kernels: readonly KernelReport[]): string {
  const total = (of: (kernel: KernelReport) => number) =>
    kernels.reduce((sum, kernel) => sum + of(kernel), 0);
  const count = `${kernels.length} kernel${kernels.length === 1 ? "" : "s"}`;
  const costs = formatCosts(
    total(({ flops }) => flops),
    total(({ bytes }) => bytes),
    total(({ predictedSeconds }) => predictedSeconds),
  );
  return `${graph}, batch ${batch}: ${count}, ${costs}`;
}

function formatKernel(kernel: KernelReport): string {
  const { name, kind, fuses, why, origins, flops, bytes, predictedSeconds } = kernel;
  const lines = [
    `${name}  ${kind}  ${formatCosts(flops, bytes, predictedSeconds)}`,
    ...(fuses.length === 0 ? [] : [`  fuses ${fuses.join(", ")}`]),
    ...(origins.length === 0 ? [] : [`  from ${origins.join(", ")}`]),
    ...countReasons(why).map((reason) => `  ${reason}`),
  ];
  return lines.map((line) => `  ${line}\n`).join("");
}

/** Each reason once, with how often it was given: one for every merge that was done or refused. */
function countReasons(reasons: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts].map(([reason, count]) =>
    count === 1 ? reason : `${reason} (${count} times)`,
  );
}

/** `9.63 M FLOPs, 512.00 KB, 18.4 FLOPs/B, 35.1 µs`. */
function formatCosts(flops: number, bytes: number, seconds: number): string {
  const intensity = bytes === 0 ? "" : `, ${(flops / bytes).toPrecision(3)} FLOPs/B`;
  return `${formatLarge(flops)} FLOPs, ${formatBytes(bytes)}${intensity}, ${formatTime(seconds)}`;
}

function formatTime(seconds: number): string {
  if (seconds >= 1) return `${seconds.toPrecision(3)} s`;
  if (seconds >= 1e-3) return `${(seconds * 1e3).toPrecision(3)} ms`;
  return `${(seconds * 1e6).toPrecision(3)} µs`;
}
