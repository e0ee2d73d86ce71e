/**
 * C with the vector extensions of GCC and Clang. A vector of floats is `f32x16`; a mask is the integer vector
 * that a comparison gives. Accesses and operations that take a loop or an odd spelling are small inline
 * functions from `prelude.ts`; printing notes which of them are used.
 */

import { assertExhaustive, InvariantError, invariant } from "../../diagnostics/diagnostic.ts";
import { literalOf } from "../../kernel/build.ts";
import type {
  ElementType,
  Expression,
  FunctionParameter,
  KernelFunction,
  Operation,
  Place,
  Type,
} from "../../kernel/ir.ts";
import { stridedIndex } from "../../kernel/strided-index.ts";
import {
  callOf,
  conditional,
  type Dialect,
  infix,
  infixOperators,
  inside,
  type Print,
  type Printed,
  precedence,
  prefix,
  primary,
} from "../c-like-printer.ts";
import type { ComparingSelect } from "./instructions.ts";
import {
  type Helper,
  type HelperKind,
  helperName,
  isPicked,
  memoryTypeName,
  typeName,
} from "./prelude.ts";

function literal(value: number, dtype: ElementType): Printed {
  switch (dtype) {
    case "f16":
    case "f32":
    case "f64": {
      const suffix = dtype === "f64" ? "" : "f";
      const rounded = dtype === "f64" ? value : Math.fround(value);
      // Not by the names of <math.h>, which takes a compiler longer than many a kernel.
      if (Number.isNaN(rounded)) return primary('__builtin_nanf("")');
      if (!Number.isFinite(rounded)) {
        return rounded > 0 ? primary("__builtin_inff()") : prefix("-", primary("__builtin_inff()"));
      }
      const digits = shortest(Math.abs(rounded), dtype);
      const text = `${/[.e]/.test(digits) ? digits : `${digits}.0`}${suffix}`;
      const isNegative = rounded < 0 || Object.is(rounded, -0);
      return isNegative ? prefix("-", primary(text)) : primary(text);
    }
    case "i32":
      if (value === -2147483648) return primary("INT32_MIN");
      return value < 0 ? prefix("-", primary(String(-value))) : primary(String(value));
    case "u32":
      return primary(value > 9 ? `0x${(value >>> 0).toString(16)}u` : `${value}u`);
    case "u8":
    case "bool":
      return primary(String(value));
    case "bf16":
      throw new InvariantError("C is given no bf16");
    default:
      return assertExhaustive(dtype);
  }
}

/** The shortest decimal that reads back as the same float32 (or float64). */
function shortest(value: number, dtype: "f16" | "f32" | "f64"): string {
  if (dtype === "f64") return String(value);
  for (let digits = 6; digits <= 9; digits++) {
    const text = String(Number(value.toPrecision(digits)));
    if (Math.fround(Number(text)) === value) return text;
  }
  return String(value);
}

