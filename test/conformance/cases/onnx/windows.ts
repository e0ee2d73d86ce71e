/** Windows that slide over the spatial axes of [N, C, spatial], by what ONNX' attributes say of them. */

import { axisNames, list } from "../case-rules.ts";
import type { NodeCall, Value } from "./rule.ts";

/** All lists have one entry for each spatial axis. */
export interface Windows {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Cells that lie before the input, and behind it. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** How many windows there are. */
  readonly counts: readonly number[];
}

/** The axes of the windows, and those within a window. */
export const windowAxes = ({ kernel }: Windows) => ({
  p: axisNames(kernel.length, "p"),
  k: axisNames(kernel.length, "k"),
});

/** Where point k of window p lies along an axis: p·stride + k·dilation − before. */
export const place = ({ strides, dilations, before }: Windows, axis: number): string =>
  `p${axis} * ${strides[axis]} + k${axis} * ${dilations[axis]} - ${before[axis]}`;

/** As many cells as a dilated kernel spans. */
const span = (kernel: number, dilation: number): number => (kernel - 1) * dilation + 1;

/** Cells before and behind an axis: as `pads` says, or those that are missing to ⌈size / stride⌉ windows. */
function padding(call: NodeCall, sizes: readonly number[], spans: readonly number[]) {
  const kind = call.string("auto_pad", "NOTSET");
  const pads = call.ints("pads") ?? sizes.flatMap(() => [0, 0]);
  const strides = call.ints("strides") ?? sizes.map(() => 1);
  return sizes.map((size, axis) => {
    if (kind === "NOTSET") return [pads[axis]!, pads[axis + sizes.length]!] as const;
    if (kind === "VALID") return [0, 0] as const;
    const windows = Math.ceil(size / strides[axis]!);
    const missing = Math.max((windows - 1) * strides[axis]! + spans[axis]! - size, 0);
    const [smaller, larger] = [Math.floor(missing / 2), Math.ceil(missing / 2)];
    return kind === "SAME_UPPER" ? ([smaller, larger] as const) : ([larger, smaller] as const);
  });
}

/** The windows over axes of these sizes. With `ceil_mode` a last one may reach over the end, but not begin there. */
export function windowsOf(
  call: NodeCall,
  sizes: readonly number[],
  kernel: readonly number[],
): Windows {
  const ones = kernel.map(() => 1);
  const strides = call.ints("strides") ?? ones;
  const dilations = call.ints("dilations") ?? ones;
  const spans = kernel.map((cells, axis) => span(cells, dilations[axis]!));
  const pads = padding(call, sizes, spans);
  const isCeiling = call.int("ceil_mode", 0) === 1;
  const counts = sizes.map((size, axis) => {
    const [before, after] = pads[axis]!;
    const steps = (size + before + after - spans[axis]!) / strides[axis]!;
    const last = isCeiling ? Math.ceil(steps) : Math.floor(steps);
    return last * strides[axis]! >= size + before ? last : last + 1;
  });
  return {
    kernel,
    strides,
    dilations,
    before: pads.map(([before]) => before),
    after: pads.map(([, after]) => after),
    counts,
  };
}

/** A vector over axis 1, in a shape that broadcasts against tensors of this rank. */
export const alongChannels = ({ expression }: Value, rank: number): string =>
  `reshape(${expression}, [-1${", 1".repeat(rank - 2)}])`;

/** As a list of pairs (before, after), what the library's padding layers take. */
const pairs = (before: readonly number[], after: readonly number[]): string =>
  list(before.map((cells, axis) => list([cells, after[axis]!])));

/** x with zeros around its spatial axes. */
export function zeroPadded(call: NodeCall, x: Value, { before, after }: Windows): Value {
  if ([...before, ...after].every((cells) => cells === 0)) return x;
  const shape = x.shape.map((size, axis) =>
    axis < 2 ? size : size + before[axis - 2]! + after[axis - 2]!,
  );
  const layer = `ZeroPadding${before.length}D(${pairs(before, after)}, ${channelsFirst})`;
  return call.define(`${layer}(${x.expression})`, shape);
}

export const channelsFirst = 'data_format = "channels_first"';
