/** `nnc summary`: Keras' table, and what a step costs. */

import {
  formatBytes,
  formatCount,
  formatLarge,
} from "../../../runtime/training/report/quantities.ts";
import { formatSummary } from "../../../runtime/training/summary.ts";
import { trainingGraphs } from "../../../runtime/training/updates.ts";
import type { CompiledProgram } from "../../compiled-program.ts";
import type { KernelReport } from "../../schedule/report-kernel.ts";
import { compileModel } from "../compile-model.ts";
import type { CompileFlags } from "../options.ts";
import type { Streams } from "../streams.ts";
import { resolveTarget } from "../target.ts";

export async function summary(
  entry: string,
  options: CompileFlags,
  streams: Streams,
): Promise<number> {
  const { program } = compileModel(
    { entry, ...options, target: await resolveTarget(options.target) },
    streams,
  );
  streams.out.write(`${formatSummary(program.plan)}\n${formatCosts(program)}\n`);
  return 0;
}

function formatCosts({ plan, kernels }: CompiledProgram): string {
  const { persistent, temporaries, results } = plan.arenas;
  const parts = [
    `${formatBytes(persistent)} persistent`,
    `${formatBytes(temporaries)} temporary`,
    `${formatBytes(results)} results`,
  ];
  return [
    ...[...trainingGraphs(plan), "evaluate", "predict"].flatMap((graph) =>
      formatGraph(graph, plan.batchMax, kernels),
    ),
    ` Peak memory: ${formatBytes(persistent + temporaries + results)} (${parts.join(", ")}), data not counted`,
  ].join("\n");
}

const TITLES: Readonly<Record<string, string>> = {
  train: "Training step",
  evaluate: "Evaluation step",
  predict: "Prediction step",
};

function formatGraph(
  graph: string,
  batch: number,
  all: readonly KernelReport[],
): readonly string[] {
  const kernels = all.filter((kernel) => kernel.graph === graph);
  if (kernels.length === 0) return [];
  const flops = kernels.reduce((total, kernel) => total + kernel.times * kernel.flops, 0);
  const bytes = kernels.reduce((total, kernel) => total + kernel.times * kernel.bytes, 0);
  const count = `${formatCount(kernels.length)} kernel${kernels.length === 1 ? "" : "s"}`;
  return [
    ` ${TITLES[graph] ?? `Training step of ${graph.replace(/^train_/, "")}`} (batch ${batch}): ${formatLarge(flops)} FLOPs, ${formatBytes(bytes)} moved, ${count}`,
  ];
}
