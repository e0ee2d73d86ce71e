/**
 * Schedules graphs, compiles them into one library and runs each, with data for its leaves, giving what the
 * interpreter gives: results and assigned values by name.
 */

import type { DType } from "../../compiler/graph/dtype.ts";
import { elementsAt } from "../../compiler/graph/extent.ts";
import type { Value } from "../../compiler/graph/node.ts";
import type { CpuDescription } from "../../compiler/targets/cpu/description.ts";
import { printC } from "../../compiler/targets/cpu/print-module.ts";
import { compileLibrary } from "../../compiler/targets/cpu/toolchain.ts";
import { loadNativeAddon } from "../../runtime/devices/cpu/native-addon.ts";
import { testCache } from "../targets/run-kernels.ts";
import { type GraphCase, pathOf, roleOf, scheduleCase } from "./schedule-case.ts";

export interface RunOptions {
  readonly cpu: CpuDescription;
  readonly fusion: boolean;
  readonly threads?: number;
  readonly seed?: number;
  readonly batch?: number;
  /** Where compiled libraries are kept. */
  readonly cacheDirectory?: string;
}

export interface GraphOutcome {
  readonly results: ReadonlyMap<string, ArrayLike<number>>;
  /** By path of the target. */
  readonly assignments: ReadonlyMap<string, ArrayLike<number>>;
  readonly source: string;
}

const arrays = {
  f32: Float32Array,
  i32: Int32Array,
  u8: Uint8Array,
  bool: Uint8Array,
} as const;

function arrayType(dtype: DType) {
  if (dtype === "f16" || dtype === "bf16") throw new Error(`no arrays of ${dtype}`);
  return arrays[dtype];
}

export async function runGraph(test: GraphCase, options: RunOptions): Promise<GraphOutcome> {
  const { graph, n, leaf } = test;
  const { cpu, fusion, threads = 1, seed = 0, batch = 0 } = options;
  const { cacheDirectory = testCache } = options;
  const { grouped, program, leaves, persistent, inputs } = scheduleCase(test, cpu, fusion);
  const source = printC(program.module, { features: cpu.features, source: "test.nn" });
  const library = await compileLibrary(source, { ...cpu, cacheDirectory });
  const addon = loadNativeAddon();
  const session = new addon.Session(new addon.Library(library.path), {
    persistentBytes: program.arenas.persistent,
    temporariesBytes: program.arenas.temporaries,
    resultsBytes: program.arenas.results,
    threads,
    columns: inputs.length,
  });
  try {
    const view = (arena: ArrayBuffer, value: Value, offset: number) =>
      new (arrayType(value.dtype))(arena, offset, elementsAt(value.shape, graph.batchMax));
    for (const value of persistent) {
      const target = view(session.persistent, value, program.persistent.offsets.get(value)!);
      const data = leaf(roleOf(value), pathOf(value));
      target.set(Array.from({ length: Math.min(target.length, data.length) }, (_, i) => data[i]!));
    }
    // Rows of the batch in reverse order of the data, so that the gather is tested.
    const rows = Int32Array.from({ length: n }, (_, i) => n - 1 - i);
    inputs.forEach((value, slot) => {
      const data = leaf("input", pathOf(value));
      const rowElements = elementsAt(value.shape.slice(1), n);
      const column = new (arrayType(value.dtype))(n * rowElements);
      for (let row = 0; row < n; row++) {
        for (let i = 0; i < rowElements; i++) {
          column[(n - 1 - row) * rowElements + i] = data[row * rowElements + i]!;
        }
      }
      session.bindColumn(slot, column);
    });
    const [scheduled] = program.graphs;
    const scalars = leaves.flatMap((value) =>
      roleOf(value) === "scalar" ? [leaf("scalar", pathOf(value))[0]!] : [],
    );
    await session.run({
      symbol: scheduled!.symbol,
      rows,
      batchSize: n,
      scalars: Float32Array.from(scalars),
      scalarsPerStep: scalars.length,
      seed,
      firstBatch: batch,
    });
    return {
      source,
      results: new Map(
        scheduled!.results.map(({ name, value, offset }) => [
          name,
          view(session.results, value, offset).slice(0, elementsAt(value.shape, n)),
        ]),
      ),
      assignments: new Map(
        grouped.graph.assignments.map(({ target }) => [
          pathOf(target),
          view(session.persistent, target, program.persistent.offsets.get(target)!).slice(
            0,
            elementsAt(target.shape, n),
          ),
        ]),
      ),
    };
  } finally {
    session.dispose();
  }
}
