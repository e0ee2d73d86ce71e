/**
 * Schedules a graph for workgroups, prints it as WGSL and runs it on SwiftShader, giving what the interpreter gives:
 * results and assigned values by name.
 */

import type { DType } from "../../../compiler/graph/dtype.ts";
import { elementsAt } from "../../../compiler/graph/extent.ts";
import type { Value } from "../../../compiler/graph/node.ts";
import { describeWgsl } from "../../../compiler/targets/wgsl/description.ts";
import type { WgslProgram } from "../../../runtime/devices/webgpu/wgsl-program.ts";
import type { OpenedDevice } from "../../dawn.ts";
import { runKernels } from "../../targets/wgsl/run-kernels.ts";
import {
  fillPersistent,
  type GraphValues,
  reversedColumn,
  reversedRows,
  scalarsOf,
  valuesByName,
} from "../graph-values.ts";
import { type GraphCase, scheduleCase } from "../schedule-case.ts";

export interface RunOptions {
  readonly opened: OpenedDevice;
  readonly fusion: boolean;
  readonly subgroups: boolean;
  readonly seed?: number;
  readonly batch?: number;
}

export interface GraphOutcome extends GraphValues {
  readonly program: WgslProgram;
}

/** In arenas every element takes a word. */
const words = { f32: Float32Array, i32: Int32Array, u8: Uint32Array, bool: Uint32Array } as const;
const inFiles = { f32: Float32Array, i32: Int32Array, u8: Uint8Array, bool: Uint8Array } as const;

function narrow(dtype: DType): keyof typeof words {
  if (dtype === "f16" || dtype === "bf16") throw new Error(`no arrays of ${dtype}`);
  return dtype;
}

export async function runOnWorkgroups(test: GraphCase, options: RunOptions): Promise<GraphOutcome> {
  const { graph, n } = test;
  const { opened, fusion, subgroups, seed = 0, batch = 0 } = options;
  const scheduled = scheduleCase(test, describeWgsl(), fusion);
  const { program, inputs } = scheduled;
  const variant = subgroups ? scheduleCase(test, describeWgsl({ subgroups }), fusion) : undefined;
  const view = (arena: ArrayBuffer, value: Value, offset: number, rows: number) =>
    new words[narrow(value.dtype)](arena, offset, elementsAt(value.shape, rows));
  const given = new ArrayBuffer(program.arenas.persistent);
  fillPersistent(scheduled, test, (value, offset) => view(given, value, offset, graph.batchMax));
  const outcome = await runKernels({
    opened,
    module: program.module,
    ...(variant === undefined ? {} : { subgroups: variant.program.module }),
    symbol: program.graphs[0]!.symbol,
    persistent: new Uint8Array(given),
    temporariesBytes: program.arenas.temporaries,
    resultsBytes: program.arenas.results,
    columns: inputs.map((value) => inFiles[narrow(value.dtype)].from(reversedColumn(value, test))),
    rows: reversedRows(test),
    scalars: scalarsOf(scheduled, test),
    seed,
    batch,
    batchMax: graph.batchMax,
  });
  if (outcome === null) throw new Error("the device is gone");
  return {
    program: outcome.program,
    ...valuesByName(scheduled, (arena, value, offset) => view(outcome[arena], value, offset, n)),
  };
}

/** What a program asks of a device beyond what every device has: nothing, if the list is empty. */
export function excesses({ kernels, graphs, limits }: WgslProgram): string[] {
  const dispatches = Object.values(graphs).flat();
  return [
    ...Object.keys(limits),
    ...dispatches
      .filter(({ bindings }) => bindings.length > 8)
      .map(({ kernel, bindings }) => `${kernels[kernel]!.name} has ${bindings.length} bindings`),
    ...dispatches
      .filter(({ workgroups }) => workgroups.some((count) => count > 65_535))
      .map(({ kernel, workgroups }) => `${kernels[kernel]!.name} has ${workgroups} workgroups`),
  ];
}
