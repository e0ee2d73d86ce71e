/** How far a device may be from the interpreter. */

import type { Expectation, Numbers } from "./program-session.ts";

/** Relative to the larger of 1 and the number itself. */
const TOLERANCE = 5e-4;

export function compareExact(stage: string, actual: Numbers, expected: Numbers): void {
  for (const [name, wanted] of expected) {
    const found = given(stage, name, actual, wanted);
    for (let i = 0; i < wanted.length; i++) {
      const error = Math.abs(found[i]! - wanted[i]!);
      const isClose = error <= TOLERANCE * Math.max(1, Math.abs(wanted[i]!));
      if (isClose || Object.is(found[i], Math.fround(wanted[i]!))) continue;
      throw new Error(`${stage}: ${name}[${i}] is ${found[i]}, not ${wanted[i]}`);
    }
  }
}

/**
 * Roundings that turn out the other way, as sums in f32 are off by some 1e-6 of what they add up: in bf16 one in a
 * thousand, each by 2⁻⁷ of a factor, which is 2.5e-4 in the root of the mean square; few layers add up to some such. It
 * is a share of what a step changed, so that a wrong gradient is seen however little it moves a weight.
 */
const TURNED = 2e-3;
/** What f32 loses, of the larger of 1 and the numbers. */
const LOST = 5e-6;
/**
 * Where terms cancel, as before a batch normalization, that is too little: then the interpreter says what such errors
 * lead to, from numbers that are off by so much, three times. In tf32 kernels may round short sums or not, so that it is
 * half a unit of tf32.
 */
const DISTURBANCES = { tf32: 2 ** -11, bf16: 2 ** -20, f16: 2 ** -20 } as const;
const DRAWS = [1, 2, 3] as const;
/** The most of three draws is not the most there is. */
const SLACK = 4;

export interface RoundedReference {
  readonly expectation: Expectation;
  /** What assigned tensors were. */
  readonly before: Numbers;
  readonly operands: keyof typeof DISTURBANCES;
}

/**
 * Compares by the root of the mean square of a tensor: a single wrong element of a tensor of a thousand is a share of
 * 3e-2.
 */
export function compareRounded(
  stage: string,
  actual: Numbers,
  { expectation, before, operands }: RoundedReference,
): void {
  let draws: readonly Numbers[] | undefined;
  for (const [name, wanted] of expectation()) {
    const found = given(stage, name, actual, wanted);
    const old = before.get(name);
    const away = (from: ArrayLike<number>): number =>
      rootMeanSquare(wanted, (value, i) => difference(from[i]!, value));
    const change = rootMeanSquare(wanted, (value, i) => difference(value, old?.[i] ?? 0));
    const size = rootMeanSquare(wanted, (value) => difference(value, 0));
    const error = away(found);
    const allowed = TURNED * change + LOST * Math.max(1, size);
    if (error <= allowed) continue;
    draws ??= DRAWS.map((draw) => expectation(DISTURBANCES[operands], draw));
    const sensitivity = Math.max(...draws.map((draw) => away(draw.get(name)!)));
    if (error <= allowed + SLACK * sensitivity) continue;
    throw new Error(
      `${stage}: ${name} is off by ${error}, of a change of ${change} that is uncertain by ${sensitivity}`,
    );
  }
}

/** 0 for the same number, also if it is none or infinite. */
function difference(a: number, b: number): number {
  if (Object.is(a, Math.fround(b))) return 0;
  return Number.isFinite(a) && Number.isFinite(b) ? a - b : Infinity;
}

function rootMeanSquare(
  values: ArrayLike<number>,
  of: (value: number, index: number) => number,
): number {
  const squares = Array.from(values, (value, i) => of(value, i) ** 2);
  return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / Math.max(1, squares.length));
}

function given(
  stage: string,
  name: string,
  actual: Numbers,
  wanted: ArrayLike<number>,
): ArrayLike<number> {
  const found = actual.get(name);
  if (found !== undefined && found.length >= wanted.length) return found;
  throw new Error(`${stage} gives no ${name}`);
}
