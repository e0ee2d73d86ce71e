/** Convolutions by the library's layers, and what it has none for in index notation. Images are [N, C, spatial]. */

import { NotExpressible } from "../case-program.ts";
import { axisNames, element, list, reduction } from "../case-rules.ts";
import { notation } from "./notation.ts";
import type { NodeCall, Rules, Value } from "./rule.ts";
import { linearTaps, sampledAt } from "./taps.ts";
import {
  alongChannels,
  channelsFirst,
  place,
  type Windows,
  windowAxes,
  windowsOf,
  zeroPadded,
} from "./windows.ts";

const withBias = (call: NodeCall, y: Value, bias: Value | undefined): Value =>
  bias === undefined
    ? y
    : call.define(`${y.expression} + ${alongChannels(bias, y.shape.length)}`, y.shape);

/** The library's layer, whose kernels are [spatial, in / groups, out] where ONNX' are [out, in / groups, spatial]. */
function convolve(
  call: NodeCall,
  given: Value,
  w: Value,
  bias: Value | undefined,
  windows: Windows,
  groups: number,
): Value {
  const { kernel, strides, dilations, counts } = windows;
  const x = zeroPadded(call, given, windows);
  const settings = [
    `${w.shape[0]}`,
    list(kernel),
    `strides = ${list(strides)}`,
    `dilation_rate = ${list(dilations)}`,
    `groups = ${groups}`,
    `use_bias = ${bias !== undefined}`,
    channelsFirst,
  ];
  const layer = call.layer(`Conv${kernel.length}D(${settings.join(", ")})`, {
    kernel: { value: w, order: [...kernel.map((_, axis) => axis + 2), 1, 0] },
    ...(bias !== undefined && { bias: { value: bias } }),
  });
  return call.define(`${layer}(${x.expression})`, [x.shape[0]!, w.shape[0]!, ...counts]);
}

function convolution(call: NodeCall): Value[] {
  const [x, w] = [call.input(0), call.input(1)];
  const windows = windowsOf(call, x.shape.slice(2), w.shape.slice(2));
  return [convolve(call, x, w, call.inputs[2], windows, call.int("group", 1))];
}

/** The sizes of a transposed convolution's output, and the cells cut off before it. */
function transposedSizes(call: NodeCall, sizes: readonly number[], kernel: readonly number[]) {
  const ones = kernel.map(() => 1);
  const strides = call.ints("strides") ?? ones;
  const dilations = call.ints("dilations") ?? ones;
  const extra = call.ints("output_padding") ?? kernel.map(() => 0);
  const pads = call.ints("pads") ?? kernel.flatMap(() => [0, 0]);
  const kind = call.string("auto_pad", "NOTSET");
  const whole = sizes.map(
    (size, axis) =>
      (size - 1) * strides[axis]! + (kernel[axis]! - 1) * dilations[axis]! + 1 + extra[axis]!,
  );
  const wanted =
    call.ints("output_shape")?.slice(-kernel.length) ??
    (kind.startsWith("SAME") ? sizes.map((size, axis) => size * strides[axis]!) : undefined);
  const counts =
    wanted ?? whole.map((size, axis) => size - pads[axis]! - pads[axis + kernel.length]!);
  const before = whole.map((size, axis) => {
    if (wanted === undefined) return pads[axis]!;
    const cut = Math.max(size - counts[axis]!, 0);
    return kind === "SAME_UPPER" ? Math.floor(cut / 2) : Math.ceil(cut / 2);
  });
  return { strides, dilations, counts, before };
}

/** For place q of what windows are spread over, the window whose point k falls on it. */
function spreading(
  { strides, dilations, before }: Pick<Windows, "strides" | "dilations" | "before">,
  q: readonly string[],
  k: readonly string[],
) {
  const offsets = q.map((axis, i) => `${axis} + ${before[i]} - ${k[i]} * ${dilations[i]}`);
  const hits = offsets.flatMap((offset, i) =>
    strides[i] === 1 ? [] : [`(${offset}) % ${strides[i]} == 0`],
  );
  return {
    sources: offsets.map((at, i) => (strides[i] === 1 ? at : `(${at}) / ${strides[i]}`)),
    /** Nothing where a place lies between those that a stride reaches. */
    whereReached: (term: string) =>
      hits.length === 0 ? term : `if ${hits.join(" and ")} then ${term} else 0.0`,
  };
}

/** What x[n, c, i] adds to the places i·stride + k·dilation − before; kernels are [in, out / groups, spatial]. */
function transposed(call: NodeCall): Value[] {
  const [x, w] = [call.input(0), call.input(1)];
  const [inner, perGroup, ...kernel] = w.shape as [number, number, ...number[]];
  const groups = call.int("group", 1);
  const geometry = transposedSizes(call, x.shape.slice(2), kernel);
  const q = axisNames(kernel.length, "q");
  const k = axisNames(kernel.length, "k");
  const channel = groups === 1 ? "c" : `o / ${perGroup} * ${inner / groups} + c`;
  const output = groups === 1 ? "o" : `o % ${perGroup}`;
  const { sources, whereReached } = spreading(geometry, q, k);
  const product = `${element(x.expression, ["n", channel, ...sources])} * ${element(w.expression, [channel, output, ...k])}`;
  const body = reduction("sum", ["c", ...k], [inner / groups, ...kernel], whereReached(product));
  const shape = [x.shape[0]!, perGroup * groups, ...geometry.counts];
  return [withBias(call, notation(call, ["n", "o", ...q], shape, body), call.inputs[2])];
}

