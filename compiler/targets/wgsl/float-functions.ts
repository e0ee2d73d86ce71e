/**
 * Floating-point operations that WGSL does not have as kernels need them. Compilers may assume that there are no NaNs,
 * may reorder arithmetic, and compute `fma` as they like (https://www.w3.org/TR/WGSL/#floating-point-evaluation): tests
 * for NaN look at bits, and what has to be rounded as written passes through bits that no compiler can predict.
 */

import { type BlockBuilder, valueFunction } from "../../kernel/block-builder.ts";
import {
  add,
  and,
  bitcast,
  constant,
  invoke,
  literalOf,
  multiply,
  operation,
  select,
  subtract,
  vectorOf,
} from "../../kernel/build.ts";
import type { Expression, KernelFunction } from "../../kernel/ir.ts";
import { functionName } from "../../kernel/math/functions.ts";
import type { Legalizer } from "../legalize-scalars.ts";

function bitsOf(x: Expression): Expression {
  return bitcast(x, "u32");
}

/** The bits of |x|: above those of infinity it is NaN. */
export function compareMagnitude(
  name: "greater" | "lessEqual" | "less",
  x: Expression,
): Expression {
  const { lanes } = x.type;
  const magnitude = operation("and", bitsOf(x), constant(0x7fffffff, "u32", lanes));
  return operation(name, magnitude, constant(0x7f800000, "u32", lanes));
}

export function legalCall(fn: string, args: readonly Expression[]): Expression | null {
  const [a, b] = args as readonly [Expression, Expression];
  switch (fn) {
    case "isNan":
      return compareMagnitude("greater", a);
    case "isFinite":
      return compareMagnitude("less", a);
    case "maximum":
    case "minimum":
      return Number.isNaN(literalOf(b) ?? Number.NaN)
        ? invoke(extremumFunction(fn, a.type.lanes), a, b)
        : null;
    default:
      return null;
  }
}

function extremumFunction(fn: "maximum" | "minimum", lanes: number): KernelFunction {
  const type = vectorOf("f32", lanes);
  return valueFunction(
    functionName(fn, "f32", lanes),
    "NaN if either is; the first on ties.",
    [
      ["a", type],
      ["b", type],
    ],
    (_builder, a, b) => {
      const isBetter = operation(fn === "maximum" ? "greater" : "less", b!, a!);
      const takesSecond = and(
        operation("or", isBetter, compareMagnitude("greater", b!)),
        compareMagnitude("lessEqual", a!),
      );
      return select(takesSecond!, b!, a!);
    },
  );
}

/**
 * `a < b ? a : b` as a function, as its arguments are used more than once. Where a compiler assumes that there are no
 * NaNs the comparison alone could be the other one, negated: a relu would make 0 of NaN and hide it.
 */
export function choiceFunction(operationName: "min" | "max", lanes: number): KernelFunction {
  const type = vectorOf("f32", lanes);
  const better = operationName === "min" ? "less" : "greater";
  return valueFunction(
    functionName(`${better}_of`, "f32", lanes),
    "The second where either is NaN, or both are equal.",
    [
      ["a", type],
      ["b", type],
    ],
    (_builder, a, b) => {
      const isNumber = and(compareMagnitude("lessEqual", a!), compareMagnitude("lessEqual", b!));
      return select(and(operation(better, a!, b!), isNumber!)!, a!, b!);
    },
  );
}

/** An argument of `rounded`. */
export function legalRounded(x: Expression, legalizer: Legalizer): Expression {
  const { lanes } = x.type;
  const opaque = legalizer.keep(opaqueFunction(lanes));
  if (x.kind === "operation" && x.operation === "fma") {
    return invoke(fusedFunction(lanes, opaque), ...x.args);
  }
  return invoke(opaque, x);
}

/** x, its bits combined with a zero that is known only when the kernel runs. */
function opaqueFunction(lanes: number): KernelFunction {
  return valueFunction(
    functionName("opaque", "f32", lanes),
    "x, which nothing is known of.",
    [["x", vectorOf("f32", lanes)]],
    (_builder, x) => {
      const infinity = bitcast(constant(Infinity, "f32", lanes), "u32");
      const zero = operation("xor", infinity, constant(0x7f800000, "u32", lanes));
      return bitcast(operation("xor", bitsOf(x!), zero), "f32");
    },
  );
}

/**
 * a·b + c with no rounding in between (Dekker, A floating-point technique for extending the available precision,
 * 1971): the error of the product from halves of twelve bits, whose products are exact, and that of the sum.
 */
function fusedFunction(lanes: number, opaque: KernelFunction): KernelFunction {
  const type = vectorOf("f32", lanes);
  const highPart = (b: BlockBuilder, x: Expression): Expression => {
    const bits = operation("and", bitsOf(x), constant(0xfffff000, "u32", lanes));
    return b.let("high", bitcast(bits, "f32"));
  };
  return valueFunction(
    functionName("fused_multiply_add", "f32", lanes),
    "a·b + c, rounded once.",
    [
      ["a", type],
      ["b", type],
      ["c", type],
    ],
    (builder, a, b, c) => {
      const named = (hint: string, x: Expression): Expression =>
        builder.let(hint, invoke(opaque, x));
      const product = named("product", multiply(a!, b!));
      const aHigh = highPart(builder, a!);
      const aLow = builder.let("low", subtract(a!, aHigh));
      const bHigh = highPart(builder, b!);
      const bLow = builder.let("low", subtract(b!, bHigh));
      const first = builder.let("error", subtract(multiply(aHigh, bHigh), product));
      const second = builder.let("error", add(first, multiply(aHigh, bLow)));
      const third = builder.let("error", add(second, multiply(aLow, bHigh)));
      const error = builder.let("error", add(third, multiply(aLow, bLow)));
      const sum = named("sum", add(product, c!));
      const part = named("part", subtract(sum, product));
      const rest = named("rest", subtract(sum, part));
      const sumError = add(subtract(product, rest), subtract(c!, part));
      const exact = add(sum, add(sumError, error));
      // Of an infinite sum there is no error.
      return select(compareMagnitude("less", sum), exact, sum);
    },
  );
}
