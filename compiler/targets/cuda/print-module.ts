/** A kernel library as CUDA C++: one source for each variant, and for each graph what one step launches. */

import type {
  CudaArchitecture,
  CudaArgument,
  CudaKernel,
  CudaLaunch,
  CudaLoop,
  CudaProgram,
  CudaVariant,
} from "../../../runtime/devices/cuda/cuda-program.ts";
import { InvariantError, invariant } from "../../diagnostics/diagnostic.ts";
import type { KernelFunction, KernelParameter } from "../../kernel/ir.ts";
import type { GraphFunction, KernelModule, Launch, Placement } from "../../kernel/module.ts";
import { CLikePrinter } from "../c-like-printer.ts";
import type { Placed } from "../merge-kernels.ts";
import { tasksAtMost } from "../tasks-at-most.ts";
import { describeCuda } from "./description.ts";
import { cudaDialect, noMemory } from "./dialect.ts";
import { joinWave } from "./join-launches.ts";
import { type JoiningRules, joinLoops } from "./join-loops.ts";
import { functionWithLegalNames, kernelName } from "./names.ts";
import { nextStepName } from "./next-step.ts";
import type { Helper } from "./prelude.ts";
import { type PrintedKernel, printKernel } from "./print-kernel.ts";
import { type SourceParts, sourceText } from "./source-text.ts";

export interface CudaModule {
  readonly architecture: CudaArchitecture;
  readonly module: KernelModule;
}

export interface CudaPrintOptions {
  /** The model's file, for the head comment. */
  readonly source: string;
  /** The largest batch. */
  readonly batchMax: number;
}

export interface PrintedCuda {
  /** Modules for fewer devices come first. */
  readonly program: CudaProgram;
  /** CUDA C++, by variant of the program. */
  readonly sources: readonly string[];
}

/** From those that run on the fewest devices to the one that runs on all. */
const architectures: readonly CudaArchitecture[] = ["sm_90a", "sm_80"];

export function printCuda(modules: readonly CudaModule[], options: CudaPrintOptions): PrintedCuda {
  const ordered = architectures.flatMap((architecture) =>
    modules.filter((module) => module.architecture === architecture),
  );
  const printed = ordered.map((module) => printVariant(module, options));
  return {
    program: { variants: printed.map(({ variant }) => variant) },
    sources: printed.map(({ source }) => source),
  };
}

function printVariant(
  { architecture, module }: CudaModule,
  { source, batchMax }: CudaPrintOptions,
): { readonly variant: CudaVariant; readonly source: string } {
  const table = new KernelTable(batchMax);
  const rules = describeCuda({ architecture });
  const graphs = module.functions.map((fn) => printGraph(fn, table, batchMax, rules));
  const { kernels } = table;
  return {
    variant: {
      architecture,
      kernels,
      graphs: Object.fromEntries(graphs.map(({ graph, launches }) => [graph, launches])),
      loops: Object.fromEntries(
        graphs.flatMap(({ graph, loops }) => (loops.length === 0 ? [] : [[graph, loops]])),
      ),
    },
    source: sourceText({ model: module.model, source, architecture, ...table.parts }),
  };
}

interface PrintedGraph {
  readonly graph: string;
  readonly launches: readonly CudaLaunch[];
  readonly loops: readonly CudaLoop[];
}

/** Launches that run together may become fewer; they are in the same loops. */
function printGraph(
  fn: GraphFunction,
  table: KernelTable,
  batchMax: number,
  rules: JoiningRules,
): PrintedGraph {
  const launches: CudaLaunch[] = [];
  /** Where each wave's first launch is among the printed ones, and where all of them end. */
  const places: number[] = [];
  let first = 0;
  for (const wave of wavesOf(fn.launches)) {
    places[first] = launches.length;
    launches.push(...printWave(wave, table, batchMax));
    first += wave.length;
    places[first] = launches.length;
  }
  const joined = joinLoops(fn, batchMax, rules);
  const loops = fn.loops.map(({ first, end, count }, i) => {
    const whole = joined[i] ?? null;
    return {
      first: places[first]!,
      end: places[end]!,
      count,
      whole: whole && { ...table.launch(whole), withPrevious: false },
    };
  });
  return { graph: fn.graph, launches, loops };
}

