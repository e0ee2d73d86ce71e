/**
 * `nnc explain`: the kernels in order of execution, what each computes, fuses and costs, and why its neighbours
 * are not part of it.
 */

import { basename } from "node:path";
import { formatBytes, formatLarge } from "../../../runtime/training/report/quantities.ts";
import type { KernelReport } from "../../schedule/report-kernel.ts";
import { compileModel } from "../compile-model.ts";
import type { CompileFlags } from "../options.ts";
import type { Streams } from "../streams.ts";
import { resolveTarget, type TargetName } from "../target.ts";
import { tunedPlans } from "../tuning/plan-store.ts";
import { count, formatPlan, formatTime, share } from "./kernel-quantities.ts";

const lineWidth = 100;

interface ExplainFlags extends CompileFlags {
  readonly json?: boolean;
  readonly measure?: boolean;
  readonly threads?: number;
}

export async function explain(
  entry: string,
  { json = false, measure = false, threads = 1, ...options }: ExplainFlags,
  streams: Streams,
): Promise<number> {
  const target = await resolveTarget(options.target);
  const request = { entry, ...options, target, plans: await tunedPlans(options, target) };
  if (measure) {
    const { explainMeasured } = await import("./explain-measured.ts");
    return explainMeasured(request, { threads, json }, streams);
  }
  const { program } = compileModel(request, streams);
  if (json) {
    for (const kernel of program.kernels) streams.out.write(`${JSON.stringify(kernel)}\n`);
    return 0;
  }
  const { batchMax } = program.plan;
  const graphs = [...new Set(program.kernels.map(({ graph }) => graph))];
  const sections = graphs.map((graph) => {
    const kernels = program.kernels.filter((kernel) => kernel.graph === graph);
    const total = sum(kernels, ({ predictedSeconds, times }) => times * predictedSeconds);
    return [
      ...formatHead(`${graph}, batch ${batchMax}`, target, kernels, total),
      ...kernels.flatMap((kernel) => formatKernel(kernel, total)),
    ];
  });
  streams.out.write(sections.map((lines) => lines.map((line) => `${line}\n`).join("")).join("\n"));
  return 0;
}

function sum(kernels: readonly KernelReport[], of: (kernel: KernelReport) => number): number {
  return kernels.reduce((total, kernel) => total + of(kernel), 0);
}

/** What the predicted times suppose; starting the kernels is not counted. */
const machines: Readonly<Record<TargetName, string>> = {
  cpu: "on one thread",
  wgsl: "on a graphics processor of usual size, all of it busy",
  cuda: "on an H100 or H200, all of it busy",
};

function formatHead(
  what: string,
  target: TargetName,
  kernels: readonly KernelReport[],
  total: number,
): readonly string[] {
  const memory = sum(
    kernels.filter(({ boundBy }) => boundBy === "memory"),
    ({ predictedSeconds, times }) => times * predictedSeconds,
  );
  const costs = formatCosts(
    sum(kernels, ({ flops, times }) => times * flops),
    sum(kernels, ({ bytes, times }) => times * bytes),
  );
  return [
    `${what}: ${count(kernels.length, "kernel")}, ${costs}`,
    `  ${formatTime(total)} predicted ${machines[target]}, ${share(memory, total)} of it bound by memory`,
    "",
  ];
}

function formatKernel(kernel: KernelReport, total: number): readonly string[] {
  const { name, kind, algorithm, computes, origins, flops, bytes, predictedSeconds, boundBy } =
    kernel;
  const { launchedWith, times, plan } = kernel;
  const inOne = kernel.loopIsOneLaunch ? " that is one launch" : "";
  const part = share(times * predictedSeconds, total);
  const often = times === 1 ? "" : `${times} × `;
  const time = `${often}${formatTime(predictedSeconds)} (${part}), bound by ${boundBy}`;
  return [
    `  ${name}`,
    ...(times === 1 ? [] : [`    ${times} times a step, in a loop${inOne}`]),
    ...wrap(
      `${kind}${algorithm === null ? "" : ` by ${algorithm}`}, ${time}, ${formatCosts(flops, bytes)}`,
      4,
    ),
    ...wrap(computes.join("; "), 4),
    ...(plan === null
      ? []
      : [`    ${formatPlan(plan.choice)}${plan.isTuned ? ", measured to be the fastest" : ""}`]),
    ...(origins.length === 0 ? [] : wrap(`from ${formatOrigins(origins)}`, 4)),
    ...formatSavings(kernel),
    ...(launchedWith.length === 0 ? [] : wrap(`in one launch with ${launchedWith.join(", ")}`, 4)),
    ...formatRefusals(kernel).flatMap((line) => wrap(line, 4)),
  ];
}

/** Places of one file after its name: `digits.nn:6:33, 7:23`. */
function formatOrigins(origins: readonly string[]): string {
  const byFile = new Map<string, string[]>();
  for (const origin of origins) {
    const [, path = origin, place = ""] = /^(.*?):(\d+:\d+)$/.exec(origin) ?? [];
    const file = basename(path);
    byFile.set(file, [...(byFile.get(file) ?? []), place]);
  }
  return [...byFile].map(([file, places]) => `${file}:${places.join(", ")}`).join("; ");
}

function formatSavings({ stages, savedValues, savedBytes }: KernelReport): readonly string[] {
  if (stages === 1) return [];
  const values = savedValues === 0 ? "" : `${count(savedValues, "value")} never in memory, `;
  return [`    fused ${count(stages, "stage")}: ${values}${formatBytes(savedBytes)} less to move`];
}

/** Each reason once, with the neighbours that it holds for. */
function formatRefusals({ apart }: KernelReport): readonly string[] {
  const neighbours = new Map<string, Set<string>>();
  for (const { kernel, why } of apart) {
    neighbours.set(why, (neighbours.get(why) ?? new Set()).add(kernel));
  }
  return [...neighbours].map(([why, names]) => `apart from ${[...names].join(", ")}: ${why}`);
}

/** `9.63 M FLOPs, 512.00 KB, 18.4 FLOPs/B`. */
function formatCosts(flops: number, bytes: number): string {
  const intensity = bytes === 0 ? "" : `, ${(flops / bytes).toPrecision(3)} FLOPs/B`;
  return `${formatLarge(flops)} FLOPs, ${formatBytes(bytes)}${intensity}`;
}

/** Lines of at most the line's width, all but the first indented two further. */
function wrap(text: string, indent: number): readonly string[] {
  const lines: string[] = [];
  let line = " ".repeat(indent);
  for (const word of text.split(" ")) {
    const isFirst = line.trim() === "";
    if (!isFirst && line.length + 1 + word.length > lineWidth) {
      lines.push(line);
      line = `${" ".repeat(indent + 2)}${word}`;
    } else {
      line += isFirst ? word : ` ${word}`;
    }
  }
  return [...lines, line];
}