/** `use` hears of every type and helper that the text needs. */
export function cDialect(use: (helper: Helper) => void): Dialect {
  const typed = (type: Type): string => {
    if (type.lanes > 1) use({ kind: "type", type });
    return typeName(type);
  };
  const helper = (kind: HelperKind, type: Type, args: readonly Printed[]): Printed => {
    use({ kind, type });
    return callOf(helperName({ kind, type }), args);
  };
  const strided = (start: Printed, type: Type, step: number): Printed => {
    if (!isPicked(type, step)) return helper("strided", type, [start, primary(String(step))]);
    const picked: Helper = { kind: "picked", type, step };
    use(picked);
    return callOf(helperName(picked), [start]);
  };
  // A literal offset is added to the address: indexes wrap, so C compilers could not move it there themselves.
  const element = (place: Place, print: Print): Printed => {
    const { buffer, index, row } = place;
    const [first, second] = index.kind === "operation" ? index.args : [];
    const offset = second === undefined ? undefined : literalOf(second);
    const isSum = index.kind === "operation" && index.operation === "add";
    if (row !== null || !isSum || offset === undefined || literalOf(first!) !== undefined) {
      return primary(`${buffer}[${columnIndex(place, print)}]`);
    }
    return primary(`(${buffer} + ${inside(print(first!), precedence.sum)})[${offset}]`);
  };
  const pointer = (place: Place, print: Print): Printed => {
    if (place.index.kind === "constant" && place.index.value === 0 && place.row === null) {
      return primary(place.buffer);
    }
    const within = () => inside(print(place.index), precedence.sum);
    const at = place.row === null ? within() : columnIndex(place, print);
    return { text: `${place.buffer} + ${at}`, precedence: precedence.sum };
  };
  /** What is printed where a vector or a single value will do: C spreads the value itself. */
  const spread = (e: Expression, print: Print): Printed => {
    if (e.kind === "broadcast") return print(e.of);
    if (e.kind === "constant") return literal(e.value, e.type.dtype);
    return print(e);
  };

  return {
    constant(value, type) {
      const single = literal(value, type.dtype === "bool" && type.lanes > 1 ? "i32" : type.dtype);
      if (type.lanes === 1) return single;
      if (type.dtype === "bool")
        return helper("splat", { ...type, dtype: "i32" }, [
          value === 0 ? single : prefix("-", single),
        ]);
      return helper("splat", type, [single]);
    },
    symbol: (name) => primary(name),
    shuffleDown() {
      throw new InvariantError("a task on the CPU is one thread: there is no other");
    },
    shuffleFirst() {
      throw new InvariantError("a task on the CPU is one thread: there is no other");
    },
    load({ place, type, mask, active }, print) {
      if (type.lanes === 1) {
        const plain = element(place, print);
        const value =
          type.dtype === "bool" ? infix("!=", precedence.equality, plain, primary("0")) : plain;
        if (mask === null) return value;
        return conditional(print(mask), value, literal(0, type.dtype));
      }
      if (place.row !== null && place.row.type.lanes > 1) {
        const rows = [primary(place.buffer), primary("rows"), primary(`${place.buffer}_row`)];
        const at = [print(place.row), print(place.index)];
        if (mask === null) return helper("gather_rows", type, [...rows, ...at]);
        return helper("gather_rows_where", type, [...rows, ...at, laneMask(mask, type, print)]);
      }
      if (place.index.type.lanes > 1) {
        const run = (mask?.type.lanes ?? 1) === 1 ? stridedIndex(place.index) : null;
        if (run !== null) {
          const elements = strided(pointer({ ...place, index: run.start }, print), type, run.step);
          if (mask === null) return elements;
          return conditional(
            print(mask),
            elements,
            helper("splat", type, [literal(0, type.dtype)]),
          );
        }
        const from = place.row === null ? primary(place.buffer) : primary(rowBase(place, print));
        if (mask === null) return helper("gather", type, [from, print(place.index)]);
        return helper("gather_where", type, [
          from,
          print(place.index),
          laneMask(mask, type, print),
        ]);
      }
      const from = pointer(place, print);
      if (mask !== null && mask.type.lanes > 1) {
        return helper("load_where", type, [from, laneMask(mask, type, print)]);
      }
      const whole =
        active < type.lanes
          ? helper("load_first", type, [from, primary(String(active))])
          : helper("load", type, [from]);
      if (mask === null) return whole;
      return conditional(print(mask), whole, helper("splat", type, [literal(0, type.dtype)]));
    },
    operation: (name, type, args, print) => operation(name, type, args, print),
    call(fn) {
      throw new InvariantError(`${fn} was not rewritten for C`);
    },
    convert(of, type, print) {
      if (type.lanes === 1) return prefix(`(${typeName(type)})`, print(of));
      typed(of.type);
      if (of.type.dtype === "u8" && type.dtype === "i32") return helper("widen", type, [print(of)]);
      return primary(`__builtin_convertvector(${print(of).text}, ${typed(type)})`);
    },
    bitcast(of, type, print) {
      if (type.lanes > 1) return prefix(`(${typed(type)})`, print(of));
      const bits: Helper = { kind: "bitcast", type, from: of.type.dtype };
      use(bits);
      return callOf(helperName(bits), [print(of)]);
    },
    broadcast: (of, type, print) =>
      type.dtype === "bool"
        ? helper("splat", { ...type, dtype: "i32" }, [prefix("-", print(of))])
        : helper("splat", type, [print(of)]),
    ramp(type) {
      const lanes = Array.from({ length: type.lanes }, (_, i) => i);
      return primary(`(${typed(type)}){${lanes.join(", ")}}`);
    },
    lane(of, lane, print) {
      const value = primary(`${inside(print(of), precedence.primary)}[${lane}]`);
      const isBool = of.type.dtype === "bool";
      return isBool ? infix("!=", precedence.equality, value, primary("0")) : value;
    },
    join(of, type, print) {
      return primary(`(${typed(type)}){${of.map((part) => print(part).text).join(", ")}}`);
    },
    shuffle({ a, b, lanes, type }, print) {
      typed(type);
      return primary(
        `__builtin_shufflevector(${print(a).text}, ${print(b).text}, ${lanes.join(", ")})`,
      );
    },
    reduce() {
      throw new InvariantError("a reduction of lanes was not rewritten for C");
    },
    random() {
      throw new InvariantError("a random number was not rewritten for C");
    },
    argument: (printed) => printed,
    address: pointer,
    column: {
      argument({ buffer, index, row }, print) {
        const from = (base: string, at: Expression) =>
          literalOf(at) === 0 ? base : `${base} + ${inside(print(at), precedence.sum)}`;
        return `${from("rows", row!)}, ${from(buffer, index)}`;
      },
      declare: ({ name, rowElements }) => `enum { ${name}_row = ${rowElements} };`,
    },

    declare: (name, type, value, isMutable) =>
      `${isMutable ? "" : "const "}${typed(type)} ${name} = ${value};`,
    declareBuffer: ({ name, dtype, elements }) =>
      `_Alignas(64) ${memoryTypeName(dtype)} ${name}[${elements}];`,
    store({ place, value, mask, active }, print) {
      const { type } = value;
      if (type.lanes === 1) {
        const text = `${element(place, print).text} = ${print(value).text};`;
        return mask === null ? text : `if (${print(mask).text}) ${text}`;
      }
      if (place.index.type.lanes > 1) {
        const args = [primary(place.buffer), print(place.index), print(value)];
        return mask === null
          ? `${helper("scatter", type, args).text};`
          : `${helper("scatter_where", type, [...args, laneMask(mask, type, print)]).text};`;
      }
      const at = pointer(place, print);
      if (mask !== null && mask.type.lanes > 1) {
        const where = laneMask(mask, type, print);
        return `${helper("store_where", type, [at, print(value), where]).text};`;
      }
      const whole =
        active < type.lanes
          ? helper("store_first", type, [at, print(value), primary(String(active))])
          : helper("store", type, [at, print(value)]);
      return mask === null ? `${whole.text};` : `if (${print(mask).text}) ${whole.text};`;
    },
    loopHeader(variable, from, to, step) {
      const next = step === 1 ? `${variable}++` : `${variable} += ${step}`;
      return `for (int32_t ${variable} = ${from}; ${variable} < ${to}; ${next})`;
    },
    unrollHint: (trips) => (trips === null ? null : `#pragma GCC unroll ${Math.max(1, trips)}`),
    barrier() {
      throw new InvariantError("a task on the CPU is one thread: nothing to wait for");
    },
    functionHeader: (fn) => functionHeader(fn, typed),
  };

  function laneMask(mask: Expression, type: Type, print: Print): Printed {
    if (mask.type.lanes === type.lanes) return print(mask);
    return helper("splat", { dtype: "i32", lanes: type.lanes }, [prefix("-", print(mask))]);
  }

  function operation(
    name: Operation,
    type: Type,
    args: readonly Expression[],
    print: Print,
  ): Printed {
    const like = args[name === "select" ? 1 : 0]!;
    const isVector = type.lanes > 1;
    // Operators take a single value beside a vector, as long as one operand is a vector.
    const isPlain = (e: Expression) => e.kind !== "broadcast" && e.kind !== "constant";
    const canSpread = isVector && args.some(isPlain) && like.type.dtype !== "bool";
    const operand = (e: Expression) => (canSpread ? spread(e, print) : print(e));
    const known = infixOperators[name];
    if (known !== undefined) {
      return infix(known[0], known[1], operand(args[0]!), operand(args[1]!));
    }
    const isBool = like.type.dtype === "bool";
    switch (name) {
      case "negate":
        return prefix("-", print(args[0]!));
      case "not":
        return prefix(isBool && !isVector ? "!" : "~", print(args[0]!));
      case "and":
      case "or": {
        const [word, bits] = name === "and" ? ["&&", "&"] : ["||", "|"];
        const [wordLevel, bitLevel] =
          name === "and" ? [precedence.and, precedence.bitAnd] : [precedence.or, precedence.bitOr];
        return isBool && !isVector
          ? infix(word, wordLevel, operand(args[0]!), operand(args[1]!))
          : infix(bits, bitLevel, operand(args[0]!), operand(args[1]!));
      }
      case "xor":
        return infix("^", precedence.bitXor, operand(args[0]!), operand(args[1]!));
      case "equal":
      case "notEqual":
        return infix(
          name === "equal" ? "==" : "!=",
          precedence.equality,
          operand(args[0]!),
          operand(args[1]!),
        );
      case "shiftRight":
        return infix(">>", precedence.shift, operand(args[0]!), operand(args[1]!));
      case "quotient":
        return infix("/", precedence.product, operand(args[0]!), operand(args[1]!));
      case "remainder":
        return infix("%", precedence.product, operand(args[0]!), operand(args[1]!));
      case "select":
        if (!isVector) return conditional(print(args[0]!), print(args[1]!), print(args[2]!));
        if (type.dtype === "f32") {
          const [condition, ...values] = args;
          const compared = comparison(condition!);
          if (compared !== null) {
            const all = [...compared.args, ...values].map(print);
            const [x, y, a, b] = all.map(({ text }) => text);
            // x < y ? x : y is the smaller one, in C as in the helper's own words, and so on.
            const kept = x === a && y === b ? 0 : x === b && y === a ? 1 : undefined;
            const extreme = kept === undefined ? undefined : compared.extremes?.[kept];
            if (extreme !== undefined) return helper(extreme, type, all.slice(2));
            return helper(compared.select, type, all);
          }
        }
        return choice(isBool ? { ...type, dtype: "i32" } : type, args as Choice, print);
      case "min":
      case "max":
      case "absolute":
      case "fma":
      case "sqrt":
      case "floor":
      case "ceil":
      case "trunc":
      case "rint":
      case "scale":
        return helper(name, type, args.map(print));
      default:
        throw new InvariantError(`${name} was not rewritten for C`);
    }
  }

  /** By a mask, or by one bool for all lanes. */
  function choice(type: Type, [where, a, b]: Choice, print: Print): Printed {
    return where.kind === "broadcast"
      ? helper("select_if", type, [print(where.of), print(a), print(b)])
      : helper("select", type, [print(where), print(a), print(b)]);
  }
}

