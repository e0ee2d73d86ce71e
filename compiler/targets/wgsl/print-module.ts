/**
 * A kernel library as a program for WebGPU: every kernel a module of its own, and for each graph what one step
 * dispatches.
 */

import type {
  WgslDispatch,
  WgslKernel,
  WgslProgram,
} from "../../../runtime/devices/webgpu/wgsl-program.ts";
import { invariant } from "../../diagnostics/diagnostic.ts";
import { type Arena, type KernelModule, type Launch, launchTrees } from "../../kernel/module.ts";
import { CLikePrinter } from "../c-like-printer.ts";
import { tasksAtMost } from "../tasks-at-most.ts";
import { type ArenaSizes, type Bound, bindLaunch } from "./bindings.ts";
import { defaultLimits } from "./description.ts";
import { noMemory, wgslDialect } from "./dialect.ts";
import { joiningKey, joinLaunches } from "./join-launches.ts";
import { WgslLimitError } from "./limit-error.ts";
import { loopsOf, printLoops } from "./loops.ts";
import { functionWithLegalNames } from "./names.ts";
import { type PrintedKernel, printKernel, workgroupsOf } from "./print-kernel.ts";

export interface WgslPrintOptions {
  /** The largest batch. */
  readonly batchMax: number;
  /** Bytes of each arena. */
  readonly arenas: ArenaSizes;
}

/**
 * Prints a module; the launches of `withSubgroups` are the same, but that kernels may exchange values in subgroups.
 * @throws WgslLimitError if the model needs more than any device has.
 */
export function printWgsl(
  module: KernelModule,
  withSubgroups: KernelModule | null,
  options: WgslPrintOptions,
): WgslProgram {
  checkArenas(module.model, options.arenas);
  const table = new KernelTable(options.batchMax);
  const graphs = module.functions.map(({ graph, launches, loops }, i) => {
    const others = withSubgroups?.functions[i]?.launches;
    invariant(
      withSubgroups === null || others?.length === launches.length,
      `${graph} launches other kernels with subgroups`,
    );
    const pairs = launches.map((plain, k): Variants<Launch> => [plain, others?.[k] ?? null]);
    const dispatches: WgslDispatch[] = [];
    const byFirst = new Map<number, readonly number[]>();
    for (const wave of wavesOf(pairs)) {
      const own = joinWave(wave, options.arenas).map((bound) => table.dispatch(...bound));
      byFirst.set(
        pairs.indexOf(wave[0]!),
        own.map((dispatch) => dispatches.push(dispatch) - 1),
      );
    }
    const order = loops.length === 0 ? [] : printLoops(launchTrees({ launches, loops }), byFirst);
    return { graph, dispatches, order };
  });
  const loops = loopsOf(graphs.map(({ graph, order }) => [graph, order]));
  return {
    functions: table.functions,
    kernels: table.kernels,
    graphs: Object.fromEntries(graphs.map(({ graph, dispatches }) => [graph, dispatches])),
    ...(loops === undefined ? {} : { loops }),
    limits: limitsOf(
      options.arenas,
      graphs.flatMap(({ dispatches }) => dispatches),
    ),
  };
}

/** Without subgroups and with them. */
type Variants<T> = readonly [plain: T, withSubgroups: T | null];

/** Launches that may run at the same time. */
function wavesOf(launches: readonly Variants<Launch>[]): Variants<Launch>[][] {
  const waves: Variants<Launch>[][] = [];
  for (const launch of launches) {
    if (launch[0].withPrevious) waves.at(-1)!.push(launch);
    else waves.push([launch]);
  }
  return waves;
}

/** As few dispatches as can be. */
function joinWave(wave: readonly Variants<Launch>[], arenas: ArenaSizes): Variants<Bound>[] {
  const alone = ([plain, other]: Variants<Launch>): Variants<Bound> => [
    bindLaunch(plain, arenas),
    other && bindLaunch(other, arenas),
  ];
  const groups = new Map<string, Variants<Launch>[]>();
  wave.forEach((launch, k) => {
    const keys = launch.map((variant) => variant && joiningKey(variant));
    const isJoined = keys[0] !== null && (launch[1] === null || keys[1] !== null);
    const key = isJoined ? keys.join() : `alone ${k}`;
    groups.set(key, [...(groups.get(key) ?? []), launch]);
  });
  return [...groups.values()].flatMap((group) => {
    if (group.length === 1) return group.map(alone);
    const plain = joinLaunches(
      group.map(([launch]) => launch),
      arenas,
    );
    const others = group.flatMap(([, launch]) => (launch === null ? [] : [launch]));
    const withSubgroups = others.length === 0 ? null : joinLaunches(others, arenas);
    const isWhole = plain !== null && (others.length === 0 || withSubgroups !== null);
    return isWhole ? [[plain, withSubgroups] as const] : group.map(alone);
  });
}

