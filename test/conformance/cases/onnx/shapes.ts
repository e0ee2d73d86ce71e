/** Operators that move elements or make tensors of known ones, and what tells of shapes. */

import { NotExpressible } from "../case-program.ts";
import { list } from "../case-rules.ts";
import { BadOnnxFile, dtypeOf } from "./model.ts";
import { paddingRules } from "./padding.ts";
import type { NodeCall, Rules, Value } from "./rule.ts";
import {
  at,
  axesFromStart,
  axisFromStart,
  broadcastShape,
  elementCount,
  range,
  replaced,
  reshaped,
  transposed,
} from "./shape-arithmetic.ts";

/** A list that is an attribute in early versions and an input in later ones. */
export function listGiven(
  call: NodeCall,
  attribute: string,
  index: number,
): readonly number[] | undefined {
  return (
    call.ints(attribute) ?? (call.inputs[index] === undefined ? undefined : call.constant(index))
  );
}

function reshape(call: NodeCall): readonly Value[] {
  const x = call.input(0);
  const wanted = listGiven(call, "shape", 1);
  if (wanted === undefined) throw new BadOnnxFile("Reshape without a shape");
  const keepsZero = call.int("allowzero", 0) === 1;
  const sizes = wanted.map((size, i) => (size === 0 && !keepsZero ? (x.shape[i] ?? 0) : size));
  const rest = elementCount(sizes.filter((size) => size !== -1));
  return [
    reshaped(
      call,
      x,
      sizes.map((size) => (size === -1 ? elementCount(x.shape) / rest : size)),
    ),
  ];
}

function squeeze(call: NodeCall): readonly Value[] {
  const x = call.input(0);
  const given = listGiven(call, "axes", 1);
  const axes = given && axesFromStart(given, x.shape.length);
  const isGone = (size: number, i: number) => (axes === undefined ? size === 1 : axes.includes(i));
  return [
    reshaped(
      call,
      x,
      x.shape.filter((size, i) => !isGone(size, i)),
    ),
  ];
}

function unsqueeze(call: NodeCall): readonly Value[] {
  const x = call.input(0);
  const given = listGiven(call, "axes", 1);
  if (given === undefined) throw new BadOnnxFile("Unsqueeze without axes");
  const rank = x.shape.length + given.length;
  const axes = axesFromStart(given, rank);
  const sizes = [...x.shape];
  return [
    reshaped(
      call,
      x,
      range(rank).map((i) => (axes.includes(i) ? 1 : sizes.shift()!)),
    ),
  ];
}

function expand(call: NodeCall): readonly Value[] {
  const x = call.input(0);
  const shape = broadcastShape(x.shape, call.constant(1));
  return [call.define(`broadcast_to(${x.expression}, ${list(shape)})`, shape, x.dtype)];
}

function flatten(call: NodeCall): readonly Value[] {
  const x = call.input(0);
  const axis = call.int("axis", 1);
  const from = axis < 0 ? axis + x.shape.length : axis;
  const sizes = [x.shape.slice(0, from), x.shape.slice(from)].map(elementCount);
  return [reshaped(call, x, sizes)];
}

function concat(call: NodeCall): readonly Value[] {
  const values = call.inputs.map((_, i) => call.input(i));
  const rank = values[0]!.shape.length;
  const axis = axisFromStart(call.int("axis", 1), rank);
  const parts = values.filter(({ shape }) => !shape.includes(0));
  const [first = values[0]!, ...others] = parts;
  if (others.length === 0) return [first];
  const size = parts.reduce((sum, { shape }) => sum + shape[axis]!, 0);
  const text = `concat(${list(parts.map(({ expression }) => expression))}, axis = ${axis})`;
  return [call.define(text, replaced(first.shape, axis, size), first.dtype)];
}

