/**
 * The float32 functions that no machine has an instruction for, as kernel functions: one for each number of
 * lanes, of the same formula, so that a scalar tail and a vector agree bit for bit. Tests hold each to the
 * error that its row of the table of scalar functions allows.
 */

import type { ScalarFunctionName } from "../../graph/scalar-functions.ts";
import { type BlockBuilder, valueFunction } from "../block-builder.ts";
import { add, bitcast, constant, convert, multiply, operation, u32, vectorOf } from "../build.ts";
import type { Expression, KernelFunction } from "../ir.ts";
import { erf } from "./error.ts";
import { cosh, exp, expm1, sinh, tanh } from "./exponential.ts";
import { type Formula, scale } from "./formula.ts";
import { acosh, asinh, atanh, log, log1p, power } from "./logarithm.ts";
import { acos, asin, atan, atan2, cos, sin, tan } from "./trigonometric.ts";

const formulas = {
  exp,
  expm1,
  tanh,
  sinh,
  cosh,
  log,
  log1p,
  asinh,
  acosh,
  atanh,
  power,
  erf,
  sin,
  cos,
  tan,
  asin,
  acos,
  atan,
  atan2,
} satisfies { readonly [K in ScalarFunctionName]?: Formula };

export type MathFunctionName = keyof typeof formulas;

export function isMathFunction(name: ScalarFunctionName): name is MathFunctionName {
  return Object.hasOwn(formulas, name);
}

const binaries: ReadonlySet<MathFunctionName> = new Set<MathFunctionName>(["power", "atan2"]);

/** `exp_f32x16` and the like. */
export function mathFunction(name: MathFunctionName, lanes: number): KernelFunction {
  const type = vectorOf("f32", lanes);
  const parameters = binaries.has(name)
    ? ([
        ["x", type],
        ["y", type],
      ] as const)
    : ([["x", type]] as const);
  return valueFunction(functionName(name, "f32", lanes), "", parameters, formulas[name]);
}

/** For targets without an instruction for the operation. */
export function scaleFunction(lanes: number): KernelFunction {
  const type = vectorOf("f32", lanes);
  const parameters = [
    ["x", type],
    ["k", type],
  ] as const;
  return valueFunction(functionName("scale", "f32", lanes), "x · 2^k", parameters, scale);
}

export function functionName(name: string, dtype: string, lanes: number): string {
  return `${name}_${dtype}${lanes === 1 ? "" : `x${lanes}`}`;
}

const rotations = [13, 15, 26, 6, 17, 29, 16, 24];

/**
 * `uniformAt` of `graph/threefry.ts`: Threefry-2x32-20 with key (seed, stream) and counter (index >> 1, batch),
 * of whose words the one at index & 1 gives 24 bits.
 */
export function uniformFunction(lanes: number): KernelFunction {
  return valueFunction(
    functionName("uniform", "f32", lanes),
    "Threefry-2x32-20: uniform in [0, 1).",
    [
      ["seed", u32],
      ["stream", u32],
      ["batch", u32],
      ["index", vectorOf("i32", lanes)],
    ],
    (b, seed, stream, batch, index) => {
      const word = (value: number, wide = lanes): Expression => constant(value, "u32", wide);
      const parity = b.let(
        "parity",
        operation("xor", operation("xor", seed!, stream!), word(0x1bd11bda, 1)),
      );
      const keys = [seed!, stream!, parity];
      const number = b.let("number", bitcast(index!, "u32"));
      const half = operation("shiftRight", number, word(1));
      let x = b.let("x", operation("add", half, seed!));
      const start = b.let("start", operation("add", batch!, stream!));
      let y: Expression = b.let("y", operation("add", word(0), start));
      for (let round = 0; round < 20; round++) {
        const by = rotations[round % 8]!;
        x = b.let("x", operation("add", x, y));
        y = b.let("y", operation("xor", rotate(b, y, by), x));
        if (round % 4 === 3) {
          const injection = (round + 1) / 4;
          x = b.let("x", operation("add", x, keys[injection % 3]!));
          const key = operation("add", keys[(injection + 1) % 3]!, word(injection, 1));
          y = b.let("y", operation("add", y, key));
        }
      }
      const isOdd = operation("notEqual", operation("and", number, word(1)), word(0));
      const chosen = operation("select", isOdd, y, x);
      const top = bitcast(operation("shiftRight", chosen, word(8)), "i32");
      return multiply(convert(top, "f32"), constant(2 ** -24, "f32", lanes));
    },
  );
}

