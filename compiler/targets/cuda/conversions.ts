/** Numbers of one type as another one. */

import { invariant } from "../../diagnostics/diagnostic.ts";
import type { ElementType } from "../../kernel/ir.ts";
import { callOf, inside, type Printed, precedence, prefix } from "../c-like-printer.ts";
import type { Use } from "./prelude.ts";
import { typeName } from "./types.ts";

function isNarrow(dtype: ElementType): dtype is "f16" | "bf16" {
  return dtype === "f16" || dtype === "bf16";
}

/** A single value converted as the kernel IR says it; not to bools, and bytes not from floats. */
export function convertedText(
  value: Printed,
  from: ElementType,
  to: ElementType,
  use: Use,
): Printed {
  const machine = (name: string): Printed => {
    use({ kind: "machine", name });
    return callOf(name, [value]);
  };
  if (isNarrow(from) || isNarrow(to)) {
    invariant(from === "f32" || to === "f32", `${from} becomes ${to} by way of f32`);
    return machine(`nnc_${to}_from_${from}`);
  }
  if (from === "f32" && (to === "i32" || to === "u32")) return machine(`nnc_${to}_from_f32`);
  const operand = inside(value, precedence.prefix);
  return prefix(`(${typeName({ dtype: to, lanes: 1 })})`, {
    ...value,
    text: operand,
    precedence: precedence.prefix,
  });
}

const bits: { readonly [name: string]: string } = {
  f32_u32: "__float_as_uint",
  f32_i32: "__float_as_int",
  u32_f32: "__uint_as_float",
  i32_f32: "__int_as_float",
};

/** The same bits as another type. */
export function reinterpretedText(value: Printed, from: ElementType, to: ElementType): Printed {
  const fn = bits[`${from}_${to}`];
  if (fn !== undefined) return callOf(fn, [value]);
  invariant(from !== "f32" && to !== "f32", `the bits of ${from} are no ${to}`);
  return prefix(`(${typeName({ dtype: to, lanes: 1 })})`, value);
}