/** Equal parts, of which the last may be smaller, or parts of given sizes. */
function split(call: NodeCall): readonly Value[] {
  const x = call.input(0);
  const axis = axisFromStart(call.int("axis", 0), x.shape.length);
  const size = x.shape[axis]!;
  const each = Math.ceil(size / call.int("num_outputs", call.outputs));
  const sizes =
    listGiven(call, "split", 1) ??
    range(call.outputs).map((i) => Math.max(0, Math.min(each, size - i * each)));
  if (sizes.length === 1) return [x];
  const present = sizes.filter((part) => part > 0);
  const names = call.fresh(present.length);
  if (present.length > 0) {
    const text = `(${names.join(", ")}) = split(${x.expression}, ${list(present)}, ${axis})`;
    call.state(present.length === 1 ? `${names[0]} = ${x.expression}` : text, names);
  }
  const found = [...names];
  return sizes.map((part) => {
    const shape = replaced(x.shape, axis, part);
    if (part === 0) return call.define("", shape, x.dtype);
    return { dtype: x.dtype, shape, expression: found.shift()! };
  });
}

/** One part of an axis: from a place, so many, by a step. */
interface Cut {
  readonly start: number;
  readonly count: number;
  readonly step: number;
}

/** NumPy's rules: ends count from behind where they are negative, and what lies beyond is cut off. */
function cutOf(size: number, start: number, end: number, step: number): Cut {
  if (step === 0) throw new BadOnnxFile("a slice with the step 0");
  const [lowest, highest] = step > 0 ? [0, size] : [-1, size - 1];
  const place = (i: number) => Math.max(lowest, Math.min(i < 0 ? i + size : i, highest));
  const first = place(start);
  return { start: first, count: Math.max(0, Math.ceil((place(end) - first) / step)), step };
}

function slice(call: NodeCall): readonly Value[] {
  const x = call.input(0);
  const rank = x.shape.length;
  const [starts, ends] = [listGiven(call, "starts", 1), listGiven(call, "ends", 2)];
  if (starts === undefined || ends === undefined) throw new BadOnnxFile("Slice without ends");
  const axes = axesFromStart(listGiven(call, "axes", 3) ?? range(starts.length), rank);
  const steps = listGiven(call, "steps", 4) ?? starts.map(() => 1);
  const cuts = x.shape.map((size, i) => {
    const k = axes.indexOf(i);
    return k < 0 ? undefined : cutOf(size, starts[k]!, ends[k]!, steps[k]!);
  });
  const shape = x.shape.map((size, i) => cuts[i]?.count ?? size);
  const places = cuts.map((cut) => {
    if (cut === undefined) return ":";
    const { start, count, step } = cut;
    const end = start + count * step;
    return `${start}:${end < 0 ? "" : end}:${step}`;
  });
  return [call.define(at(x, places), shape, x.dtype)];
}

function tile(call: NodeCall): readonly Value[] {
  const x = call.input(0);
  const repeats = call.inputs.length === 3 ? onlyAlong(call, x) : call.constant(1);
  const shape = x.shape.map((size, i) => size * repeats[i]!);
  return [
    call.indexed(
      shape,
      (axes) =>
        at(
          x,
          axes.map((axis, i) => (repeats[i] === 1 ? axis : `${axis} % ${x.shape[i]}`)),
        ),
      x.dtype,
    ),
  ];
}

/** Version 1 of Tile repeats along one axis. */
function onlyAlong(call: NodeCall, x: Value): readonly number[] {
  const [tiles, axis] = [call.constant(1), call.constant(2)];
  return replaced(
    x.shape.map(() => 1),
    axis[0]!,
    tiles[0]!,
  );
}

const whole = (call: NodeCall, data: readonly number[]): Value =>
  call.literal(data, [data.length], "i32");

function shapeOf(call: NodeCall): readonly Value[] {
  const { shape } = call.input(0);
  const end = call.has("end") ? call.int("end") : shape.length;
  return [whole(call, shape.slice(call.int("start", 0), end))];
}

function constant(call: NodeCall): readonly Value[] {
  const tensor = call.tensor("value");
  if (tensor !== undefined) return [call.literal(tensor.data, tensor.shape, tensor.dtype)];
  const ints = call.ints("value_ints");
  if (ints !== undefined) return [whole(call, ints)];
  const floats = call.floats("value_floats");
  if (floats !== undefined) return [call.literal(floats, [floats.length], "f32")];
  if (call.has("value_int")) return [call.literal([call.int("value_int")], [], "i32")];
  if (call.has("value_float")) return [call.literal([call.float("value_float")], [], "f32")];
  throw new NotExpressible("constants that are no numbers");
}

