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
import {
  fillPersistent,
  type GraphValues,
  reversedColumn,
  reversedRows,
  scalarsOf,
  valuesByName,
} from "../graph-values.ts";
import { type GraphCase, scheduleCase } from "../schedule-case.ts";

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

export interface CudaGraphOutcome extends GraphValues {
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
  const { graph, n } = test;
  const { fusion, target = describeCuda(), hopper, order, sanitized, isCooperative } = options;
  const scheduled = scheduleCase(test, target, fusion);
  const { program, inputs } = scheduled;
  const variant = hopper === undefined ? null : scheduleCase(test, hopper, fusion);
  const view = (arena: ArrayBuffer, value: Value, offset: number, rows: number) =>
    new (arrayOf(value.dtype))(arena, offset, elementsAt(value.shape, rows));
  const given = new ArrayBuffer(program.arenas.persistent);
  fillPersistent(
    scheduled,
    test,
    (value, offset) => view(given, value, offset, graph.batchMax),
    (element, { dtype }) => (isNarrowFloat(dtype) ? narrowBits(element, dtype) : element),
  );
  const temporaries = [program, ...(variant === null ? [] : [variant.program])];
  const kernels = await runKernels({
    module: program.module,
    ...(variant === null ? {} : { hopper: variant.program.module }),
    symbol: program.graphs[0]!.symbol,
    persistent: new Uint8Array(given),
    temporariesBytes: Math.max(...temporaries.map(({ arenas }) => arenas.temporaries)),
    resultsBytes: program.arenas.results,
    columns: inputs.map((value) => arrayOf(value.dtype).from(reversedColumn(value, test))),
    rows: reversedRows(test),
    scalars: scalarsOf(scheduled, test),
    seed: options.seed ?? 0,
    batch: options.batch ?? 0,
    batchMax: graph.batchMax,
    ...(order === undefined ? {} : { order }),
    ...(sanitized === undefined ? {} : { sanitized }),
    ...(isCooperative === undefined ? {} : { isCooperative }),
  });
  return {
    kernels,
    ...valuesByName(scheduled, (arena, value, offset) => view(kernels[arena], value, offset, n)),
  };
}