type Choice = readonly [where: Expression, whenTrue: Expression, whenFalse: Expression];

interface Comparison {
  /** The choice by it. */
  readonly select: ComparingSelect;
  /** What it is to choose its operands as they stand, and the other way round. */
  readonly extremes?: readonly ["min" | "max", "min" | "max"];
}

const comparisons: { readonly [K in Operation]?: Comparison } = {
  equal: { select: "select_equal" },
  notEqual: { select: "select_not_equal" },
  less: { select: "select_less", extremes: ["min", "max"] },
  lessEqual: { select: "select_less_equal" },
  greater: { select: "select_greater", extremes: ["max", "min"] },
  greaterEqual: { select: "select_greater_equal" },
};

/** What a condition compares, if it compares floats right there. */
function comparison(
  condition: Expression,
): (Comparison & { readonly args: readonly Expression[] }) | null {
  if (condition.kind !== "operation" || condition.args[0]?.type.dtype !== "f32") return null;
  const known = comparisons[condition.operation];
  return known === undefined ? null : { ...known, args: condition.args };
}

/** Parameters as `const float *restrict x`, `f32x16 y`. */
function parameterText(parameter: FunctionParameter, typed: (type: Type) => string): string {
  if (parameter.kind === "value") {
    return `${parameter.isStride ? "ptrdiff_t" : typed(parameter.type)} ${parameter.name}`;
  }
  if (parameter.kind === "column") {
    const { name, dtype } = parameter;
    return `const int32_t *restrict rows, const ${memoryTypeName(dtype)} *restrict ${name}`;
  }
  const qualifier = parameter.access === "read" ? "const " : "";
  return `${qualifier}${memoryTypeName(parameter.dtype)} *restrict ${parameter.name}`;
}

