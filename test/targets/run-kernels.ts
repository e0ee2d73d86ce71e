/**
 * Compiles a kernel library and runs its graphs through the native addon: what tests of kernels share. Arenas
 * are given and returned as bytes.
 */

import { readFileSync } from "node:fs";
import type { KernelModule } from "../../compiler/kernel/module.ts";
import { type CpuDescription, describeCpu } from "../../compiler/targets/cpu/description.ts";
import { printC } from "../../compiler/targets/cpu/print-module.ts";
import { compileLibrary } from "../../compiler/targets/cpu/toolchain.ts";
import { loadNativeAddon } from "../../runtime/devices/cpu/native-addon.ts";
import { keptFolder } from "../temporary-files.ts";

/** Libraries compiled by tests, kept between runs. */
export const testCache = keptFolder("nnc-test-cache");

export function thisCpu(): CpuDescription {
  const cpuinfo = process.platform === "linux" ? readFileSync("/proc/cpuinfo", "utf8") : "";
  return describeCpu({ architecture: process.arch, cpuinfo });
}

export interface KernelRun {
  readonly module: KernelModule;
  readonly symbol: string;
  readonly cpu?: CpuDescription;
  readonly persistent?: Uint8Array;
  readonly temporariesBytes?: number;
  readonly resultsBytes?: number;
  readonly columns?: readonly ArrayBufferView[];
  readonly rows?: readonly number[];
  readonly scalars?: readonly number[];
  readonly threads?: number;
  readonly seed?: number;
  readonly batch?: number;
}

export interface KernelOutcome {
  readonly persistent: ArrayBuffer;
  readonly results: ArrayBuffer;
  readonly source: string;
}

export async function runKernels({
  module,
  symbol,
  cpu = thisCpu(),
  persistent = new Uint8Array(0),
  temporariesBytes = 0,
  resultsBytes = 0,
  columns = [],
  rows = [0],
  scalars = [],
  threads = 1,
  seed = 0,
  batch = 0,
}: KernelRun): Promise<KernelOutcome> {
  const source = printC(module, { features: cpu.features, source: "test.nn" });
  const library = await compileLibrary(source, { ...cpu, cacheDirectory: testCache });
  const addon = loadNativeAddon();
  const session = new addon.Session(new addon.Library(library.path), {
    persistentBytes: persistent.byteLength,
    temporariesBytes,
    resultsBytes,
    threads,
    columns: columns.length,
  });
  try {
    new Uint8Array(session.persistent).set(persistent);
    columns.forEach((column, slot) => {
      session.bindColumn(slot, column);
    });
    await session.run({
      symbol,
      rows: Int32Array.from(rows),
      batchSize: rows.length,
      scalars: Float32Array.from(scalars),
      scalarsPerStep: scalars.length,
      seed,
      firstBatch: batch,
    });
    return {
      persistent: session.persistent.slice(0),
      results: session.results.slice(0),
      source,
    };
  } finally {
    session.dispose();
  }
}
