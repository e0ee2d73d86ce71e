/**
 * Correlations as tiles: two places of the long axis then need four products an axis instead of six
 * (see `correlation-transforms.ts`).
 */

import {
  type CorrelatedAxes,
  type CorrelatedContraction,
  correlatedContraction,
  tapCount,
  tilePlaces,
} from "../optimize/fusion/correlated-axes.ts";
import type { StridedContraction } from "../optimize/fusion/strided-contraction.ts";
import { type SumLoop, sumLoops } from "./contraction-sums.ts";

export interface Correlation extends CorrelatedContraction {
  /** Loops of the sum beside those of tiles; where taps are kept. */
  readonly sums: readonly SumLoop[];
}

/** Products that a tile needs for each axis. */
export const tilePoints = tapCount + tilePlaces - 1;

/** Null where the operands do not meet so, or lie so that vectors of channels cannot be transformed. */
export function correlationOf(contraction: StridedContraction): Correlation | null {
  const correlated = correlatedContraction(contraction);
  if (correlated === null) return null;
  return { ...correlated, sums: sumLoops({ ...contraction, sumAxes: correlated.otherSums }) };
}

/** Elements that the broadcast operand lies before its start where taps are counted in the order that it moves on in. */
export function backwards(pairs: readonly CorrelatedAxes[]): number {
  return pairs.reduce(
    (sum, { isReversed, step }) => sum + (isReversed ? (tapCount - 1) * step : 0),
    0,
  );
}

/** Tiles along a pair's long axis; one that would go beyond its end begins one place earlier. */
export function tilesAlong({ length }: CorrelatedAxes): number {
  return Math.ceil(length / tilePlaces);
}
