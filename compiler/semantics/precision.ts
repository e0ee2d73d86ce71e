/**
 * What operands of products may be rounded to where a target has units for it; sums, everything else, and what is kept
 * are f32. A target without such units computes in f32, which is always allowed.
 *
 * - `f32`: not rounded
 * - `tf32`: to 10 bits of fraction, with f32's exponent
 * - `bf16`: to 7 bits of fraction, with f32's exponent
 * - `f16`: to 10 bits of fraction with an exponent from −14 to 15, so that losses are scaled
 */
export const precisions = ["f32", "tf32", "bf16", "f16"] as const;
export type Precision = (typeof precisions)[number];
