/**
 * Many programs compiled into one kernel library, each fused and unfused: calling the C compiler once for all of them
 * takes a fraction of the time.
 */

import type { Leaf, Value } from "../../compiler/graph/node.ts";
import type { Kernel } from "../../compiler/kernel/ir.ts";
import type { GraphFunction } from "../../compiler/kernel/module.ts";
import { type PassesResult, runPasses } from "../../compiler/passes.ts";
import type { LoweredProgram } from "../../compiler/semantics/program.ts";
import type { CpuDescription } from "../../compiler/targets/cpu/description.ts";
import { printC } from "../../compiler/targets/cpu/print-module.ts";
import { compileLibrary } from "../../compiler/targets/cpu/toolchain.ts";
import { loadNativeAddon, type NativeLibrary } from "../../runtime/devices/cpu/native-addon.ts";

export interface CompiledCase {
  readonly program: LoweredProgram;
  readonly passes: PassesResult;
  /** Symbols by graph. */
  readonly symbols: ReadonlyMap<string, string>;
  /** Offset of each param and state in the persistent arena, by path. */
  readonly offsets: ReadonlyMap<string, number>;
}

export interface CompiledLibrary {
  readonly library: NativeLibrary;
  readonly unfused: readonly CompiledCase[];
  readonly fused: readonly CompiledCase[];
}

/** Programs come twice, for each way their own, as passes leave traces in a program's context. */
export async function compilePrograms(
  programs: Readonly<Record<"unfused" | "fused", readonly LoweredProgram[]>>,
  cpu: CpuDescription,
  cacheDirectory: string,
): Promise<CompiledLibrary> {
  const functions: GraphFunction[] = [];
  const compileAll = (way: "unfused" | "fused") =>
    programs[way].map((program, number): CompiledCase => {
      const fusion = way === "fused";
      const passes = runPasses(program, () => "random.nn", { target: cpu, fusion, verify: true });
      const prefix = `${way}_${number}_`;
      const renamed = renameFunctions(passes.scheduled.module.functions, prefix);
      functions.push(...renamed);
      return {
        program,
        passes,
        symbols: new Map(renamed.map(({ graph, symbol }) => [graph, symbol])),
        offsets: new Map(
          [...passes.scheduled.persistent.offsets].map(([leaf, at]) => [pathOf(leaf), at]),
        ),
      };
    });
  const [unfused, fused] = [compileAll("unfused"), compileAll("fused")];
  const source = printC(
    { model: "Random", functions },
    { features: cpu.features, source: "random.nn" },
  );
  const { path } = await compileLibrary(source, { ...cpu, cacheDirectory });
  return { library: new (loadNativeAddon().Library)(path), unfused, fused };
}

export function pathOf({ node }: Value): string {
  return (node as Leaf).path;
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