function rotate(b: BlockBuilder, x: Expression, by: number): Expression {
  const bitsOf = (value: number): Expression => constant(value, "u32", x.type.lanes);
  const left = operation("shiftLeft", x, bitsOf(by));
  const right = operation("shiftRight", x, bitsOf(32 - by));
  return b.let("turned", operation("or", left, right));
}

/** Floats to integers: truncates, saturates, and gives 0 for NaN. */
export function truncateFunction(to: "i32" | "u8", lanes: number): KernelFunction {
  const [low, high] = to === "i32" ? [-2147483648, 2147483520] : [0, 255];
  return valueFunction(
    functionName(`${to}_from`, "f32", lanes),
    "Truncates and saturates; 0 for NaN.",
    [["x", vectorOf("f32", lanes)]],
    (b, x) => {
      const limit = (value: number): Expression => constant(value, "f32", lanes);
      const isNumber = operation("equal", x!, x!);
      const number = b.let("number", operation("select", isNumber, x!, limit(0)));
      const isLow = operation("less", number, limit(low));
      const floored = b.let("floored", operation("select", isLow, limit(low), number));
      const isHigh = operation("greater", floored, limit(high));
      const bounded = b.let("bounded", operation("select", isHigh, limit(high), floored));
      const whole = b.let("whole", convert(bounded, "i32"));
      if (to === "u8") return convert(whole, "u8");
      const largest = constant(2147483647, "i32", lanes);
      return operation("select", operation("greater", number, limit(high)), largest, whole);
    },
  );
}

/** ⌊a / b⌋ or a − b·⌊a / b⌋ of integers; by zero 0, and nothing traps. */
export function floorDivisionFunction(
  part: "quotient" | "remainder",
  lanes: number,
): KernelFunction {
  const type = vectorOf("i32", lanes);
  return valueFunction(
    functionName(`floor_${part}`, "i32", lanes),
    "Rounds towards minus infinity; by zero it is 0.",
    [
      ["a", type],
      ["b", type],
    ],
    (builder, a, b) => {
      const int = (value: number): Expression => constant(value, "i32", lanes);
      const isZero = builder.let("by_zero", operation("equal", b!, int(0)));
      // −2³¹ / −1 overflows, which traps: division by −1 is negation.
      const isMinusOne = builder.let("by_minus_one", operation("equal", b!, int(-1)));
      const isSpecial = operation("or", isZero, isMinusOne);
      const divisor = builder.let("divisor", operation("select", isSpecial, int(1), b!));
      const q = builder.let("q", operation("quotient", a!, divisor));
      const r = builder.let("r", operation("subtract", a!, operation("multiply", q, divisor)));
      const isOpposite = operation("less", operation("xor", r, divisor), int(0));
      const isLess = operation("and", operation("notEqual", r, int(0)), isOpposite);
      if (part === "remainder") {
        const fixed = operation("select", isLess, operation("add", r, divisor), r);
        return operation("select", isSpecial, int(0), fixed);
      }
      const fixed = operation("select", isLess, operation("subtract", q, int(1)), q);
      const negated = operation("select", isMinusOne, operation("negate", a!), fixed);
      return operation("select", isZero, int(0), negated);
    },
  );
}

/** a − b·⌊a / b⌋ of floats, with the sign of b. */
export function floatModuloFunction(lanes: number): KernelFunction {
  const type = vectorOf("f32", lanes);
  return valueFunction(
    functionName("modulo", "f32", lanes),
    "The remainder with the sign of b.",
    [
      ["a", type],
      ["b", type],
    ],
    (builder, a, b) => {
      const q = builder.let("q", operation("floor", operation("divide", a!, b!)));
      // 0·∞ is no number.
      const isWhole = operation("equal", q, constant(0, "f32", lanes));
      const rest = operation("rounded", operation("fma", operation("negate", q), b!, a!));
      const r = builder.let("r", operation("select", isWhole, a!, rest));
      // The quotient may be rounded up to the next whole number, or down below one.
      const zero = constant(0, "f32", lanes);
      const isPositive = operation("greater", b!, zero);
      const isBelow = operation(
        "less",
        operation("select", isPositive, r, operation("negate", r)),
        zero,
      );
      const isAbove = operation("greater", operation("absolute", r), operation("absolute", b!));
      const raised = operation("select", isBelow, add(r, b!), r);
      return operation("select", isAbove, operation("subtract", r, b!), raised);
    },
  );
}
