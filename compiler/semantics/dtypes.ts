/** How element types meet: which converts to which by itself, and what two of them make together. */

import { type DType, isFloat } from "../graph/dtype.ts";
import {
  type ScalarFunction,
  type ScalarFunctionName,
  scalarFunctions,
} from "../graph/scalar-functions.ts";

/** Each converts to those after it without being asked: nothing is lost that a reader would miss. */
const widening: readonly DType[] = ["bool", "u8", "i32", "f32"];

/** Whether values of one type may stand where another is wanted. */
export function widensTo(from: DType, to: DType): boolean {
  if (from === to) return true;
  if (from === "f16" || from === "bf16") return to === "f32";
  const [a, b] = [widening.indexOf(from), widening.indexOf(to)];
  return a < b || (b < 0 && isFloat(to));
}

/** The narrowest type that both widen to. */
export function promote(a: DType, b: DType): DType {
  if (widensTo(a, b)) return b;
  return widensTo(b, a) ? a : "f32";
}

/** An argument of a scalar function: of an element type, or a number of the source, which adapts. */
export type ArgumentType = DType | "weak-int" | "weak-float" | "weak-bool";

/**
 * The types that a scalar function's arguments are converted to, or undefined if it takes none such. Numbers
 * of the source take the type of what they meet; integers become f32 where the function needs floats.
 */
export function argumentTypes(
  fn: ScalarFunctionName,
  given: readonly ArgumentType[],
): readonly DType[] | undefined {
  const row: ScalarFunction = scalarFunctions[fn];
  // A choice is between values of one type, by a truth value of its own.
  const isChoice = fn === "select";
  if (isChoice && given[0] !== "bool" && given[0] !== "weak-bool") return undefined;
  const values = isChoice ? given.slice(1) : given;
  const common = commonType(values);
  const candidates = widening.includes(common)
    ? widening.slice(widening.indexOf(common))
    : ([common, "f32"] as const);
  for (const dtype of candidates) {
    const types = [...(isChoice ? (["bool"] as const) : []), ...values.map(() => dtype)];
    if (row.resultType(types) !== undefined) return types;
  }
  return undefined;
}

function commonType(given: readonly ArgumentType[]): DType {
  const strong = given.filter((type): type is DType => !type.startsWith("weak"));
  const [first, ...rest] = strong;
  const hasFloat = given.includes("weak-float");
  if (first === undefined) {
    return hasFloat ? "f32" : given.every((type) => type === "weak-bool") ? "bool" : "i32";
  }
  const common = rest.reduce(promote, first);
  if (hasFloat && !isFloat(common)) return "f32";
  if (given.includes("weak-int") && (common === "bool" || common === "u8")) return "i32";
  return common;
}
