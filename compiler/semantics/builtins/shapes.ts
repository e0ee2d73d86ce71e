/** Builtins about shapes: what they are, and tensors with the same elements in another. */

import { diagnostics } from "../../diagnostics/catalogue.generated.ts";
import { constantAffine } from "../../graph/affine.ts";
import { type Extent, fixed, isFixed, printShape, sameExtent } from "../../graph/extent.ts";
import { broadcast, shapeLabels } from "../arithmetic.ts";
import { convertTensor } from "../conversions.ts";
import { promote } from "../dtypes.ts";
import { keepMask } from "../masks.ts";
import { report } from "../session.ts";
import { broadcastTo, concatenate, reshape, slice, stack, transpose } from "../tensors/layout.ts";
import {
  asExtent,
  boolValue,
  describe,
  errorValue,
  extentValue,
  intValue,
  listValue,
  type TensorValue,
  tensorValue,
  type Value,
} from "../values.ts";
import { argument, type Builtin, type BuiltinCall, optional, required } from "./builtin.ts";
import {
  axisOf,
  intArgument,
  shapeArgument,
  tensorArgument,
  tensorListArgument,
  wrongArgument,
} from "./checks.ts";

function shapeOf(call: BuiltinCall): Value {
  if (argument(call, "x").value.kind === "element") return listValue([]);
  const x = tensorArgument(call, "x");
  return x === undefined ? errorValue : listValue(x.value.shape.map(extentValue));
}

function rankOf(call: BuiltinCall): Value {
  if (argument(call, "x").value.kind === "element") return intValue(0);
  const x = tensorArgument(call, "x");
  return x === undefined ? errorValue : intValue(x.value.shape.length);
}

function isFixedSize(call: BuiltinCall): Value {
  const size = asExtent(argument(call, "size").value);
  return size === undefined
    ? (wrongArgument(call, "size", "a size") ?? errorValue)
    : boolValue(isFixed(size));
}

function dtypeOf(call: BuiltinCall): Value {
  const { value } = argument(call, "x");
  if (value.kind === "element") return { kind: "string", value: value.scalar.dtype };
  const x = tensorArgument(call, "x");
  return x === undefined ? errorValue : { kind: "string", value: x.value.dtype };
}

/** The number of elements is `batch`·N, or `constant`. */
function elements(shape: readonly Extent[]): Extent {
  return shape.reduce<Extent>(
    (product, { batch, constant }) =>
      batch === 0
        ? { batch: product.batch * constant, constant: product.constant * constant }
        : { batch: product.constant * batch, constant: product.constant * constant },
    fixed(1),
  );
}

function reshapeTensor(call: BuiltinCall): Value {
  const x = tensorArgument(call, "x");
  const asked = shapeArgument(call, "shape");
  if (x === undefined || asked === undefined) return errorValue;
  const total = elements(x.value.shape);
  const open = asked.findIndex(({ batch, constant }) => batch === 0 && constant === -1);
  const shape = [...asked];
  if (open >= 0) {
    const rest = elements(asked.filter((_, d) => d !== open));
    shape[open] = quotient(total, rest) ?? fixed(0);
  }
  const isSound =
    shape.every(({ batch, constant }) => batch >= 0 && batch + constant >= 0) &&
    shape.every(({ batch }, d) => batch === 0 || d === 0) &&
    sameExtent(elements(shape), total);
  if (!isSound) {
    return report(
      call.env,
      diagnostics.reshapeMismatch(
        call.span,
        {
          from: printShape(x.value.shape),
          to: printShape(asked),
          count: printShape([total]).slice(1, -1),
        },
        { labels: shapeLabels([{ value: x, span: argument(call, "x").span }], () => 0) },
      ),
    );
  }
  const value = reshape(call.env.session.context, x.value, shape);
  const sources = shape.map((extent, d) =>
    x.value.shape[d] !== undefined && sameExtent(extent, x.value.shape[d])
      ? (x.sources[d] ?? null)
      : null,
  );
  return keepMask(tensorValue(value, sources), [x]);
}

