/** Machine operations of single values as C++; vectors do the same with every lane. */

import { InvariantError } from "../../diagnostics/diagnostic.ts";
import type { ElementType, Operation } from "../../kernel/ir.ts";
import {
  callOf,
  conditional,
  infix,
  infixOperators,
  inside,
  type Printed,
  precedence,
  prefix,
  primary,
} from "../c-like-printer.ts";

/** Functions of CUDA. */
const functions: { readonly [K in Operation]?: string } = {
  fma: "fmaf",
  sqrt: "sqrtf",
  floor: "floorf",
  ceil: "ceilf",
  trunc: "truncf",
  rint: "rintf",
};

/** Operators of C++ between two values; on vectors they are our own. */
export const operators: { readonly [K in Operation]?: readonly [string, number] } = {
  ...infixOperators,
  equal: ["==", precedence.equality],
  notEqual: ["!=", precedence.equality],
  quotient: ["/", precedence.product],
  remainder: ["%", precedence.product],
  shiftRight: [">>", precedence.shift],
  and: ["&", precedence.bitAnd],
  or: ["|", precedence.bitOr],
  xor: ["^", precedence.bitXor],
};

const logicOperators: { readonly [K in Operation]?: readonly [string, number] } = {
  and: ["&&", precedence.and],
  or: ["||", precedence.or],
  xor: ["!=", precedence.equality],
};

/** What an operation takes a function of ours for, as that says its arguments twice. */
export function ownFunction(name: Operation, dtype: ElementType): string | undefined {
  if (name === "min" || name === "max") return `nnc_${name}`;
  return name === "absolute" && dtype !== "f32" ? "nnc_absolute" : undefined;
}

/** The body of such a function. */
export function ownOperation(name: Operation, a: Printed, b: Printed): Printed {
  const [symbol] = infixOperators[name === "max" ? "greater" : "less"]!;
  if (name !== "absolute") return conditional(infix(symbol, precedence.relation, a, b), a, b);
  // The smallest number stays what it is.
  const negative = primary(`(int)(0u - (unsigned)${a.text})`);
  return conditional(infix("<", precedence.relation, a, primary("0")), negative, a);
}

/** An operation on single values of type `dtype`; of a select, that of what it chooses from. */
export function scalarOperation(
  name: Operation,
  dtype: ElementType,
  args: readonly Printed[],
): Printed {
  const [a, b, c] = args as readonly [Printed, Printed, Printed];
  const operator = (dtype === "bool" ? logicOperators[name] : undefined) ?? operators[name];
  if (operator !== undefined) {
    const value = readableInfix(operator, a, b);
    // C++ computes with ints.
    const isByte = dtype === "u8" && operator[1] > precedence.relation;
    return isByte ? prefix("(unsigned char)", value) : value;
  }
  switch (name) {
    case "negate":
      return dtype === "u8" ? prefix("(unsigned char)", prefix("-", a)) : prefix("-", a);
    case "not":
      if (dtype === "bool") return prefix("!", a);
      return dtype === "u8" ? prefix("(unsigned char)", prefix("~", a)) : prefix("~", a);
    case "select":
      return conditional(a, b, c);
    case "absolute":
    case "min":
    case "max":
      return callOf(ownFunction(name, dtype) ?? "fabsf", args);
    default: {
      const fn = functions[name];
      if (fn === undefined) throw new InvariantError(`${name} was not rewritten for CUDA`);
      return callOf(fn, args);
    }
  }
}

/** Sums that are shifted or bits that are added stand in parentheses, also where C++ asks for none. */
function readableInfix(
  [symbol, level]: readonly [string, number],
  a: Printed,
  b: Printed,
): Printed {
  const isBits =
    level === precedence.shift || (level >= precedence.bitOr && level <= precedence.bitAnd);
  if (!isBits) return infix(symbol, level, a, b);
  const left =
    a.precedence === level && level !== precedence.shift ? a.text : inside(a, precedence.prefix);
  return { text: `${left} ${symbol} ${inside(b, precedence.prefix)}`, precedence: level };
}