/** A depthwise convolution that sees the past only, and what it has to remember for the steps to come. */
function causalWithState(call: NodeCall): Value[] {
  const [x, w] = [call.input(0), call.input(1)];
  const [bias, past] = call.inputs.slice(2);
  const [samples, channels, steps] = x.shape as [number, number, number];
  const width = w.shape[2]!;
  const kept = width - 1;
  const whole = [samples, channels, steps + kept];
  const joined =
    past === undefined
      ? call.define(`ZeroPadding1D([${kept}, 0], ${channelsFirst})(${x.expression})`, whole)
      : call.define(`concat([${past.expression}, ${x.expression}], axis = 2)`, whole);
  const windows = {
    kernel: [width],
    strides: [1],
    dilations: [1],
    before: [0],
    after: [0],
    counts: [steps],
  };
  const y = convolve(call, joined, w, bias, windows, channels);
  const state = call.define(`${joined.expression}[:, :, ${steps}:]`, [samples, channels, kept]);
  switch (call.string("activation", "none")) {
    case "none":
      return [y, state];
    case "silu":
    case "swish":
      return [call.define(`silu(${y.expression})`, y.shape), state];
    default:
      throw new NotExpressible(`the activation ${call.string("activation")}`);
  }
}

/** The image that columns of windows' cells were taken from: cells that several windows have are added up. */
function columnsToImage(call: NodeCall): Value[] {
  const x = call.input(0);
  const [sizes, kernel] = [call.constant(1), call.constant(2)];
  const windows = windowsOf(call, sizes, kernel);
  const cells = kernel.reduce((product, extent) => product * extent, 1);
  const [samples, channels] = [x.shape[0]!, x.shape[1]! / cells];
  const cut = [samples, channels, ...kernel, ...windows.counts];
  const columns = call.define(`reshape(${x.expression}, ${list(cut)})`, cut);
  const q = axisNames(kernel.length, "q");
  const { k } = windowAxes(windows);
  const { sources, whereReached } = spreading(windows, q, k);
  const cell = element(columns.expression, ["n", "c", ...k, ...sources]);
  const body = reduction("sum", k, kernel, whereReached(cell));
  return [notation(call, ["n", "c", ...q], [samples, channels, ...sizes], body)];
}

/** A convolution whose points are moved by offsets, read between the cells, and weighted by a mask. */
function deformable(call: NodeCall): Value[] {
  const [x, w, offset] = [call.input(0), call.input(1), call.input(2)];
  const [bias, mask] = call.inputs.slice(3);
  const [samples, channels, ...sizes] = x.shape as [number, number, ...number[]];
  const windows = windowsOf(call, sizes, w.shape.slice(2));
  const { p, k } = windowAxes(windows);
  const { kernel, counts } = windows;
  const groups = call.int("offset_group", 1);
  // The points of a kernel in row-major order, behind each other for the groups of channels.
  const point = k.reduce((before, axis, i) => `(${before}) * ${kernel[i]} + ${axis}`, "g");
  const places = ["n", "g", ...k, ...p];
  const extents = [samples, groups, ...kernel, ...counts];
  const axes = sizes.map((_, axis) => {
    const moved = element(offset.expression, ["n", `(${point}) * ${sizes.length} + ${axis}`, ...p]);
    return linearTaps(call, notation(call, places, extents, `${place(windows, axis)} + ${moved}`));
  });
  const read = ["n", `c / ${channels / groups}`, ...k, ...p];
  const sampled = sampledAt(x, ["n", "c"], axes, read);
  const weight =
    mask === undefined
      ? ""
      : ` * ${element(mask.expression, ["n", point.replace("g", read[1]!), ...p])}`;
  const columns = notation(
    call,
    ["n", "c", ...k, ...p],
    [samples, channels, ...kernel, ...counts],
    `(${sampled})${weight}`,
  );
  const [outer, inner] = w.shape as [number, number];
  const channel = `o / ${outer / call.int("group", 1)} * ${inner} + c`;
  const product = `${element(columns.expression, ["n", channel, ...k, ...p])} * ${element(w.expression, ["o", "c", ...k])}`;
  const body = reduction("sum", ["c", ...k], [inner, ...kernel], product);
  return [
    withBias(call, notation(call, ["n", "o", ...p], [samples, outer, ...counts], body), bias),
  ];
}

export const convolutionRules: Rules = {
  Conv: convolution,
  ConvTranspose: transposed,
  CausalConvWithState: causalWithState,
  Col2Im: columnsToImage,
  DeformConv: deformable,
};