function quotient(total: Extent, rest: Extent): Extent | undefined {
  if (rest.batch !== 0) {
    // N·a / N·b
    const isWhole = total.constant === 0 && rest.constant === 0 && total.batch % rest.batch === 0;
    return isWhole ? fixed(total.batch / rest.batch) : undefined;
  }
  if (rest.constant === 0) return undefined;
  const [batch, constant] = [total.batch / rest.constant, total.constant / rest.constant];
  return Number.isInteger(batch) && Number.isInteger(constant) ? { batch, constant } : undefined;
}

function transposeTensor(call: BuiltinCall): Value {
  const x = tensorArgument(call, "x");
  if (x === undefined) return errorValue;
  const rank = x.value.shape.length;
  const given = argument(call, "axes").value;
  let axes: readonly number[];
  if (given.kind === "none") {
    axes = x.value.shape.map((_, d) => rank - 1 - d);
  } else {
    const items = given.kind === "list" ? given.items : [];
    axes = items.flatMap((item) =>
      item.kind === "int" ? [item.value < 0 ? item.value + rank : item.value] : [],
    );
    const isPermutation =
      axes.length === rank && [...axes].sort((a, b) => a - b).every((axis, d) => axis === d);
    if (!isPermutation) {
      wrongArgument(call, "axes", `a list of the axes 0 … ${rank - 1}, each once`);
      return errorValue;
    }
  }
  const leading = axes.findIndex((axis) => x.value.shape[axis]!.batch !== 0);
  if (leading > 0) {
    return report(call.env, diagnostics.batchMustLead(call.span, { found: describe(x) }));
  }
  const result = tensorValue(
    transpose(call.env.session.context, x.value, axes),
    axes.map((axis) => x.sources[axis] ?? null),
  );
  const staysInPlace = axes.slice(0, x.mask?.shape.length).every((axis, d) => axis === d);
  return staysInPlace ? keepMask(result, [x]) : result;
}

/** Tensors in one element type. */
function unified(call: BuiltinCall, tensors: readonly TensorValue[]): TensorValue[] {
  const dtype = tensors.map(({ value }) => value.dtype).reduce(promote);
  return tensors.map((tensor) => convertTensor(call.env, tensor, dtype));
}

function concatTensors(call: BuiltinCall): Value {
  const tensors = tensorListArgument(call, "xs");
  const given = intArgument(call, "axis", -1);
  if (tensors === undefined || given === undefined) return errorValue;
  const [first] = tensors;
  const axis = axisOf(call, "axis", given, first!.value.shape.length);
  if (axis === undefined) return errorValue;
  if (!agree(call, tensors, axis)) return errorValue;
  const values = unified(call, tensors).map(({ value }) => value);
  const joined = concatenate(call.env.session, values, axis);
  return tensorValue(
    joined,
    first!.sources.map((source, d) => (d === axis ? null : source)),
  );
}

function stackTensors(call: BuiltinCall): Value {
  const tensors = tensorListArgument(call, "xs");
  const given = intArgument(call, "axis", 0);
  if (tensors === undefined || given === undefined) return errorValue;
  const [first] = tensors;
  const axis = axisOf(call, "axis", given, first!.value.shape.length + 1);
  if (axis === undefined || !agree(call, tensors, null)) return errorValue;
  if (axis === 0 && first!.value.shape[0]?.batch) {
    return report(call.env, diagnostics.batchMustLead(call.span, { found: describe(first!) }));
  }
  const values = unified(call, tensors).map(({ value }) => value);
  return tensorValue(stack(call.env.session.context, values, axis), [
    ...first!.sources.slice(0, axis),
    null,
    ...first!.sources.slice(axis),
  ]);
}

/** Whether all have the dimensions of the first, but for one axis. */
function agree(call: BuiltinCall, tensors: readonly TensorValue[], except: number | null): boolean {
  const [first] = tensors;
  for (const tensor of tensors) {
    const isSame =
      tensor.value.shape.length === first!.value.shape.length &&
      tensor.value.shape.every(
        (extent, d) => d === except || sameExtent(extent, first!.value.shape[d]!),
      );
    if (isSame) continue;
    report(
      call.env,
      diagnostics.joinMismatch(call.span, {
        operation: call.name,
        first: describe(first!),
        second: describe(tensor),
      }),
    );
    return false;
  }
  return true;
}

