/** Resize: along each axis that changes, what the cells around a position give by their weights. */

import { NotExpressible } from "../case-program.ts";
import { axisNames, element, float, fromStart } from "../case-rules.ts";
import { notation } from "./notation.ts";
import type { NodeCall, Rules, Value } from "./rule.ts";
import {
  clipped,
  cubicKernel,
  cubicTaps,
  linearTaps,
  nearestTap,
  type Taps,
  taps,
} from "./taps.ts";

/** How one axis changes. */
interface Resampling {
  readonly from: number;
  readonly to: number;
  /** New cells for an old one; `to` is not always from · scale. */
  readonly scale: number;
  /** Where a crop begins and ends, in shares of the axis. */
  readonly region: readonly [number, number];
}

const roundHalfUp = (x: number): number => Math.floor(x + 0.5);

/** What an input gives for each axis of x, where it gives any; `fallback` for axes that it leaves out. */
function perAxis(
  values: readonly number[],
  axes: readonly number[] | undefined,
  rank: number,
  fallback: (axis: number) => number,
): number[] {
  if (axes === undefined) return [...values];
  return Array.from({ length: rank }, (_, axis) => {
    const at = axes.findIndex((named) => fromStart(named, rank) === axis);
    return at < 0 ? fallback(axis) : values[at]!;
  });
}

const known = (call: NodeCall, input: Value | undefined): readonly number[] | undefined => {
  const elements = input === undefined ? [] : call.constant(input);
  return elements.length === 0 ? undefined : elements;
};

function resamplings(call: NodeCall, x: Value): Resampling[] {
  const rank = x.shape.length;
  const axes = call.ints("axes");
  const isOld = call.opset < 11;
  const [roi, scales, sizes] = isOld
    ? [undefined, known(call, call.inputs[1]), undefined]
    : [1, 2, 3].map((i) => known(call, call.inputs[i]));
  const fixed = scales ?? (call.has("scales") ? call.floats("scales") : undefined);
  const isCropping = call.string("coordinate_transformation_mode", "") === "tf_crop_and_resize";
  const region = (axis: number): [number, number] => {
    if (!isCropping || roi === undefined) return [0, 1];
    const [begins, ends] = [roi.slice(0, roi.length / 2), roi.slice(roi.length / 2)];
    return [perAxis(begins, axes, rank, () => 0)[axis]!, perAxis(ends, axes, rank, () => 1)[axis]!];
  };
  if (fixed !== undefined) {
    const all = perAxis(fixed, axes, rank, () => 1);
    return x.shape.map((from, axis) => {
      const [begin, end] = region(axis);
      const to = Math.floor(from * (end - begin) * all[axis]!);
      return { from, to, scale: all[axis]!, region: [begin, end] };
    });
  }
  if (sizes === undefined) throw new NotExpressible(`${call.opType} without scales or sizes`);
  const wanted = perAxis(sizes, axes, rank, (axis) => x.shape[axis]!);
  const policy = call.string("keep_aspect_ratio_policy", "stretch");
  const isNamed = (axis: number) =>
    axes === undefined || axes.some((named) => fromStart(named, rank) === axis);
  const ratios = x.shape.flatMap((from, axis) => (isNamed(axis) ? [wanted[axis]! / from] : []));
  const common = policy === "not_larger" ? Math.min(...ratios) : Math.max(...ratios);
  return x.shape.map((from, axis) => {
    const isKept = policy !== "stretch" && isNamed(axis);
    const to = isKept ? roundHalfUp(common * from) : wanted[axis]!;
    return { from, to, scale: isKept ? common : to / from, region: region(axis) };
  });
}

/** Where output o is read, in cells of the input. */
function positionOf(call: NodeCall, { from, to, scale, region: [begin, end] }: Resampling): string {
  const isOld = call.opset < 11;
  const mode = call.string("coordinate_transformation_mode", isOld ? "asymmetric" : "half_pixel");
  const halfPixel = `(o + 0.5) / ${float(scale)} - 0.5`;
  // Of a scale that gives no whole number of cells, the exact number counts.
  const exact = scale * from;
  switch (mode) {
    case "half_pixel":
      return halfPixel;
    case "half_pixel_symmetric":
      return `${float((from / 2) * (1 - to / exact))} + ${halfPixel}`;
    case "pytorch_half_pixel":
      return to === 1 ? "0.0 * o" : halfPixel;
    case "align_corners":
      return to === 1 ? "0.0 * o" : `o * ${float((from - 1) / (exact - 1))}`;
    case "asymmetric":
      return `o / ${float(scale)}`;
    case "tf_half_pixel_for_nn":
      return `(o + 0.5) / ${float(scale)}`;
    case "tf_crop_and_resize":
      return to === 1
        ? `${float(0.5 * (begin + end) * (from - 1))} + 0.0 * o`
        : `${float(begin * (from - 1))} + o * ${float(((end - begin) * (from - 1)) / (to - 1))}`;
    default:
      throw new NotExpressible(`the coordinates ${mode}`);
  }
}

