/**
 * Schedules a graph for CUDA, prints it and runs it on the emulation, giving what the interpreter gives: results and
 * assigned values by name.
 */

import type { DType } from "../../../compiler/graph/dtype.ts";
import { elementsAt } from "../../../compiler/graph/extent.ts";
import { isNarrowFloat } from "../../../compiler/graph/narrow-floats.ts";
import type { Value } from "../../../compiler/graph/node.ts";
import type { TargetDescription } from "../../../compiler/optimize/target-description.ts";
import { describeCuda } from "../../../compiler/targets/cuda/description.ts";
import type { ThreadOrder } from "../../cuda/launches.ts";
import { narrowBits } from "../../graph/narrow-bits.ts";
import { type KernelOutcome, runKernels } from "../../targets/cuda/run-kernels.ts";
import { type GraphCase, pathOf, roleOf, scheduleCase } from "../schedule-case.ts";

export interface CudaRunOptions {
  readonly fusion: boolean;
  /** CUDA as it is without it. */
  readonly target?: TargetDescription;
  /** Kernels for compute capability 9.0 run in place of the target's, if given. */
  readonly hopper?: TargetDescription;
  readonly order?: ThreadOrder;
  /** Whether address sanitizer checks every access. */
  readonly sanitized?: boolean;
  /** Whether the device runs cooperative kernels; it does by default. */
  readonly isCooperative?: boolean;
  readonly seed?: number;
  readonly batch?: number;
}

export interface CudaGraphOutcome {
  readonly results: ReadonlyMap<string, ArrayLike<number>>;
  /** By path of the target. */
  readonly assignments: ReadonlyMap<string, ArrayLike<number>>;
  readonly kernels: KernelOutcome;
}

/** Narrow floats are given as their bits. */
const arrays = {
  f32: Float32Array,
  f16: Uint16Array,
  bf16: Uint16Array,
  i32: Int32Array,
  u8: Uint8Array,
  bool: Uint8Array,
} as const;

function arrayOf(dtype: DType) {
  return arrays[dtype];
}

export async function runOnCuda(
  test: GraphCase,
  options: CudaRunOptions,
): Promise<CudaGraphOutcome> {
  const { graph, n, leaf } = test;
  const { fusion, target = describeCuda(), hopper, order, sanitized, isCooperative } = options;
  const { grouped, program, leaves, persistent, inputs } = scheduleCase(test, target, fusion);
  const variant = hopper === undefined ? null : scheduleCase(test, hopper, fusion);
  const view = (arena: ArrayBuffer, value: Value, offset: number, rows: number) =>
    new (arrayOf(value.dtype))(arena, offset, elementsAt(value.shape, rows));
  const given = new ArrayBuffer(program.arenas.persistent);
  for (const value of persistent) {
    const offset = program.persistent.offsets.get(value)!;
    const to = view(given, value, offset, graph.batchMax);
    const data = leaf(roleOf(value), pathOf(value));
    const { dtype } = value;
    const stored = (element: number) =>
      isNarrowFloat(dtype) ? narrowBits(element, dtype) : element;
    to.set(Array.from({ length: Math.min(to.length, data.length) }, (_, i) => stored(data[i]!)));
  }
  // Rows of the batch in reverse order of the data, so that the gather is tested.
  const rows = Array.from({ length: n }, (_, i) => n - 1 - i);
  const columns = inputs.map((value) => {
    const data = leaf("input", pathOf(value));
    const rowElements = elementsAt(value.shape.slice(1), n);
    return arrayOf(value.dtype).from(
      rows.flatMap((row) =>
        Array.from({ length: rowElements }, (_, i) => data[row * rowElements + i]!),
      ),
    );
  });
  const scalars = leaves.flatMap((value) =>
    roleOf(value) === "scalar" ? [leaf("scalar", pathOf(value))[0]!] : [],
  );
  const [scheduled] = program.graphs;
  const temporaries = [program, ...(variant === null ? [] : [variant.program])];
  const kernels = await runKernels({
    module: program.module,
    ...(variant === null ? {} : { hopper: variant.program.module }),
    symbol: scheduled!.symbol,
    persistent: new Uint8Array(given),
    temporariesBytes: Math.max(...temporaries.map(({ arenas }) => arenas.temporaries)),
    resultsBytes: program.arenas.results,
    columns,
    rows,
    scalars,
    seed: options.seed ?? 0,
    batch: options.batch ?? 0,
    batchMax: graph.batchMax,
    ...(order === undefined ? {} : { order }),
    ...(sanitized === undefined ? {} : { sanitized }),
    ...(isCooperative === undefined ? {} : { isCooperative }),
  });
  return {
    kernels,
    results: new Map(
      scheduled!.results.map(({ name, value, offset }) => [
        name,
        view(kernels.results, value, offset, n),
      ]),
    ),
    assignments: new Map(
      grouped.graph.assignments.map(({ target: to }) => [
        pathOf(to),
        view(kernels.persistent, to, program.persistent.offsets.get(to)!, n),
      ]),
    ),
  };
}
