/** Constants, index expressions and conversions between types. See `rule.ts` for what a rule promises. */

import {
  type Affine,
  addAffine,
  constantAffine,
  scaleAffine,
  subtractAffine,
} from "../../graph/affine.ts";
import { rangeOf } from "../../graph/affine-range.ts";
import { and, inRange } from "../../graph/condition.ts";
import { mapItems } from "../../graph/context.ts";
import type { DType } from "../../graph/dtype.ts";
import type { Scalar } from "../../graph/node.ts";
import { castNumber } from "../../graph/number-algebra.ts";
import { scalarFunctions } from "../../graph/scalar-functions.ts";
import { simplifyAffine, simplifyGuard } from "../simplify-index.ts";
import { fixedIndex, isConstant, named, onCall, onKind, type Scope } from "./rule.ts";

/** Types whose every value a type represents exactly. */
const contains: { readonly [K in DType]: readonly DType[] } = {
  bool: ["bool"],
  u8: ["u8", "bool"],
  i32: ["i32", "u8", "bool"],
  f16: ["f16", "u8", "bool"],
  bf16: ["bf16", "u8", "bool"],
  f32: ["f32", "f16", "bf16", "u8", "bool"],
};

export const conversionRules = named({
  // Loads and indexes without the div, mod and guards that the box makes needless.
  simplifyLoad: onKind("load", (scope, load) => {
    const index = mapItems(load.index, (i) => simplifyAffine(i, scope));
    const guard = simplifyGuard(load.guard, scope, scope.where);
    return index === load.index && guard === load.guard
      ? undefined
      : scope.context.load(load.value, index, guard);
  }),
  simplifyIndex: onKind("index", (scope, { index }) => {
    const simpler = simplifyAffine(index, scope);
    return simpler === index ? undefined : scope.context.index(simpler);
  }),
  simplifyRandom: onKind("random", (scope, { stream, index }) =>
    scope.context.random(stream, simplifyAffine(index, scope)),
  ),
  // An index that is one number is a constant.
  fixedIndex: onKind("index", ({ context }, scalar) => {
    const value = fixedIndex(scalar);
    return value === undefined ? undefined : context.constant(value, "i32");
  }),
  // A gather at places that axes alone say is a load, where they are in range.
  gatherAtAxes: onKind("gather", ({ context }, { value, index }) => {
    const places = index.map(affineOf);
    if (!places.every((place) => place !== undefined)) return undefined;
    const ranges = places.map((place, d) => inRange(place, value.shape[d]!));
    return context.load(value, places, and(...ranges));
  }),
  // A load whose guard never holds is 0.
  guardedOut: onKind("load", ({ context }, { guard, dtype }) =>
    guard.kind === "false" ? context.constant(0, dtype) : undefined,
  ),

  // cast(cast(x)) = cast(x) where the type between holds all of x exactly
  castTwice: onKind("cast", ({ context }, { of, dtype }) =>
    of.kind === "cast" && contains[of.dtype].includes(of.of.dtype)
      ? context.cast(of.of, dtype)
      : undefined,
  ),
  castConstant: onKind("cast", ({ context }, { of, dtype }) =>
    of.kind === "constant"
      ? context.constant(castNumber(of.value, of.dtype, dtype), dtype)
      : undefined,
  ),
  /**
   * f(c…) computed here, in float64: constants are exact numbers, rounded to their type once, where they
   * are printed.
   */
  foldConstants: {
    roots: Object.keys(scalarFunctions) as (keyof typeof scalarFunctions)[],
    apply: (scalar, { context }) => {
      if (scalar.kind !== "call" || !scalar.args.every((arg) => isConstant(arg))) return undefined;
      const numbers = scalar.args.map((arg) => (arg.kind === "constant" ? arg.value : Number.NaN));
      const row = scalarFunctions[scalar.fn];
      const value =
        scalar.dtype === "i32" ? row.evaluateInteger(...numbers) | 0 : row.evaluate(...numbers);
      return context.constant(value, scalar.dtype);
    },
  },

  // Sums, differences and multiples of index expressions are index expressions, while 32 bits hold them.
  addIndexes: onCall(["add", "subtract", "multiply"], (scope, { x, y }, { fn }) => {
    const a = affineOf(x);
    const b = affineOf(y);
    if (a === undefined || b === undefined) return undefined;
    if (fn === "add") return indexIfFits(addAffine(a, b), scope);
    if (fn === "subtract") return indexIfFits(subtractAffine(a, b), scope);
    if (y.kind !== "constant") return undefined;
    return indexIfFits(scaleAffine(a, y.value), scope);
  }),
  negateIndex: onCall("negate", (scope, { x }) => {
    const a = affineOf(x);
    return a && indexIfFits(scaleAffine(a, -1), scope);
  }),
});

function affineOf(scalar: Scalar): Affine | undefined {
  if (scalar.kind === "index") return scalar.index;
  return scalar.kind === "constant" && scalar.dtype === "i32"
    ? constantAffine(scalar.value)
    : undefined;
}

function indexIfFits(affine: Affine, scope: Scope): Scalar | undefined {
  const { min, max } = rangeOf(affine, scope.axes, scope.batchMax);
  return min >= -(2 ** 31) && max < 2 ** 31 ? scope.context.index(affine) : undefined;
}
