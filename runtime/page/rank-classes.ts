/** Outputs as classes: which is the largest, and how long their bars are. */

import type { OutputValues } from "./protocol.ts";

export interface RankedClass {
  readonly index: number;
  readonly value: number;
  /** Of its bar, 0 … 1. */
  readonly length: number;
}

export interface Ranking {
  /** The largest first. */
  readonly classes: readonly RankedClass[];
  /** Values are shares of 1, as softmax gives them. */
  readonly areShares: boolean;
}

/** Undefined for what is no list of classes: a single number, a picture, integers. */
export function rankClasses({ dtype, shape, data }: OutputValues): Ranking | undefined {
  const [count = 0] = shape;
  if (shape.length !== 1 || count < 2 || dtype !== "f32") return undefined;
  const values = [...data.slice(0, count)];
  const sum = values.reduce((total, value) => total + value, 0);
  const areShares = values.every((value) => value >= 0 && value <= 1) && Math.abs(sum - 1) < 0.01;
  const [low, high] = areShares ? [0, 1] : [Math.min(...values), Math.max(...values)];
  const classes = values.map((value, index) => {
    const length = high > low ? (value - low) / (high - low) : 0;
    return { index, value, length: Number.isFinite(length) ? length : 0 };
  });
  return { classes: classes.toSorted((a, b) => b.value - a.value), areShares };
}
