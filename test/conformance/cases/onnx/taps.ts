/** Reading between the cells of an axis: which cells a position takes, and how much of each. */

import { axisNames, element, float } from "../case-rules.ts";
import { notation } from "./notation.ts";
import type { NodeCall, Value } from "./rule.ts";

/** For each place, as many cells and their weights: both have the places' axes, and a last one of `count`. */
export interface Taps {
  readonly count: number;
  readonly cells: Value;
  readonly weights: Value;
}

const placeAxes = ({ shape }: Value): string[] => axisNames(shape.length, "a");

interface TapsKind {
  readonly count: number;
  /** How many of the cells lie before ⌊position⌋. */
  readonly first: number;
  /** The weight at a distance `d`. */
  readonly kernel: (d: string) => string;
  /** What distances are multiplied by; 1 unless given. */
  readonly scale?: number;
}

/** The cells ⌊position⌋ + j − `first`, and their weights. */
export function taps(
  call: NodeCall,
  position: Value,
  { count, first, kernel, scale = 1 }: TapsKind,
): Taps {
  const a = placeAxes(position);
  const low = call.define(`floor(${position.expression})`, position.shape);
  const shape = [...position.shape, count];
  const [at, floor] = [element(position.expression, a), element(low.expression, a)];
  const away = `abs(${at} - ${floor} - (j - ${first}))`;
  const scaled = scale === 1 ? away : `${float(scale)} * ${away}`;
  const distance = notation(call, [...a, "j"], shape, scaled);
  return {
    count,
    cells: notation(call, [...a, "j"], shape, `i32(${floor}) + j - ${first}`, "i32"),
    weights: call.define(kernel(distance.expression), shape),
  };
}

/** The two cells around a position. */
export const linearTaps = (call: NodeCall, position: Value): Taps =>
  taps(call, position, { count: 2, first: 0, kernel: (d) => `1.0 - ${d}` });

/** Keys' cubic kernel with parameter a, of distances below 2; 0 beyond. */
export function cubicKernel(a: number): (d: string) => string {
  const [c, e] = [float(a), float(a + 2)];
  return (d) => {
    const near = `(${e} * ${d} - ${float(a + 3)}) * ${d}^2 + 1.0`;
    const far = `((${c} * ${d} - ${float(5 * a)}) * ${d} + ${float(8 * a)}) * ${d} - ${float(4 * a)}`;
    return `if ${d} <= 1.0 then ${near} else (if ${d} < 2.0 then ${far} else 0.0)`;
  };
}

/** The four cells around a position. */
export const cubicTaps = (call: NodeCall, position: Value, a: number): Taps =>
  taps(call, position, { count: 4, first: 1, kernel: cubicKernel(a) });

/** The one cell that `rounded`, an expression of whole numbers, names. */
export function nearestTap(call: NodeCall, rounded: Value): Taps {
  const a = placeAxes(rounded);
  const shape = [...rounded.shape, 1];
  return {
    count: 1,
    cells: notation(call, [...a, "j"], shape, `i32(${element(rounded.expression, a)}) + j`, "i32"),
    weights: call.define(`full([${shape}], 1.0)`, shape),
  };
}

/** Taps whose cells lie inside of an axis: those beyond its ends are its ends. */
export const clipped = (call: NodeCall, { cells, ...rest }: Taps, size: number): Taps => ({
  ...rest,
  cells: call.define(`clip(${cells.expression}, 0, ${size - 1})`, cells.shape, "i32"),
});

/** Σ of what the taps of all spatial axes take from x at a place: cells outside of x are 0. */
export function sampledAt(
  x: Value,
  lead: readonly string[],
  axes: readonly Taps[],
  places: readonly string[],
): string {
  const j = axisNames(axes.length, "j");
  const weights = axes.map(({ weights: { expression } }, i) =>
    element(expression, [...places, j[i]!]),
  );
  const cells = axes.map(({ cells: { expression } }, i) => element(expression, [...places, j[i]!]));
  const bounded = j.map((axis, i) => `${axis} < ${axes[i]!.count}`).join(", ");
  return `sum[${bounded}] (${[...weights, element(x.expression, [...lead, ...cells])].join(" * ")})`;
}