/** Kernels that are printed the same are one. */
class KernelTable {
  readonly kernels: WgslKernel[] = [];
  readonly functions: Record<string, string> = {};
  readonly #batchMax: number;
  readonly #byText = new Map<string, number>();
  readonly #names = new Set<string>();

  constructor(batchMax: number) {
    this.#batchMax = batchMax;
  }

  dispatch(bound: Bound, withSubgroups: Bound | null): WgslDispatch {
    const { kernel, bindings } = bound;
    const isSame = JSON.stringify(withSubgroups?.bindings ?? bindings) === JSON.stringify(bindings);
    invariant(isSame, `${kernel.name} is bound to other memory with subgroups`);
    return {
      kernel: this.#intern(bound, withSubgroups),
      workgroups: workgroupsOf(tasksAtMost(kernel, this.#batchMax)),
      bindings,
    };
  }

  #intern(bound: Bound, withSubgroups: Bound | null): number {
    const { name } = bound.kernel;
    const plain = printKernel({ ...bound, batchMax: this.#batchMax });
    const { code, readOnly, requires } = plain;
    const uses = this.#use(plain);
    const variant = withSubgroups && printKernel({ ...withSubgroups, batchMax: this.#batchMax });
    const text = JSON.stringify([code, readOnly, variant?.code]);
    const known = this.#byText.get(text);
    if (known !== undefined) return known;
    const kernel: WgslKernel = {
      name: this.#name(name),
      uses,
      code,
      readOnly,
      requires,
      ...(variant === null || variant.code === code
        ? {}
        : { withSubgroups: { uses: this.#use(variant), code: variant.code } }),
    };
    this.#byText.set(text, this.kernels.length);
    this.kernels.push(kernel);
    return this.kernels.length - 1;
  }

  #use({ functions }: PrintedKernel): string[] {
    const printer = new CLikePrinter(wgslDialect(noMemory));
    for (const fn of functions) {
      this.functions[fn.name] ??= printer.function(functionWithLegalNames(fn)).join("\n");
    }
    return functions.map((fn) => fn.name);
  }

  #name(hint: string): string {
    let name = hint;
    for (let i = 2; this.#names.has(name); i++) name = `${hint}_${i}`;
    this.#names.add(name);
    return name;
  }
}

/** Sizes and offsets of buffers are words of 32 bits in all implementations. */
const largestBuffer = 2 ** 32 - 4;

function checkArenas(model: string, arenas: ArenaSizes): void {
  for (const [name, bytes] of Object.entries(arenas)) {
    if (bytes <= largestBuffer) continue;
    const gigabytes = (bytes / 2 ** 30).toFixed(1);
    throw new WgslLimitError(
      `${model} needs ${gigabytes} GiB in one buffer for ${arenaUses[name as Arena]}, but no device of WebGPU has ` +
        "more than 4 GiB: make the batch or the model smaller",
    );
  }
}

const arenaUses: { readonly [A in Arena]: string } = {
  persistent: "its parameters and the optimizer's memory",
  temporaries: "what it computes in a step",
  results: "its results",
};

/** What is larger than every device allows. */
function limitsOf(arenas: ArenaSizes, dispatches: readonly WgslDispatch[]): WgslProgram["limits"] {
  const buffer = Math.max(...Object.values(arenas));
  const sizes = dispatches.flatMap(({ bindings }) =>
    bindings.map((binding) => (binding.kind === "arena" ? binding.size : 0)),
  );
  const binding = sizes.reduce((a, b) => Math.max(a, b), 0);
  return {
    ...(buffer > defaultLimits.bufferBytes ? { maxBufferSize: buffer } : {}),
    ...(binding > defaultLimits.bindingBytes ? { maxStorageBufferBindingSize: binding } : {}),
  };
}
