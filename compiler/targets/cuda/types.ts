/** What values and memory of kernels are in CUDA C++. Vectors are structs, as C++ has none; so are narrow floats. */

import { invariant } from "../../diagnostics/diagnostic.ts";
import type { ElementType, Type } from "../../kernel/ir.ts";
import { elementBytes } from "../../schedule/memory-plan.ts";

const scalarTypes: { readonly [K in Exclude<ElementType, "f64">]: string } = {
  f32: "float",
  f16: "nnc_f16",
  bf16: "nnc_bf16",
  i32: "int",
  u32: "unsigned",
  u8: "unsigned char",
  bool: "bool",
};

/** Of an element, in arenas and in shared memory alike. */
export function bytesOf(dtype: ElementType): number {
  return elementBytes(dtype, { wordsOnly: false });
}

export function typeName({ dtype, lanes }: Type): string {
  invariant(dtype !== "f64", "kernels for CUDA compute in f32");
  invariant(lanes === 1 || lanes === 2 || lanes === 4, `CUDA is given no vectors of ${lanes}`);
  return lanes === 1 ? scalarTypes[dtype] : `nnc_${dtype}x${lanes}`;
}

/** Of an element in memory: data may have any byte that is not 0 for true, which a C++ `bool` may not be. */
export function memoryTypeName(dtype: ElementType): string {
  return typeName({ dtype: dtype === "bool" ? "u8" : dtype, lanes: 1 });
}

/** Members of a vector, in order. */
export function laneNames(lanes: number): readonly string[] {
  return ["x", "y", "z", "w"].slice(0, lanes);
}

/** The struct that a type is, if it is one. */
export function typeDefinition(type: Type): string[] {
  const { dtype, lanes } = type;
  const name = typeName(type);
  if (lanes > 1) {
    const element = typeName({ dtype, lanes: 1 });
    const alignment = bytesOf(dtype) * lanes;
    return [
      `struct __align__(${alignment}) ${name} { ${element} ${laneNames(lanes).join(", ")}; };`,
    ];
  }
  if (dtype !== "f16" && dtype !== "bf16") return [];
  return [`struct __align__(2) ${name} { unsigned short bits; };`];
}
