/** Shapes of results, by NumPy's rules. */

import { BadOnnxFile } from "./model.ts";

/** The shape that tensors broadcast to. */
export function broadcastShape(...shapes: readonly (readonly number[])[]): readonly number[] {
  const rank = Math.max(0, ...shapes.map(({ length }) => length));
  return Array.from({ length: rank }, (_, i) => {
    const sizes = shapes.map((shape) => shape[i - rank + shape.length] ?? 1);
    const size = sizes.find((each) => each !== 1) ?? 1;
    if (!sizes.every((each) => each === 1 || each === size)) {
      throw new BadOnnxFile(`shapes that do not fit: ${shapes.map((s) => `[${s}]`).join(" and ")}`);
    }
    return size;
  });
}

export const elementCount = (shape: readonly number[]): number =>
  shape.reduce((product, size) => product * size, 1);
