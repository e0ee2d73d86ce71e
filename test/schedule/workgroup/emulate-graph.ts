/** A graph scheduled for CUDA, printed, compiled and run on the emulation: the threads of a block one after the other. */

import type { DType } from "../../../compiler/graph/dtype.ts";
import { elementsAt } from "../../../compiler/graph/extent.ts";
import type { Value } from "../../../compiler/graph/node.ts";
import type { TargetDescription } from "../../../compiler/optimize/target-description.ts";
import { describeCuda } from "../../../compiler/targets/cuda/description.ts";
import type { ThreadOrder } from "../../cuda/launches.ts";
import { runKernels } from "../../targets/cuda/run-kernels.ts";
import { type GraphCase, pathOf, roleOf, scheduleCase } from "../schedule-case.ts";

export interface EmulationOptions {
  readonly fusion: boolean;
  readonly seed?: number;
  readonly batch?: number;
  readonly order?: ThreadOrder;
  /** CUDA as it is without it. */
  readonly target?: TargetDescription;
  /** Whether address sanitizer checks every access. */
  readonly sanitized?: boolean;
}

export interface EmulatedOutcome {
  readonly results: ReadonlyMap<string, ArrayLike<number>>;
  /** By path of the target. */
  readonly assignments: ReadonlyMap<string, ArrayLike<number>>;
  readonly source: string;
}

const arrays = { f32: Float32Array, i32: Int32Array, u8: Uint8Array, bool: Uint8Array } as const;

function arrayOf(dtype: DType): (typeof arrays)[keyof typeof arrays] {
  if (dtype === "f16" || dtype === "bf16") throw new Error(`no arrays of ${dtype}`);
  return arrays[dtype];
}

export async function emulateGraph(
  test: GraphCase,
  { fusion, seed = 0, batch = 0, order, target = describeCuda(), sanitized }: EmulationOptions,
): Promise<EmulatedOutcome> {
  const { graph, n, leaf } = test;
  const scheduled = scheduleCase(test, target, fusion);
  const { grouped, program, leaves, persistent, inputs } = scheduled;
  const view = (arena: ArrayBuffer, value: Value, offset: number, rows: number) =>
    new (arrayOf(value.dtype))(arena, offset, elementsAt(value.shape, rows));
  const given = new ArrayBuffer(program.arenas.persistent);
  for (const value of persistent) {
    const offset = program.persistent.offsets.get(value)!;
    const whole = view(given, value, offset, graph.batchMax);
    const data = leaf(roleOf(value), pathOf(value));
    whole.set(Array.from({ length: Math.min(whole.length, data.length) }, (_, i) => data[i]!));
  }
  // Rows of the batch in reverse order of the data, so that the gather is tested.
  const rows = Array.from({ length: n }, (_, i) => n - 1 - i);
  const columns = inputs.map((value) => {
    const data = leaf("input", pathOf(value));
    const rowElements = elementsAt(value.shape.slice(1), n);
    const inFile = rows.flatMap((row) =>
      Array.from({ length: rowElements }, (_, i) => data[row * rowElements + i]!),
    );
    return arrayOf(value.dtype).from(inFile);
  });
  const scalars = leaves.flatMap((value) =>
    roleOf(value) === "scalar" ? [leaf("scalar", pathOf(value))[0]!] : [],
  );
  const [compiled] = program.graphs;
  const outcome = await runKernels({
    module: program.module,
    symbol: compiled!.symbol,
    persistent: new Uint8Array(given),
    temporariesBytes: program.arenas.temporaries,
    resultsBytes: program.arenas.results,
    columns,
    rows,
    scalars,
    seed,
    batch,
    batchMax: graph.batchMax,
    ...(order === undefined ? {} : { order }),
    ...(sanitized === undefined ? {} : { sanitized }),
  });
  return {
    source: outcome.source,
    results: new Map(
      compiled!.results.map(({ name, value, offset }) => [
        name,
        view(outcome.results, value, offset, n),
      ]),
    ),
    assignments: new Map(
      grouped.graph.assignments.map(({ target: to }) => [
        pathOf(to),
        view(outcome.persistent, to, program.persistent.offsets.get(to)!, n),
      ]),
    ),
  };
}
