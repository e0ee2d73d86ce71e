/**
 * JavaScript in float64, one value at a time: for what is computed once or rarely (initial weights, step
 * scalars, metrics). Numbers are rounded to float32 only where they are stored as such.
 */

import { assertExhaustive, InvariantError } from "../../diagnostics/diagnostic.ts";
import { type ScalarFunctionName, scalarFunctions } from "../../graph/scalar-functions.ts";
import { hash32 } from "../../graph/threefry.ts";
import type { ElementType, Expression, Operation, Type } from "../../kernel/ir.ts";
import {
  callOf,
  conditional,
  type Dialect,
  infix,
  infixOperators,
  type Print,
  type Printed,
  precedence,
  prefix,
  primary,
} from "../c-like-printer.ts";
import { type PreludeFunction, preludeName } from "./functions.ts";

/** Arrays that hold intermediate values: floats keep all their digits. */
const arrayTypes: { readonly [K in ElementType]: string } = {
  f32: "Float64Array",
  f64: "Float64Array",
  f16: "Float64Array",
  bf16: "Float64Array",
  i32: "Int32Array",
  u32: "Uint32Array",
  u8: "Uint8Array",
  bool: "Uint8Array",
};

const comparisons: { readonly [K in ScalarFunctionName]?: readonly [string, number] } = {
  less: ["<", precedence.relation],
  lessEqual: ["<=", precedence.relation],
  equal: ["===", precedence.equality],
  notEqual: ["!==", precedence.equality],
  logicalAnd: ["&&", precedence.and],
  logicalOr: ["||", precedence.or],
};

const arithmetic: { readonly [K in ScalarFunctionName]?: readonly [string, number] } = {
  add: ["+", precedence.sum],
  subtract: ["-", precedence.sum],
  multiply: ["*", precedence.product],
  divide: ["/", precedence.product],
};

function number(value: number): Printed {
  const isNegative = value < 0 || Object.is(value, -0);
  const text = String(Math.abs(value));
  return isNegative ? prefix("-", primary(text)) : primary(text);
}

/** `use` hears of every function of the prelude that the text calls. */
export function javaScriptDialect(use: (wanted: PreludeFunction) => void): Dialect {
  const prelude = (wanted: PreludeFunction, args: readonly Printed[]): Printed => {
    use(wanted);
    return callOf(preludeName(wanted), args);
  };
  const vectors = (): never => {
    throw new InvariantError("JavaScript has no vectors");
  };
  return {
    constant(value, type) {
      if (type.dtype === "bool") return primary(value === 0 ? "false" : "true");
      return number(value);
    },
    symbol: (name) => primary(name),
    load({ place, type, mask }, print) {
      const element = primary(`${place.buffer}[${print(place.index).text}]`);
      const isBool = type.dtype === "bool";
      const value = isBool ? infix("!==", precedence.equality, element, primary("0")) : element;
      if (mask === null) return value;
      return conditional(print(mask), value, primary(isBool ? "false" : "0"));
    },
    operation: (name, _type, args, print) => operation(name, args, print),
    call: (fn, type, args, print) => call(fn, type, args.map(print), prelude),
    convert: (of, type, print) => convert(of, type, print, prelude),
    bitcast: vectors,
    broadcast: vectors,
    ramp: vectors,
    lane: vectors,
    join: vectors,
    shuffle: vectors,
    reduce: vectors,
    shuffleDown: vectors,
    shuffleFirst: vectors,
    argument: (printed) => printed,
    address: vectors,
    random({ stream, index }, print) {
      const args = [primary("seed"), number(hash32(stream)), primary("batch"), print(index)];
      return prelude({ kind: "uniform" }, args);
    },
    declare: (name, _type, value, isMutable) =>
      `${isMutable ? "let" : "const"} ${name} = ${value};`,
    declareBuffer: ({ name, dtype, elements }) =>
      `const ${name} = new ${arrayTypes[dtype]}(${elements});`,
    store({ place, value, mask }, print) {
      const isBool = value.type.dtype === "bool";
      const stored = isBool ? conditional(print(value), primary("1"), primary("0")) : print(value);
      const text = `${place.buffer}[${print(place.index).text}] = ${stored.text};`;
      return mask === null ? text : `if (${print(mask).text}) ${text}`;
    },
    loopHeader(variable, from, to, step) {
      const next = step === 1 ? `${variable}++` : `${variable} += ${step}`;
      return `for (let ${variable} = ${from}; ${variable} < ${to}; ${next})`;
    },
    unrollHint: () => null,
    barrier: vectors,
    functionHeader: vectors,
  };
}

