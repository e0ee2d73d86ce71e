/** Poolings by the library's layers, and with windows that it has not in index notation. Images are [N, C, spatial]. */

import { NotExpressible } from "../case-program.ts";
import { axisNames, element, float, list, reduction } from "../case-rules.ts";
import { notation } from "./notation.ts";
import type { NodeCall, Rules, Value } from "./rule.ts";
import {
  channelsFirst,
  place,
  type Windows,
  windowAxes,
  windowsOf,
  zeroPadded,
} from "./windows.ts";

function kernelOf(call: NodeCall): readonly number[] {
  const kernel = call.ints("kernel_shape");
  if (kernel === undefined) throw new NotExpressible(`${call.opType} without kernel_shape`);
  return kernel;
}

/** What a reducer makes of each window. */
function pooled(
  call: NodeCall,
  x: Value,
  windows: Windows,
  reducer: string,
  term = (cell: string) => cell,
): Value {
  const { p, k } = windowAxes(windows);
  const places = p.map((_, axis) => place(windows, axis));
  const body = reduction(
    reducer,
    k,
    windows.kernel,
    term(element(x.expression, ["n", "c", ...places])),
  );
  const isIndex = reducer === "argmax";
  const shape = [x.shape[0]!, x.shape[1]!, ...windows.counts];
  return notation(call, ["n", "c", ...p], shape, body, isIndex ? "i32" : "f32");
}

/** By the library's layer, if it has these windows: none dilated, and within the edges or Keras' `same`. */
function byLayer(call: NodeCall, layer: string, x: Value, windows: Windows): Value | undefined {
  const { kernel, strides, dilations, before, after, counts } = windows;
  if (dilations.some((cells) => cells > 1)) return undefined;
  const isPadded = [...before, ...after].some((cells) => cells > 0);
  const isSame = isPadded && call.string("auto_pad", "NOTSET") === "SAME_UPPER";
  const reachesOver = counts.some(
    (count, i) => (count - 1) * strides[i]! + kernel[i]! > x.shape[i + 2]!,
  );
  if (!isSame && (isPadded || reachesOver)) return undefined;
  const padding = isSame ? "same" : "valid";
  const settings = `${list(kernel)}, ${list(strides)}, padding = "${padding}", ${channelsFirst}`;
  return call.define(`${layer}${kernel.length}D(${settings})(${x.expression})`, [
    ...x.shape.slice(0, 2),
    ...counts,
  ]);
}

/** Windows see only what is inside, or with `count_include_pad` the zeros of the padding too. */
function averagePool(call: NodeCall): Value[] {
  const x = call.input(0);
  const windows = windowsOf(call, x.shape.slice(2), kernelOf(call));
  const averaged = (of: Value, these: Windows) =>
    byLayer(call, "AveragePooling", of, these) ?? pooled(call, of, these, "mean");
  if (call.int("count_include_pad", 0) === 0) return [averaged(x, windows)];
  const none = windows.before.map(() => 0);
  return [averaged(zeroPadded(call, x, windows), { ...windows, before: none, after: none })];
}

/** The number of a cell, counted through all of x; with `storage_order` the first spatial axis moves fastest. */
function cellNumber(call: NodeCall, x: Value, spatial: readonly string[]): string {
  const sizes = x.shape.slice(2);
  const isColumnMajor = call.int("storage_order", 0) === 1;
  const order = sizes.map((_, i) => (isColumnMajor ? sizes.length - 1 - i : i));
  return order.reduce(
    (before, axis) => `(${before}) * ${sizes[axis]} + ${spatial[axis]}`,
    `n * ${x.shape[1]} + c`,
  );
}

function maxPool(call: NodeCall): Value[] {
  const x = call.input(0);
  const windows = windowsOf(call, x.shape.slice(2), kernelOf(call));
  const largest = byLayer(call, "MaxPooling", x, windows) ?? pooled(call, x, windows, "max");
  if (call.outputs < 2) return [largest];
  const { kernel, strides, dilations, before } = windows;
  const first = pooled(call, x, windows, "argmax");
  const { p } = windowAxes(windows);
  const point = element(first.expression, ["n", "c", ...p]);
  // The place within the window, from its number among the points of the kernel.
  const spatial = p.map((axis, i) => {
    const behind = kernel.slice(i + 1).reduce((product, extent) => product * extent, 1);
    const within = `floor_divide(${point}, ${behind}) % ${kernel[i]}`;
    return `(${axis} * ${strides[i]} + ${within} * ${dilations[i]} - ${before[i]})`;
  });
  return [
    largest,
    notation(call, ["n", "c", ...p], largest.shape, cellNumber(call, x, spatial), "i32"),
  ];
}