function constantOfShape(call: NodeCall): readonly Value[] {
  const shape = call.constant(0);
  const { data, dtype } = call.tensor("value") ?? { data: [0], dtype: "f32" as const };
  return [
    call.literal(
      Array.from({ length: elementCount(shape) }, () => data[0]!),
      shape,
      dtype,
    ),
  ];
}

function eyeLike(call: NodeCall): readonly Value[] {
  const { shape, dtype } = call.input(0);
  const type = call.has("dtype") ? dtypeOf(call.int("dtype")) : dtype;
  const k = call.int("k", 0);
  const [one, zero] = type === "f32" ? ["1.0", "0.0"] : ["1", "0"];
  return [
    call.indexed(
      shape,
      ([row, column]) => `if ${column} == ${row} + (${k}) then ${one} else ${zero}`,
      type,
    ),
  ];
}

/** How many there are is known at build time; the numbers themselves are computed. */
function rangeOf(call: NodeCall): readonly Value[] {
  const [start, limit, delta] = [0, 1, 2].map((i) => call.constant(i)[0]!) as [
    number,
    number,
    number,
  ];
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  const [first, , step] = [call.input(0), call.input(1), call.input(2)];
  return [
    call.indexed([count], ([i]) => `${first.expression} + ${i} * ${step.expression}`, first.dtype),
  ];
}

/** The part on and above, or on and below, a diagonal of matrices. */
function trilu(call: NodeCall): readonly Value[] {
  const x = call.input(0);
  const k = call.inputs[1] === undefined ? 0 : call.constant(1)[0]!;
  const comparison = call.int("upper", 1) === 1 ? ">=" : "<=";
  const zero = { f32: "0.0", i32: "0", bool: "false" }[x.dtype];
  return [
    call.indexed(
      x.shape,
      (axes) => {
        const [row, column] = axes.slice(-2);
        return `if ${column} ${comparison} ${row} + (${k}) then ${at(x, axes)} else ${zero}`;
      },
      x.dtype,
    ),
  ];
}

/** [N, C·b·b, H, W] to [N, C, H·b, W·b]; the blocks lead in the channels (DCR) or follow (CRD). */
function depthToSpace(call: NodeCall): readonly Value[] {
  const x = call.input(0);
  const [n, channels, h, w] = x.shape as [number, number, number, number];
  const b = call.int("blocksize");
  const c = channels / (b * b);
  const isBlockFirst = call.string("mode", "DCR") === "DCR";
  const apart = reshaped(call, x, isBlockFirst ? [n, b, b, c, h, w] : [n, c, b, b, h, w]);
  const order = isBlockFirst ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3];
  return [reshaped(call, transposed(call, apart, order), [n, c, h * b, w * b])];
}

function spaceToDepth(call: NodeCall): readonly Value[] {
  const x = call.input(0);
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const b = call.int("blocksize");
  const apart = reshaped(call, x, [n, c, h / b, b, w / b, b]);
  const moved = transposed(call, apart, [0, 3, 5, 1, 2, 4]);
  return [reshaped(call, moved, [n, c * b * b, h / b, w / b])];
}

export const shapeRules: Rules = {
  ...paddingRules,
  Reshape: reshape,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Expand: expand,
  Flatten: flatten,
  Concat: concat,
  Split: split,
  Slice: slice,
  Tile: tile,
  Shape: shapeOf,
  Constant: constant,
  ConstantOfShape: constantOfShape,
  EyeLike: eyeLike,
  Range: rangeOf,
  Trilu: trilu,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  Identity: (call) => [call.input(0)],
  Size: (call) => [call.literal([elementCount(call.input(0).shape)], [], "i32")],
  Transpose: (call) => {
    const x = call.input(0);
    return [transposed(call, x, call.ints("perm") ?? range(x.shape.length).toReversed())];
  },
};
