/** What builtins ask of their arguments; each reports what it does not find. */

import { diagnostics } from "../../diagnostics/catalogue.generated.ts";
import type { Extent } from "../../graph/extent.ts";
import { report } from "../session.ts";
import { scalarTensor } from "../tensors/scalar-tensor.ts";
import { asExtent, describe, type TensorValue, type Value } from "../values.ts";
import { argument, type BuiltinCall } from "./builtin.ts";

export function wrongArgument(call: BuiltinCall, name: string, expected: string): undefined {
  const { value, span } = argument(call, name);
  if (value.kind !== "error") {
    const what = `the argument \`${name}\` of \`${call.name}\``;
    report(call.env, diagnostics.wrongType(span, { what, expected, found: describe(value) }));
  }
  return undefined;
}

/** A tensor; numbers stand for tensors of rank 0. */
export function tensorArgument(call: BuiltinCall, name: string): TensorValue | undefined {
  const { value } = argument(call, name);
  return scalarTensor(call.env, value, "i32") ?? wrongArgument(call, name, "a tensor");
}

export function intArgument(call: BuiltinCall, name: string, usual: number): number | undefined {
  const { value } = argument(call, name);
  if (value.kind === "int") return value.value;
  if (value.kind === "none") return usual;
  return wrongArgument(call, name, "an int");
}

export function boolArgument(call: BuiltinCall, name: string, usual: boolean): boolean | undefined {
  const { value } = argument(call, name);
  if (value.kind === "bool") return value.value;
  if (value.kind === "none") return usual;
  return wrongArgument(call, name, "true or false");
}

/** A list of sizes, which may depend on N; a single size is a list of one. */
export function shapeArgument(call: BuiltinCall, name: string): Extent[] | undefined {
  const { value } = argument(call, name);
  const items: readonly Value[] = value.kind === "list" ? value.items : [value];
  const shape = items.map(asExtent);
  if (shape.every((extent) => extent !== undefined)) return shape;
  return wrongArgument(call, name, "a list of sizes");
}

export function tensorListArgument(call: BuiltinCall, name: string): TensorValue[] | undefined {
  const { value } = argument(call, name);
  if (value.kind !== "list" || value.items.length === 0) {
    return wrongArgument(call, name, "a list of tensors");
  }
  const tensors = value.items.map((item) => scalarTensor(call.env, item, "i32"));
  if (tensors.every((tensor) => tensor !== undefined)) return tensors;
  return wrongArgument(call, name, "a list of tensors");
}

/** An axis of a tensor of that rank, counted from the front; negative ones count from the end. */
export function axisOf(
  call: BuiltinCall,
  name: string,
  axis: number,
  rank: number,
): number | undefined {
  const at = axis < 0 ? axis + rank : axis;
  if (Number.isInteger(axis) && at >= 0 && at < rank) return at;
  report(call.env, diagnostics.axisOutOfRange(argument(call, name).span, { axis, rank }));
  return undefined;
}

/** One axis, several, a range of them such as `0..-1`, or all where none is given; in increasing order. */
export function axesArgument(
  call: BuiltinCall,
  name: string,
  rank: number,
): readonly number[] | undefined {
  const { value } = argument(call, name);
  const all = Array.from({ length: rank }, (_, d) => d);
  switch (value.kind) {
    case "none":
      return all;
    case "range":
      return all.slice(value.start, value.stop);
    case "int": {
      const axis = axisOf(call, name, value.value, rank);
      return axis === undefined ? undefined : [axis];
    }
    case "list": {
      const axes: number[] = [];
      for (const item of value.items) {
        if (item.kind !== "int") return wrongArgument(call, name, "an axis or a list of axes");
        const axis = axisOf(call, name, item.value, rank);
        if (axis === undefined) return undefined;
        axes.push(axis);
      }
      return [...new Set(axes)].sort((a, b) => a - b);
    }
    default:
      return wrongArgument(call, name, "an axis or a list of axes");
  }
}
