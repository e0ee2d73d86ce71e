/** What is known of indexes that data hold: columns whose elements must be in range, which their readers check. */

import type { IndexBounds } from "../../../runtime/plan.ts";
import { type Extent, isFixed } from "../../graph/extent.ts";
import type { Value as GraphValue, Scalar } from "../../graph/node.ts";
import { asExtent, errorValue, type Value } from "../values.ts";
import { argument, type Builtin, type BuiltinCall, optional, required } from "./builtin.ts";
import { tensorArgument, wrongArgument } from "./checks.ts";

/** The argument itself: a column that it holds all elements of is noted. */
function asIndex(call: BuiltinCall): Value {
  const x = tensorArgument(call, "x");
  const count = sizeArgument(call, "count");
  const { value: what } = argument(call, "what");
  const { value: besides } = argument(call, "besides");
  if (x === undefined || count === undefined) return errorValue;
  if (what.kind !== "string") return wrongArgument(call, "what", "a string") ?? errorValue;
  if (besides.kind !== "int" && besides.kind !== "none") {
    return wrongArgument(call, "besides", "an int or none") ?? errorValue;
  }
  const column = columnOf(x.value);
  // How many there are depends on the batch where rows are compared with each other.
  if (column === undefined || !isFixed(count)) return x;
  const bounds: IndexBounds = {
    what: what.value,
    count: count.constant,
    ...(besides.kind === "int" && { besides: besides.value }),
  };
  const { indexes } = call.env.session;
  const before = indexes.get(column);
  indexes.set(column, before === undefined ? bounds : narrower(before, bounds));
  return x;
}

function sizeArgument(call: BuiltinCall, name: string): Extent | undefined {
  return asExtent(argument(call, name).value) ?? wrongArgument(call, name, "an int");
}

/** What both allow. */
function narrower(a: IndexBounds, b: IndexBounds): IndexBounds {
  const { what, count } = a.count <= b.count ? a : b;
  const { besides } = a;
  return { what, count, ...(besides !== undefined && besides === b.besides && { besides }) };
}

/** The input that a value is but for its shape and type: what reads a part of it says nothing of the rest. */
function columnOf(value: GraphValue): string | undefined {
  const { node } = value;
  if (node.kind === "leaf") return node.role === "input" ? node.path : undefined;
  if (node.kind !== "compute" || node.reducer !== null) return undefined;
  const load = withoutCasts(node.body);
  if (load.kind !== "load" || load.guard.kind !== "true") return undefined;
  const isWhole = rowSize(value.shape) >= rowSize(load.value.shape);
  return isWhole ? columnOf(load.value) : undefined;
}

function withoutCasts(scalar: Scalar): Scalar {
  return scalar.kind === "cast" ? withoutCasts(scalar.of) : scalar;
}

/** Elements for each row of the batch. */
function rowSize(shape: readonly Extent[]): number {
  return shape.reduce(
    (size, extent) => size * (isFixed(extent) ? extent.constant : extent.batch),
    1,
  );
}

export const indexBuiltins: readonly Builtin[] = [
  {
    name: "as_index",
    parameters: [required("x"), required("count"), required("what"), optional("besides")],
    doc: "x, whose elements are indexes from 0 to below `count`, or `besides`; a column of data is checked when it is read, and errors call an element `what`",
    call: asIndex,
  },
];