/** A call saves and reloads every vector around it, and lets no other vector's work fill the waits of its own. */
function qualifierOf({ inline, result }: KernelFunction): string {
  if (!inline) return "static __attribute__((noinline))";
  const isOfVectors = result !== null && result.type.lanes > 1;
  return isOfVectors ? "static inline __attribute__((always_inline))" : "static inline";
}

function functionHeader(fn: KernelFunction, typed: (type: Type) => string): string {
  const qualifier = qualifierOf(fn);
  const result = fn.result === null ? "void" : typed(fn.result.type);
  const parameters = fn.parameters.map((parameter) => parameterText(parameter, typed));
  return `${qualifier} ${result} ${fn.name}(${parameters.join(", ")})`;
}

/** Index within the buffer; on a column the sample's start comes first, in 64 bits. */
function columnIndex(place: Place, print: Print): string {
  const index = print(place.index);
  if (place.row === null) return index.text;
  invariant(place.row.type.lanes === 1, "a vector of rows needs a gather");
  const start = `(size_t)rows[${print(place.row).text}] * ${place.buffer}_row`;
  const isZero = place.index.kind === "constant" && place.index.value === 0;
  return isZero ? start : `${start} + ${inside(index, precedence.sum)}`;
}

function rowBase(place: Place, print: Print): string {
  return `${place.buffer} + (size_t)rows[${print(place.row!).text}] * ${place.buffer}_row`;
}
