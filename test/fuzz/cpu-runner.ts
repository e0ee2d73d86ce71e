/**
 * Runs random programs as compiled C, each with one thread and with two. Many share a kernel library: calling the C
 * compiler once for all of them takes a fraction of the time.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Kernel } from "../../compiler/kernel/ir.ts";
import type { GraphFunction } from "../../compiler/kernel/module.ts";
import type { CpuDescription } from "../../compiler/targets/cpu/description.ts";
import { printC } from "../../compiler/targets/cpu/print-module.ts";
import { compileLibrary } from "../../compiler/targets/cpu/toolchain.ts";
import { CpuDevice } from "../../runtime/devices/cpu/cpu-device.ts";
import type { TrainerPlan } from "../../runtime/plan.ts";
import type { ProgramRunner, Variants } from "./program-library.ts";

export interface CpuRunnerOptions {
  /** What the C compiler is found by, where it is not the usual one. */
  readonly environment?: NodeJS.ProcessEnv;
  /** Path of what takes the native addon's place. */
  readonly addon?: string;
}

export function cpuRunner(
  target: CpuDescription,
  { environment = process.env, addon }: CpuRunnerOptions = {},
): ProgramRunner {
  const folders: string[] = [];
  return {
    target,
    prepare: async (cases) => {
      const cacheDirectory = await mkdtemp(join(tmpdir(), "nnc-fuzz-"));
      folders.push(cacheDirectory);
      const functions = cases.map(({ passes }, number) =>
        renameFunctions(passes.scheduled.module.functions, prefixOf(number)),
      );
      const source = printC(
        { model: "Random", functions: functions.flat() },
        { features: target.features, source: "random.nn" },
      );
      // Two fifths less time; tests of schedules, examples and reference cases run what ships.
      const options = { ...target, cacheDirectory, environment, isBrief: true };
      const { path: library } = await compileLibrary(source, options);
      return cases.map(({ plan: { graphs, ...plan } }, number): Variants => {
        const renamed: TrainerPlan = { ...plan, graphs: renameGraphs(graphs, prefixOf(number)) };
        const open = (threads: number) => async () =>
          new CpuDevice({
            plan: renamed,
            library,
            threads,
            ...(addon === undefined ? {} : { addon }),
          });
        return new Map([
          ["one thread", open(1)],
          ["two threads", open(2)],
        ]);
      });
    },
    dispose: async () => {
      for (const folder of folders) await rm(folder, { recursive: true, force: true });
    },
  };
}

const prefixOf = (number: number): string => `program_${number}_`;

function renameGraphs(graphs: TrainerPlan["graphs"], prefix: string): TrainerPlan["graphs"] {
  return Object.fromEntries(
    Object.entries(graphs).map(([name, graph]) => [
      name,
      { ...graph, symbol: `${prefix}${graph.symbol}` },
    ]),
  );
}

function renameFunctions(functions: readonly GraphFunction[], prefix: string): GraphFunction[] {
  const kernels = new Map<Kernel, Kernel>();
  const rename = (kernel: Kernel): Kernel => {
    const known = kernels.get(kernel) ?? { ...kernel, name: `${prefix}${kernel.name}` };
    kernels.set(kernel, known);
    return known;
  };
  return functions.map((fn) => ({
    ...fn,
    symbol: `${prefix}${fn.symbol}`,
    launches: fn.launches.map((launch) => ({ ...launch, kernel: rename(launch.kernel) })),
  }));
}
