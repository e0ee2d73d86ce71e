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
import {
  fillPersistent,
  type GraphValues,
  reversedColumn,
  reversedRows,
  scalarsOf,
  valuesByName,
} from "./graph-values.ts";
import { type GraphCase, scheduleCase } from "./schedule-case.ts";

export interface RunOptions {
  readonly cpu: CpuDescription;
  readonly fusion: boolean;
  readonly threads?: number;
  readonly seed?: number;
  readonly batch?: number;
  /** Where compiled libraries are kept. */
  readonly cacheDirectory?: string;
}

export interface GraphOutcome extends GraphValues {
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
  const { graph, n } = test;
  const { cpu, fusion, threads = 1, seed = 0, batch = 0 } = options;
  const { cacheDirectory = testCache } = options;
  const scheduled = scheduleCase(test, cpu, fusion);
  const { program, inputs } = scheduled;
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
    const view = (arena: ArrayBuffer, value: Value, offset: number, rows: number) =>
      new (arrayType(value.dtype))(arena, offset, elementsAt(value.shape, rows));
    fillPersistent(scheduled, test, (value, offset) =>
      view(session.persistent, value, offset, graph.batchMax),
    );
    inputs.forEach((value, slot) => {
      session.bindColumn(slot, arrayType(value.dtype).from(reversedColumn(value, test)));
    });
    const scalars = scalarsOf(scheduled, test);
    await session.run({
      symbol: program.graphs[0]!.symbol,
      rows: Int32Array.from(reversedRows(test)),
      batchSize: n,
      scalars: Float32Array.from(scalars),
      scalarsPerStep: scalars.length,
      seed,
      firstBatch: batch,
    });
    return {
      source,
      // The session's memory goes with it.
      ...valuesByName(scheduled, (arena, value, offset) =>
        view(session[arena], value, offset, n).slice(),
      ),
    };
  } finally {
    session.dispose();
  }
}
