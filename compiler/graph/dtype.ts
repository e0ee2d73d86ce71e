/** Element types of tensors. `bool` and `u8` take one byte in memory; `i32` wraps at 32 bits. */
export type DType = "f32" | "f16" | "bf16" | "i32" | "u8" | "bool";

export const dtypes: readonly DType[] = ["f32", "f16", "bf16", "i32", "u8", "bool"];

/** Size of one element, in bytes. */
export const bytesPerElement: { readonly [K in DType]: number } = {
  f32: 4,
  f16: 2,
  bf16: 2,
  i32: 4,
  u8: 1,
  bool: 1,
};

export function isFloat(dtype: DType): boolean {
  return dtype === "f32" || dtype === "f16" || dtype === "bf16";
}
