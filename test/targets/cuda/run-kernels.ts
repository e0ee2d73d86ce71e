/**
 * Prints a module as CUDA C++ and runs one of its graphs for one step on the emulation, launch by launch: what tests of
 * kernels share. Arenas are given and returned as bytes, in which elements have their natural sizes.
 */

import type { KernelModule } from "../../../compiler/kernel/module.ts";
import { printCuda } from "../../../compiler/targets/cuda/print-module.ts";
import type { CudaArena, CudaVariant } from "../../../runtime/devices/cuda/cuda-program.ts";
import {
  type UnrolledArgument,
  type UnrolledLaunch,
  unrollLoops,
} from "../../../runtime/devices/cuda/unroll-loops.ts";
import {
  type EmulatedArgument,
  type EmulatedLaunch,
  type EmulatedMemory,
  runEmulated,
  type ThreadOrder,
} from "../../cuda/launches.ts";

export interface KernelRun {
  readonly module: KernelModule;
  /** The same graphs with kernels for compute capability 9.0, which run in place of the others if given. */
  readonly hopper?: KernelModule;
  /** The symbol of a graph. */
  readonly symbol: string;
  readonly persistent?: Uint8Array;
  readonly temporariesBytes?: number;
  readonly resultsBytes?: number;
  /** Elements of each column as they are in files: bytes for u8 and bool. */
  readonly columns?: readonly ArrayBufferView[];
  readonly rows?: readonly number[];
  readonly scalars?: readonly number[];
  readonly seed?: number;
  readonly batch?: number;
  /** The largest batch; the number of rows without it. */
  readonly batchMax?: number;
  /** Of the threads of a block between two barriers. */
  readonly order?: ThreadOrder;
  /** Whether every access is checked by address sanitizer; takes longer to compile. */
  readonly sanitized?: boolean;
  /** Whether the device runs cooperative kernels; it does by default. */
  readonly isCooperative?: boolean;
}

export interface KernelOutcome {
  readonly persistent: ArrayBuffer;
  readonly temporaries: ArrayBuffer;
  readonly results: ArrayBuffer;
  readonly variant: CudaVariant;
  readonly source: string;
}

/** Blocks that persistent kernels get: fewer than tasks of tests, and no divisor of many. */
const persistentBlocks = 3;

/** @throws Error that says what a kernel did wrong, naming kernel, block and thread. */
export async function runKernels(run: KernelRun): Promise<KernelOutcome> {
  const { module, hopper, symbol, columns = [], rows = [0], scalars = [] } = run;
  const printed = printCuda(
    [
      { architecture: "sm_80", module },
      ...(hopper === undefined ? [] : [{ architecture: "sm_90a", module: hopper } as const]),
    ],
    { source: "test.nn", batchMax: run.batchMax ?? rows.length },
  );
  const variant = printed.program.variants[0]!;
  const source = printed.sources[0]!;
  const graph = module.functions.find((fn) => fn.symbol === symbol)!.graph;
  const persistent = run.persistent ?? new Uint8Array(0);
  const arena = (name: CudaArena, bytes: number, given?: Uint8Array): EmulatedMemory => ({
    name,
    bytes,
    ...(given === undefined ? {} : { given }),
  });
  const input = (name: string, data: ArrayBufferView): EmulatedMemory => {
    const given = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return { name, bytes: given.byteLength, given };
  };
  const memory = await runEmulated({
    source,
    memory: [
      arena("persistent", persistent.byteLength, persistent),
      arena("temporaries", run.temporariesBytes ?? 0),
      arena("results", run.resultsBytes ?? 0),
      input("rows", Int32Array.from(rows)),
      input("scalars", Float32Array.from(scalars)),
      ...columns.map((column, slot) => input(`column${slot}`, column)),
    ],
    steps: [
      {
        name: "step",
        rows: "rows",
        scalars: "scalars",
        seed: run.seed ?? 0,
        batch: run.batch ?? 0,
      },
    ],
    launches: inSomeOrder(unrollLoops(variant, graph, run.isCooperative ?? true)).map((launch) =>
      emulated(variant, launch, rows.length),
    ),
    ...(run.order === undefined ? {} : { order: run.order }),
    ...(run.sanitized === undefined ? {} : { sanitized: run.sanitized }),
  });
  return {
    persistent: memory.get("persistent")!,
    temporaries: memory.get("temporaries")!,
    results: memory.get("results")!,
    variant,
    source,
  };
}

/** What may run at the same time runs in reverse: it must make no difference. */
function inSomeOrder(launches: readonly UnrolledLaunch[]): readonly UnrolledLaunch[] {
  const groups: UnrolledLaunch[][] = [];
  for (const launch of launches) {
    if (launch.withPrevious && groups.length > 0) groups.at(-1)!.unshift(launch);
    else groups.push([launch]);
  }
  return groups.flat();
}

function emulated({ kernels }: CudaVariant, launch: UnrolledLaunch, n: number): EmulatedLaunch {
  const { name, threads, sharedBytes, isPersistent, isCooperative } = kernels[launch.kernel]!;
  return {
    kernel: name,
    blocks: isPersistent ? Math.min(persistentBlocks, launch.blocks) : launch.blocks,
    threads,
    sharedBytes,
    isCooperative,
    arguments: launch.arguments.map((argument) => emulatedArgument(argument, n)),
  };
}

function emulatedArgument(argument: UnrolledArgument, n: number): EmulatedArgument {
  switch (argument.kind) {
    case "arena":
      return { kind: "pointer", memory: argument.arena, offset: argument.offset };
    case "column":
      return { kind: "pointer", memory: `column${argument.slot}`, offset: 0 };
    case "step":
      return { kind: "pointer", memory: "step", offset: 0 };
    case "n":
      return { kind: "number", value: n };
    case "int":
      return { kind: "number", value: argument.value };
    case "tensorMap": {
      const { arena, offset, dtype, extents, strides, box, swizzleBytes } = argument;
      const lengths = extents.map(({ batch, constant }) => batch * n + constant);
      return {
        kind: "map",
        memory: arena,
        offset,
        dtype,
        swizzleBytes,
        extents: lengths,
        strides,
        box,
      };
    }
  }
}