/** Each value goes to the cell that its index names, counted through the whole output; the others are 0. */
function maxUnpool(call: NodeCall): Value[] {
  const [x, places] = [call.input(0), call.input(1)];
  const [samples, channels, ...sizes] = x.shape as [number, number, ...number[]];
  const kernel = kernelOf(call);
  const strides = call.ints("strides") ?? kernel.map(() => 1);
  const pads = call.ints("pads") ?? kernel.flatMap(() => [0, 0]);
  const usual = sizes.map(
    (size, i) => (size - 1) * strides[i]! + kernel[i]! - pads[i]! - pads[i + sizes.length]!,
  );
  const wanted = call.inputs[2] === undefined ? undefined : call.constant(2);
  const shape = wanted ?? [samples, channels, ...usual];
  const cells = (extents: readonly number[]) =>
    extents.reduce((product, size) => product * size, 1);
  // Indices count through the output that the attributes make; a larger one has it in its corner.
  const scattered = notation(
    call,
    ["n", "c", "q"],
    [samples, channels, cells(usual)],
    `sum[i < ${cells(sizes)}] (if ${flat(call, places)}[n, c, i] == (n * ${channels} + c) * ${cells(usual)} + q then ${flat(call, x)}[n, c, i] else 0.0)`,
  );
  const whole = [samples, channels, ...usual];
  const image = call.define(`reshape(${scattered.expression}, ${list(whole)})`, whole);
  if (shape.every((size, i) => size === whole[i])) return [image];
  const axes = axisNames(shape.length);
  return [notation(call, axes, shape, element(image.expression, axes))];
}

/** [N, C, all cells]. */
function flat(call: NodeCall, { expression, shape, dtype }: Value): string {
  const [samples, channels, ...sizes] = shape as [number, number, ...number[]];
  const cells = sizes.reduce((product, size) => product * size, 1);
  const cut = [samples, channels, cells];
  return call.define(`reshape(${expression}, ${list(cut)})`, cut, dtype).expression;
}

/** (Σ |x|^p)^(1 / p). */
function lpNorm(call: NodeCall, sum: (term: (cell: string) => string) => Value): Value {
  const p = call.float("p", 2);
  const power = (cell: string) =>
    p === 1 ? `abs(${cell})` : p === 2 ? `${cell}^2` : `abs(${cell})^${float(p)}`;
  const total = sum(power);
  if (p === 1) return total;
  const root = p === 2 ? `sqrt(${total.expression})` : `${total.expression}^${float(1 / p)}`;
  return call.define(root, total.shape);
}

function lpPool(call: NodeCall): Value[] {
  const x = call.input(0);
  const windows = windowsOf(call, x.shape.slice(2), kernelOf(call));
  return [lpNorm(call, (term) => pooled(call, x, windows, "sum", term))];
}

/** A reduction over all spatial axes, which stay as 1. */
function overSpace(call: NodeCall, x: Value, reduced: (over: string) => string): Value {
  const axes = x.shape.slice(2).map((_, i) => i + 2);
  const shape = x.shape.map((size, i) => (i < 2 ? size : 1));
  return call.define(reduced(`axis = ${list(axes)}, keepdims = true`), shape);
}

const globalPool =
  (layer: string) =>
  (call: NodeCall): Value[] => {
    const { shape, expression } = call.input(0);
    const applied = `${layer}${shape.length - 2}D(${channelsFirst}, keepdims = true)(${expression})`;
    return [
      call.define(
        applied,
        shape.map((size, i) => (i < 2 ? size : 1)),
      ),
    ];
  };

/** x / (bias + alpha / size · Σ of the squares of as many channels around each)^beta. */
function localResponse(call: NodeCall): Value[] {
  const x = call.input(0);
  const size = call.int("size");
  const axes = axisNames(x.shape.length - 2, "p");
  const cell = element(x.expression, ["n", `c + k - ${Math.floor((size - 1) / 2)}`, ...axes]);
  const squares = notation(call, ["n", "c", ...axes], x.shape, `sum[k < ${size}] ${cell}^2`);
  const [alpha, beta] = [call.float("alpha", 1e-4), call.float("beta", 0.75)];
  const spread = `${float(call.float("bias", 1))} + ${float(alpha / size)} * ${squares.expression}`;
  return [call.define(`${x.expression} / (${spread})^${float(beta)}`, x.shape)];
}

export const poolingRules: Rules = {
  AveragePool: averagePool,
  MaxPool: maxPool,
  MaxUnpool: maxUnpool,
  LpPool: lpPool,
  GlobalAveragePool: globalPool("GlobalAveragePooling"),
  GlobalMaxPool: globalPool("GlobalMaxPooling"),
  GlobalLpPool: (call) => {
    const x = call.input(0);
    return [
      lpNorm(call, (term) => overSpace(call, x, (over) => `sum(${term(x.expression)}, ${over})`)),
    ];
  },
  LRN: localResponse,
};
