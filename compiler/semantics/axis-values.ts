/**
 * Integers and truth values made of axes alone. They stay affine, or conditions on affines, as long as they
 * can: those may index, guard and select points; anything else is computed like a loaded number.
 */

import {
  type Affine,
  addAffine,
  constantAffine,
  constantValue,
  divAffine,
  extentAffine,
  modAffine,
  offsetAffine,
  scaleAffine,
  subtractAffine,
} from "../graph/affine.ts";
import {
  always,
  and,
  type Condition,
  never,
  nonnegative,
  not,
  or,
  zero,
} from "../graph/condition.ts";
import type { GraphContext } from "../graph/context.ts";
import type { ScalarFunctionName } from "../graph/scalar-functions.ts";
import type { ElementValue, Value } from "./values.ts";

/** The function's value as an affine or a condition, or undefined if it is neither. */
export function axisFunction(
  context: GraphContext,
  fn: ScalarFunctionName,
  values: readonly Value[],
  floors: boolean,
): ElementValue | undefined {
  if (values.every(({ kind }) => kind !== "element")) return undefined;
  const conditions = values.map(asCondition);
  if (conditions.every((condition) => condition !== undefined)) {
    const [a, b] = conditions;
    if (fn === "logicalNot") return conditionElement(context, not(a!));
    if (fn === "logicalAnd") return conditionElement(context, and(a!, b!));
    if (fn === "logicalOr") return conditionElement(context, or(a!, b!));
  }
  const affines = values.map(asAffine);
  if (!affines.every((affine) => affine !== undefined)) return undefined;
  const [a, b] = affines as [Affine, Affine | undefined];
  const affine = affineFunction(fn, a, b, floors);
  if (affine !== undefined) return affineElement(context, affine);
  const condition = b === undefined ? undefined : comparison(fn, a, b);
  return condition === undefined ? undefined : conditionElement(context, condition);
}

export function affineElement(context: GraphContext, affine: Affine): ElementValue {
  return {
    kind: "element",
    scalar: context.index(affine),
    inRange: always,
    affine,
    condition: null,
  };
}

function conditionElement(context: GraphContext, condition: Condition): ElementValue {
  return {
    kind: "element",
    scalar: context.condition(condition),
    inRange: always,
    affine: null,
    condition,
  };
}

/** A static integer or an axis value as an affine. */
function asAffine(value: Value): Affine | undefined {
  switch (value.kind) {
    case "int":
      return constantAffine(value.value);
    case "extent":
      return extentAffine(value.extent);
    case "element":
      return value.affine ?? undefined;
    default:
      return undefined;
  }
}

function asCondition(value: Value): Condition | undefined {
  if (value.kind === "bool") return value.value ? always : never;
  return value.kind === "element" ? (value.condition ?? undefined) : undefined;
}

function affineFunction(
  fn: ScalarFunctionName,
  a: Affine,
  b: Affine | undefined,
  floors: boolean,
): Affine | undefined {
  if (b === undefined) return fn === "negate" ? scaleAffine(a, -1) : undefined;
  const divisor = constantValue(b);
  switch (fn) {
    case "add":
      return addAffine(a, b);
    case "subtract":
      return subtractAffine(a, b);
    case "multiply": {
      const factor = constantValue(a);
      if (divisor !== undefined) return scaleAffine(a, divisor);
      return factor === undefined ? undefined : scaleAffine(b, factor);
    }
    case "divide":
    case "floordivide":
      if (fn === "divide" && !floors) return undefined;
      return divisor !== undefined && divisor > 0 ? divAffine(a, divisor) : undefined;
    case "modulo":
      return divisor !== undefined && divisor > 0 ? modAffine(a, divisor) : undefined;
    default:
      return undefined;
  }
}

function comparison(fn: ScalarFunctionName, a: Affine, b: Affine): Condition | undefined {
  switch (fn) {
    case "less":
      return nonnegative(offsetAffine(subtractAffine(b, a), -1));
    case "lessEqual":
      return nonnegative(subtractAffine(b, a));
    case "equal":
      return zero(subtractAffine(a, b));
    case "notEqual":
      return not(zero(subtractAffine(a, b)));
    default:
      return undefined;
  }
}