/** Into n equal parts, or parts of given sizes. */
function splitTensor(call: BuiltinCall): Value {
  const x = tensorArgument(call, "x");
  const given = intArgument(call, "axis", -1);
  if (x === undefined || given === undefined) return errorValue;
  const axis = axisOf(call, "axis", given, x.value.shape.length);
  if (axis === undefined) return errorValue;
  const extent = x.value.shape[axis]!;
  const asked = argument(call, "parts").value;
  const sizes =
    asked.kind === "int" && asked.value > 0
      ? new Array<number>(Math.min(asked.value, 65536)).fill(extent.constant / asked.value)
      : asked.kind === "list"
        ? asked.items.flatMap((item) => (item.kind === "int" ? [item.value] : []))
        : [];
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const isSound = sizes.every((size) => Number.isInteger(size) && size >= 0);
  if (sizes.length === 0 || !isSound || extent.batch !== 0 || total !== extent.constant) {
    const expected = `a number of parts, or their sizes, that make ${printShape([extent]).slice(1, -1)}`;
    wrongArgument(call, "parts", expected);
    return errorValue;
  }
  let start = 0;
  const parts = sizes.map((size) => {
    const from = start;
    start += size;
    const picks = x.value.shape.map((whole, d) => ({
      kind: "range" as const,
      start: d === axis ? constantAffine(from) : constantAffine(0),
      step: 1,
      extent: d === axis ? fixed(size) : whole,
    }));
    const sources = x.sources.map((source, d) => (d === axis ? null : source));
    const part = tensorValue(slice(call.env.session.context, x.value, picks), sources);
    return axis >= (x.mask?.shape.length ?? 0) ? keepMask(part, [x]) : part;
  });
  return listValue(parts, true);
}

function broadcastTensor(call: BuiltinCall): Value {
  const x = tensorArgument(call, "x");
  const shape = shapeArgument(call, "shape");
  if (x === undefined || shape === undefined) return errorValue;
  const { context } = call.env.session;
  const target = { ...x.value, shape };
  const operands = [
    { value: x, span: argument(call, "x").span },
    { value: tensorValue(target), span: argument(call, "shape").span },
  ];
  const met = broadcast(call.env, operands, call.name, call.span);
  if (met === undefined) return errorValue;
  return keepMask(tensorValue(broadcastTo(context, x.value, met.extents), met.sources), [x]);
}

export const shapeBuiltins: readonly Builtin[] = [
  {
    name: "shape",
    parameters: [required("x")],
    doc: "the list of x's sizes, static",
    call: shapeOf,
  },
  {
    name: "rank",
    parameters: [required("x")],
    doc: "x's number of dimensions, static",
    call: rankOf,
  },
  {
    name: "is_fixed",
    parameters: [required("size")],
    doc: "whether a size is the same for every batch, static",
    call: isFixedSize,
  },
  {
    name: "dtype",
    parameters: [required("x")],
    doc: "x's element type as a string, static",
    call: dtypeOf,
  },
  {
    name: "reshape",
    parameters: [required("x"), required("shape")],
    doc: "the same elements in reading order; one size may be -1",
    call: reshapeTensor,
  },
  {
    name: "transpose",
    parameters: [required("x"), optional("axes")],
    doc: "dimension d of the result is dimension axes[d] of x; reversed without axes",
    call: transposeTensor,
  },
  {
    name: "concat",
    parameters: [required("xs"), optional("axis")],
    doc: "tensors one after the other along an axis, the last unless given",
    call: concatTensors,
  },
  {
    name: "stack",
    parameters: [required("xs"), optional("axis")],
    doc: "tensors of one shape along a new axis, the first unless given",
    call: stackTensors,
  },
  {
    name: "split",
    parameters: [required("x"), required("parts"), optional("axis")],
    doc: "n equal parts, or parts of the sizes in a list, along an axis, the last unless given",
    call: splitTensor,
  },
  {
    name: "broadcast_to",
    parameters: [required("x"), required("shape")],
    doc: "x repeated to a shape by NumPy's rules",
    call: broadcastTensor,
  },
];
