/** What tests of the scalar functions of every target share: arguments, and how near a result must be. */

import { expect } from "vitest";
import type { DType } from "../../compiler/graph/dtype.ts";
import { type ScalarFunctionName, scalarFunctions } from "../../compiler/graph/scalar-functions.ts";

/** Arguments of each function. */
export const count = 4096;

/** Types of the arguments of a row, floats first. */
export function argumentTypes(fn: ScalarFunctionName): readonly DType[] {
  const { arity, resultType } = scalarFunctions[fn];
  const candidates: DType[][] = [
    Array<DType>(arity).fill("f32"),
    Array<DType>(arity).fill("bool"),
    ["bool", "f32", "f32"],
  ];
  const found = candidates.find(
    (types) => types.length === arity && resultType(types) !== undefined,
  );
  if (found === undefined) throw new Error(`no types for ${fn}`);
  return found;
}

/** The type of its result. */
export function resultType(fn: ScalarFunctionName): DType {
  return scalarFunctions[fn].resultType(argumentTypes(fn))!;
}

export type Sample = (fn: ScalarFunctionName, argument: number, i: number) => number;

/** Deterministic, spread over the row's test domain. */
export const inDomain: Sample = (fn, argument, i) => {
  const { min, max } = scalarFunctions[fn].testDomain[argument]!;
  const t = ((i * 7919 + argument * 104729 + 17) % count) / (count - 1);
  const value = Math.fround(min + (max - min) * t);
  return argumentTypes(fn)[argument] === "bool" ? Math.round(t) : value;
};

const specials = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  Infinity,
  -Infinity,
  Number.NaN,
  1e-40,
  -1e-40,
  1e38,
  -1e38,
  88,
  -88,
  100,
  -100,
  1e-20,
  3,
  -2,
].map(Math.fround);

export const atEdges: Sample = (fn, argument, i) => {
  if (argumentTypes(fn)[argument] === "bool") return i & 1;
  const { arity } = scalarFunctions[fn];
  if (arity === 1) return specials[i % specials.length]!;
  const at = argument === 0 ? i : Math.floor(i / specials.length);
  return specials[at % specials.length]!;
};

/** Distance in units in the last place of the float32 nearest to `exact`. */
function ulps(value: number, exact: number): number {
  const nearest = Math.fround(exact);
  if (Object.is(value, nearest) || value === nearest) return 0;
  if (Number.isNaN(value) && Number.isNaN(exact)) return 0;
  const exponent = Math.max(-126, Math.floor(Math.log2(Math.abs(nearest))));
  return Math.abs(value - exact) / 2 ** (exponent - 23);
}

function flushed(x: number): number {
  return Math.abs(x) < 2 ** -126 ? 0 * Math.sign(x) : x;
}

/** The largest error in units in the last place on `inDomain` is within what the row allows. */
export function expectAccurate(fn: ScalarFunctionName, values: ArrayLike<number>): void {
  const { evaluate, arity, ulp } = scalarFunctions[fn];
  let worst = 0;
  let at: number[] = [];
  for (let i = 0; i < count; i++) {
    const args = Array.from({ length: arity }, (_, a) => inDomain(fn, a, i));
    const error = ulps(values[i]!, evaluate(...args));
    if (!(error <= worst)) {
      worst = error;
      at = [...args, values[i]!, evaluate(...args)];
    }
  }
  expect(worst, `${fn} at ${at}`).toBeLessThanOrEqual(ulp);
}

/**
 * Results on `atEdges` are right: infinities, NaN and zeros where they belong.
 * @param flushes Whether the target may take subnormal arguments as zeros.
 */
export function expectRightAtEdges(
  fn: ScalarFunctionName,
  values: ArrayLike<number>,
  flushes = false,
): void {
  const { evaluate, arity } = scalarFunctions[fn];
  for (let i = 0; i < specials.length ** Math.min(2, arity); i++) {
    const args = Array.from({ length: arity }, (_, a) => atEdges(fn, a, i));
    const exact = evaluate(...args);
    const value = values[i]!;
    const wanted = Math.fround(exact);
    const isNear = (to: number): boolean => ulps(value, to) <= 16 || Math.abs(value - to) < 2e-38;
    const isClose = isNear(exact) || (flushes && isNear(evaluate(...args.map(flushed))));
    // Sine and cosine of huge arguments are not reduced exactly.
    const isHuge = args.some((x) => Math.abs(x) > 1e5 && Number.isFinite(x));
    if (isHuge && /^(sin|cos|tan)$/.test(fn)) continue;
    // A quotient that underflows in float32 has lost its sign.
    const quotient = Math.fround(args[0]! / args[1]!);
    const isLost = quotient === 0 || (flushes && Math.abs(quotient) < 2 ** -126);
    if (fn === "floordivide" && exact === -1 && isLost) continue;
    // Nor has a float32 remainder digits left where the quotient is beyond 2²⁴.
    if (fn === "modulo" && Math.abs(args[0]! / args[1]!) > 2 ** 24) continue;
    const isRight = isClose || Object.is(value, wanted);
    expect(isRight, `${fn}(${args}) = ${value}, not ${wanted}`).toBe(true);
  }
}