/** Index arithmetic, which never overflows, and logic. */
function operation(name: Operation, args: readonly Expression[], print: Print): Printed {
  const [a, b, c] = args.map(print) as [Printed, Printed, Printed];
  const known = infixOperators[name];
  if (known !== undefined) return infix(known[0], known[1], a, b);
  switch (name) {
    case "negate":
      return prefix("-", a);
    case "not":
      return prefix("!", a);
    case "and":
      return infix("&&", precedence.and, a, b);
    case "or":
      return infix("||", precedence.or, a, b);
    case "equal":
      return infix("===", precedence.equality, a, b);
    case "notEqual":
      return infix("!==", precedence.equality, a, b);
    case "select":
      return conditional(a, b, c);
    case "min":
    case "max":
      return callOf(`Math.${name}`, [a, b]);
    case "quotient":
    case "floorQuotient":
      return callOf("Math.floor", [infix("/", precedence.product, a, b)]);
    case "remainder":
      return infix("%", precedence.product, a, b);
    case "floorRemainder": {
      const quotient = callOf("Math.floor", [infix("/", precedence.product, a, b)]);
      return infix("-", precedence.sum, a, infix("*", precedence.product, b, quotient));
    }
    default:
      throw new InvariantError(`${name} was not expected in JavaScript`);
  }
}

function call(
  fn: ScalarFunctionName,
  type: Type,
  args: readonly Printed[],
  prelude: (wanted: PreludeFunction, args: readonly Printed[]) => Printed,
): Printed {
  const [a, b, c] = args as [Printed, Printed, Printed];
  const comparison = comparisons[fn];
  if (comparison !== undefined) return infix(comparison[0], comparison[1], a, b);
  switch (fn) {
    case "select":
      return conditional(a, b, c);
    case "logicalNot":
      return prefix("!", a);
    case "stopGradient":
    case "scaleGradient":
      return a;
    case "negate":
      if (type.dtype !== "i32") return prefix("-", a);
      break;
    default:
      break;
  }
  const operator = arithmetic[fn];
  if (operator !== undefined && type.dtype !== "i32") {
    return infix(operator[0], operator[1], a, b);
  }
  if (type.dtype === "i32") {
    const value = prelude({ kind: "integer", fn }, args);
    return infix("|", precedence.bitOr, value, primary("0"));
  }
  const math = mathName(fn);
  const value = math === null ? prelude({ kind: "float", fn }, args) : callOf(math, args);
  // Rows evaluate booleans as 0 and 1.
  return type.dtype === "bool" ? infix("!==", precedence.equality, value, primary("0")) : value;
}

/** `Math.exp` where the table's evaluation is nothing else. */
function mathName(fn: ScalarFunctionName): string | null {
  const source = scalarFunctions[fn].evaluate.toString();
  const match = /^\(?([\w, ]+)\)?\s*=>\s*(Math\.\w+)\(([\w, ]+)\)$/.exec(source);
  return match !== null && match[1] === match[3] ? match[2]! : null;
}

function convert(
  of: Expression,
  { dtype }: Type,
  print: Print,
  prelude: (wanted: PreludeFunction, args: readonly Printed[]) => Printed,
): Printed {
  const value = print(of);
  const from = of.type.dtype;
  if (from === "bool") return conditional(value, primary("1"), primary("0"));
  switch (dtype) {
    case "bool":
      return infix("!==", precedence.equality, value, primary("0"));
    case "u8":
      return from === "f32"
        ? prelude({ kind: "to-u8" }, [value])
        : infix("&", precedence.bitAnd, value, primary("255"));
    case "i32":
      return from === "f32" ? prelude({ kind: "to-i32" }, [value]) : value;
    case "f16":
    case "bf16":
    case "f32":
    case "f64":
    case "u32":
      return value;
    default:
      return assertExhaustive(dtype);
  }
}