/** Launches that may run at the same time. */
function wavesOf(launches: readonly Launch[]): Launch[][] {
  const waves: Launch[][] = [];
  for (const launch of launches) {
    if (launch.withPrevious) waves.at(-1)!.push(launch);
    else waves.push([launch]);
  }
  return waves;
}

function printWave(wave: readonly Launch[], table: KernelTable, batchMax: number): CudaLaunch[] {
  return joinWave(wave, batchMax).map((launch, i) => ({
    ...table.launch(launch),
    withPrevious: i > 0,
  }));
}

/** Kernels that are printed the same are one. */
class KernelTable {
  readonly kernels: CudaKernel[] = [];
  readonly #batchMax: number;
  readonly #helpers: Helper[] = [];
  readonly #functions = new Map<string, KernelFunction>();
  readonly #texts: string[] = [];
  readonly #byText = new Map<string, number>();
  readonly #names = new Set([nextStepName]);

  constructor(batchMax: number) {
    this.#batchMax = batchMax;
  }

  launch(launch: Placed): Omit<CudaLaunch, "withPrevious"> {
    const { kernel, placements } = launch;
    const scalarSlots = placements.flatMap((p) => (p.kind === "scalar" ? [p.slot] : []));
    const printed = printKernel({ kernel, scalarSlots }, (helper) => this.#helpers.push(helper));
    return {
      kernel: this.#intern(launch, printed),
      blocks: tasksAtMost(kernel, this.#batchMax),
      arguments: [
        ...kernel.parameters.flatMap((parameter, i) => argumentOf(parameter, placements[i]!)),
        ...(printed.takesStep ? [{ kind: "step" } as const] : []),
        ...(printed.takesN ? [{ kind: "n" } as const] : []),
      ],
    };
  }

  /** What the source has beside its head. */
  get parts(): Pick<SourceParts, "helpers" | "functions" | "kernels"> {
    const use = (helper: Helper): void => {
      this.#helpers.push(helper);
    };
    const printer = new CLikePrinter(cudaDialect(noMemory, use));
    const functions = [...this.#functions.values()].map((fn) =>
      printer.function(functionWithLegalNames(fn)).join("\n"),
    );
    return { helpers: this.#helpers, functions, kernels: this.#texts };
  }

  #intern(
    { kernel }: Placed,
    { text, functions, sharedBytes, isCooperative }: PrintedKernel,
  ): number {
    const content = text("");
    const known = this.#byText.get(content);
    if (known !== undefined) return known;
    for (const fn of functions) {
      if (!this.#functions.has(fn.name)) this.#functions.set(fn.name, fn);
      this.#names.add(fn.name);
    }
    const name = this.#name(kernelName(kernel.name));
    this.#byText.set(content, this.kernels.length);
    this.#texts.push(text(name));
    this.kernels.push({
      name,
      threads: kernel.threads,
      sharedBytes,
      isPersistent: kernel.isPersistent === true,
      isCooperative,
      computes: kernel.comment.lines,
      origins: kernel.comment.sources,
    });
    return this.kernels.length - 1;
  }

  #name(hint: string): string {
    let name = hint;
    for (let i = 2; this.#names.has(name); i++) name = `${hint}_${i}`;
    this.#names.add(name);
    return name;
  }
}

function argumentOf(parameter: KernelParameter, placement: Placement): CudaArgument[] {
  switch (placement.kind) {
    case "scalar":
      return [];
    case "column":
      return [placement];
    case "step":
      return [{ kind: "iteration", depth: placement.depth }];
    case "arena": {
      const { arena, offset } = placement;
      invariant(offset % 16 === 0, `${parameter.name} starts within 16 bytes`);
      if (parameter.kind !== "tensorMap") return [placement];
      const { extents, strides, box, swizzleBytes } = parameter;
      const dtype = parameter.roundsToTf32 ? "tf32" : parameter.dtype;
      if (dtype !== "f32" && dtype !== "tf32" && dtype !== "f16" && dtype !== "bf16")
        throw new InvariantError(`no boxes of ${dtype} are copied`);
      return [{ kind: "tensorMap", arena, offset, dtype, extents, strides, box, swizzleBytes }];
    }
  }
}