const roundings: Readonly<Record<string, (position: string) => string>> = {
  round_prefer_floor: (at) => `ceil(${at} - 0.5)`,
  round_prefer_ceil: (at) => `floor(${at} + 0.5)`,
  floor: (at) => `floor(${at})`,
  ceil: (at) => `ceil(${at})`,
};

/** Cells and weights of an axis; what a smaller image is made of may be wider than a cell (`antialias`). */
function tapsOf(call: NodeCall, position: Value, { scale }: Resampling): Taps {
  const mode = call.string("mode", "nearest");
  const a = call.float("cubic_coeff_a", call.opset < 11 ? -0.5 : -0.75);
  if (mode === "nearest") {
    const usual = call.opset < 11 ? "floor" : "round_prefer_floor";
    const rounding = roundings[call.string("nearest_mode", usual)];
    if (rounding === undefined) throw new NotExpressible("an unknown nearest_mode");
    return nearestTap(call, call.define(rounding(position.expression), position.shape));
  }
  if (mode !== "linear" && mode !== "cubic") throw new NotExpressible(`the mode ${mode}`);
  if (call.int("antialias", 0) === 1 && scale < 1) {
    const reach = Math.ceil((mode === "linear" ? 1 : 2) / scale);
    const kernel = mode === "linear" ? (d: string) => `maximum(0.0, 1.0 - ${d})` : cubicKernel(a);
    const wide = taps(call, position, { count: 2 * reach, first: reach - 1, kernel, scale });
    return { ...wide, weights: shares(call, wide.weights) };
  }
  return mode === "linear" ? linearTaps(call, position) : cubicTaps(call, position, a);
}

/** Weights divided by their sum. */
const shares = (call: NodeCall, { expression, shape }: Value): Value =>
  call.define(`${expression} / sum(${expression}, axis = -1, keepdims = true)`, shape);

/** x with an axis of another size. */
function alongAxis(
  call: NodeCall,
  x: Value,
  axis: number,
  { count, cells, weights }: Taps,
  to: number,
): Value {
  const axes = axisNames(x.shape.length);
  const o = axes[axis]!;
  const cell = `${cells.expression}[${o}, j]`;
  const read = element(x.expression, axes.with(axis, cell));
  const body = `sum[j < ${count}] ${weights.expression}[${o}, j] * ${read}`;
  return notation(call, axes, x.shape.with(axis, to), body);
}

function resize(call: NodeCall): Value[] {
  let y = call.input(0);
  const outside: (string | undefined)[] = [];
  const isCropping = call.string("coordinate_transformation_mode", "") === "tf_crop_and_resize";
  for (const [axis, resampling] of resamplings(call, y).entries()) {
    const { from, to, scale, region } = resampling;
    if (from === to && scale === 1 && region[0] === 0 && region[1] === 1) continue;
    const position = notation(call, ["o"], [to], positionOf(call, resampling));
    let read = tapsOf(call, position, resampling);
    if (call.int("exclude_outside", 0) === 1) {
      // Cells beyond the ends count nothing, and the others the more.
      const { expression } = read.cells;
      const inside = `${expression} >= 0 and ${expression} < ${from}`;
      const weights = `if ${inside} then ${read.weights.expression} else 0.0`;
      read = { ...read, weights: shares(call, call.define(weights, read.weights.shape)) };
    }
    y = alongAxis(call, y, axis, clipped(call, read, from), to);
    const at = `${position.expression}[i${axis}]`;
    if (isCropping) outside.push(`${at} < 0 or ${at} > ${from - 1}`);
  }
  if (outside.length === 0) return [y];
  const axes = axisNames(y.shape.length);
  const value = float(call.float("extrapolation_value", 0));
  const body = `if ${outside.join(" or ")} then ${value} else ${element(y.expression, axes)}`;
  return [notation(call, axes, y.shape, body)];
}

export const resamplingRules: Rules = { Resize: resize, Upsample: resize };
