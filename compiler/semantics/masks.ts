/**
 * Masks: which steps of a sequence are real. A mask is bool, its shape the first dimensions of its tensor's, [N, T] as
 * a rule. It is static that a tensor carries one, so the graph knows nothing of masks but what is computed from them.
 *
 * An expression keeps the mask of what it is made of where the masked axes stay in place: elementwise functions,
 * conversions, products with a matrix, and whatever only changes the axes behind. Where operands carry different masks,
 * nobody can say which is meant, and the result carries none. Slices and sums along masked axes drop the mask.
 */

import { type Shape, sameExtent } from "../graph/extent.ts";
import type { Value as GraphValue } from "../graph/node.ts";
import type { TensorValue, Value } from "./values.ts";

/** Whether a mask of one shape says something of every element of a tensor of another. */
export function masksShape(mask: Shape, shape: Shape): boolean {
  return (
    mask.length > 0 &&
    mask.length <= shape.length &&
    mask.every((extent, d) => sameExtent(extent, shape[d]!))
  );
}

/** The mask that all operands agree on, as far as they carry any. */
function commonMask(operands: readonly Value[]): GraphValue | undefined {
  const masks = operands.flatMap((operand) =>
    operand.kind === "tensor" && operand.mask ? [operand.mask] : [],
  );
  const [first] = masks;
  return masks.every((mask) => mask === first) ? first : undefined;
}

/** The result with the mask of its operands, if it is still of that shape. */
export function keepMask(result: TensorValue, operands: readonly Value[]): TensorValue {
  const mask = commonMask(operands);
  return mask !== undefined && masksShape(mask.shape, result.value.shape)
    ? { ...result, mask }
    : result;
}

/**
 * What applying a layer gives. A layer whose body says nothing of masks passes on that of its first input, while its
 * result, or the first of several, is still of that shape.
 */
export function passMask(result: Value, input: Value | undefined): Value {
  if (result.kind === "list") {
    const [first, ...others] = result.items;
    if (first === undefined) return result;
    return { ...result, items: [passMask(first, input), ...others] };
  }
  const source = input?.kind === "list" ? input.items[0] : input;
  if (result.kind !== "tensor" || result.mask !== undefined || source === undefined) return result;
  return keepMask(result, [source]);
}
