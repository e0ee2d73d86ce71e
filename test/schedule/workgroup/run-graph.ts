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
import { type GraphCase, pathOf, roleOf, scheduleCase } from "../schedule-case.ts";

export interface RunOptions {
  readonly opened: OpenedDevice;
  readonly fusion: boolean;
  readonly subgroups: boolean;
  readonly seed?: number;
  readonly batch?: number;
}

export interface GraphOutcome {
  readonly results: ReadonlyMap<string, ArrayLike<number>>;
  /** By path of the target. */
  readonly assignments: ReadonlyMap<string, ArrayLike<number>>;
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
  const { graph, n, leaf } = test;
  const { opened, fusion, subgroups, seed = 0, batch = 0 } = options;
  const { grouped, program, leaves, persistent, inputs } = scheduleCase(
    test,
    describeWgsl(),
    fusion,
  );
  const variant = subgroups ? scheduleCase(test, describeWgsl({ subgroups }), fusion) : undefined;
  const view = (arena: ArrayBuffer, value: Value, offset: number, rows: number) =>
    new words[narrow(value.dtype)](arena, offset, elementsAt(value.shape, rows));
  const given = new ArrayBuffer(program.arenas.persistent);
  for (const value of persistent) {
    const offset = program.persistent.offsets.get(value)!;
    const target = view(given, value, offset, graph.batchMax);
    const data = leaf(roleOf(value), pathOf(value));
    target.set(Array.from({ length: Math.min(target.length, data.length) }, (_, i) => data[i]!));
  }
  // Rows of the batch in reverse order of the data, so that the gather is tested.
  const rows = Array.from({ length: n }, (_, i) => n - 1 - i);
  const columns = inputs.map((value) => {
    const data = leaf("input", pathOf(value));
    const rowElements = elementsAt(value.shape.slice(1), n);
    return inFiles[narrow(value.dtype)].from(
      rows.flatMap((row) =>
        Array.from({ length: rowElements }, (_, i) => data[row * rowElements + i]!),
      ),
    );
  });
  const scalars = leaves.flatMap((value) =>
    roleOf(value) === "scalar" ? [leaf("scalar", pathOf(value))[0]!] : [],
  );
  const [scheduled] = program.graphs;
  const outcome = await runKernels({
    opened,
    module: program.module,
    ...(variant === undefined ? {} : { subgroups: variant.program.module }),
    symbol: scheduled!.symbol,
    persistent: new Uint8Array(given),
    temporariesBytes: program.arenas.temporaries,
    resultsBytes: program.arenas.results,
    columns,
    rows,
    scalars,
    seed,
    batch,
    batchMax: graph.batchMax,
  });
  if (outcome === null) throw new Error("the device is gone");
  return {
    program: outcome.program,
    results: new Map(
      scheduled!.results.map(({ name, value, offset }) => [
        name,
        view(outcome.results, value, offset, n),
      ]),
    ),
    assignments: new Map(
      grouped.graph.assignments.map(({ target }) => [
        pathOf(target),
        view(outcome.persistent, target, program.persistent.offsets.get(target)!, n),
      ]),
    ),
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
