/** Indexes of vectors whose lanes are equally far apart, as those of a column in a matrix stored by rows. */

import { add, constant, literalOf, multiply, subtract } from "./build.ts";
import type { Expression } from "./ir.ts";

/** Lane l is `start` + l · `step`. */
export interface StridedIndex {
  /** A single value. */
  readonly start: Expression;
  readonly step: number;
}

/** The index as one of equal steps, null where it is not seen to be one. */
export function stridedIndex(e: Expression): StridedIndex | null {
  switch (e.kind) {
    case "ramp":
      return { start: constant(0), step: 1 };
    case "broadcast":
      return { start: e.of, step: 0 };
    case "constant":
      return { start: constant(e.value), step: 0 };
    case "operation": {
      const [a, b] = e.args.map(stridedIndex);
      if (!a || !b) return null;
      switch (e.operation) {
        case "add":
          return { start: add(a.start, b.start), step: (a.step + b.step) | 0 };
        case "subtract":
          return { start: subtract(a.start, b.start), step: (a.step - b.step) | 0 };
        case "multiply":
          return scaled(a, b) ?? scaled(b, a);
        default:
          return null;
      }
    }
    default:
      return null;
  }
}

function scaled(index: StridedIndex, factor: StridedIndex): StridedIndex | null {
  const scale = factor.step === 0 ? literalOf(factor.start) : undefined;
  if (scale === undefined) return null;
  return { start: multiply(index.start, factor.start), step: Math.imul(index.step, scale) };
}
