/** Arithmetic at build time: on numbers of the source, and on sizes that depend on the batch size N. */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import { type Extent, sameExtent } from "../graph/extent.ts";
import { scalarFunctions } from "../graph/scalar-functions.ts";
import type { Operation } from "./arithmetic.ts";
import { type Environment, report } from "./session.ts";
import { asExtent, boolValue, extentValue, floatValue, intValue, type Value } from "./values.ts";

/**
 * A scalar function of numbers, or undefined if one is not static. Integers stay integers where the function
 * takes integers; `/` gives an int where it comes out even, and floors where `env.floors`.
 */
export function staticFunction(
  env: Environment,
  { fn, span }: Operation,
  values: readonly Value[],
): Value | undefined {
  const numbers: number[] = [];
  for (const value of values) {
    if (value.kind === "int" || value.kind === "float") numbers.push(value.value);
    else if (value.kind === "bool") numbers.push(value.value ? 1 : 0);
    else return undefined;
  }
  const isWhole = values.every(({ kind }) => kind !== "float");
  if (fn === "divide" || fn === "floordivide" || fn === "modulo") {
    if (numbers[1] === 0 && isWhole) return report(env, diagnostics.divisionByZero(span, {}));
    if (fn === "divide" && isWhole) {
      const quotient = numbers[0]! / numbers[1]!;
      if (env.floors) return intValue(Math.floor(quotient));
      return Number.isInteger(quotient) ? intValue(quotient) : floatValue(quotient);
    }
  }
  const row = scalarFunctions[fn];
  const result = row.evaluate(...numbers);
  const given = values.every(({ kind }) => kind === "bool") ? "bool" : "f32";
  const isTruth = row.resultType(values.map(() => given)) === "bool";
  if (isTruth) return boolValue(result !== 0);
  const staysWhole =
    isWhole && (row.resultType(values.map(() => "i32")) === "i32" || fn === "power");
  return staysWhole && Number.isSafeInteger(result) ? intValue(result) : floatValue(result);
}

/**
 * A scalar function of sizes of which one depends on N: sums, multiples, and quotients that come out even
 * for every N; equal or not. Undefined where a value is no static integer.
 */
export function extentFunction(
  env: Environment,
  { fn, name, span }: Operation,
  values: readonly Value[],
): Value | undefined {
  const [a, b] = values.map(asExtent);
  if (a === undefined || (values.length === 2 && b === undefined)) return undefined;
  const result = extentArithmetic(fn, a, b);
  return result ?? report(env, diagnostics.batchArithmetic(span, { operation: name }));
}

function extentArithmetic(
  fn: Operation["fn"],
  a: Extent,
  b: Extent | undefined,
): Value | undefined {
  if (b === undefined) {
    return fn === "negate" ? extentValue({ batch: -a.batch, constant: -a.constant }) : undefined;
  }
  switch (fn) {
    case "add":
      return extentValue({ batch: a.batch + b.batch, constant: a.constant + b.constant });
    case "subtract":
      return extentValue({ batch: a.batch - b.batch, constant: a.constant - b.constant });
    case "multiply": {
      const [size, factor] = b.batch === 0 ? [a, b.constant] : [b, a.constant];
      if (a.batch !== 0 && b.batch !== 0) return undefined;
      return extentValue({ batch: size.batch * factor, constant: size.constant * factor });
    }
    case "divide":
    case "floordivide": {
      if (b.batch !== 0 || b.constant === 0 || a.batch % b.constant !== 0) return undefined;
      const rest = a.constant / b.constant;
      if (!Number.isInteger(rest)) return undefined;
      return extentValue({ batch: a.batch / b.constant, constant: rest });
    }
    case "equal":
      return boolValue(sameExtent(a, b));
    case "notEqual":
      return boolValue(!sameExtent(a, b));
    default:
      return undefined;
  }
}
