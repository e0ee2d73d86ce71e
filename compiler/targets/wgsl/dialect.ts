/**
 * WGSL, of single values and vectors of two or four. Bools and bytes take words in memory; a byte is a `u32` of 0 to
 * 255 as a value too.
 *
 * A `<` after a name opens a list of template parameters if a `>` follows before the end of the statement or of the
 * parentheses around it (https://www.w3.org/TR/WGSL/#template-lists-sec), so comparisons stand in parentheses where
 * others may follow, and operators that may not be mixed have them in any case.
 */

import { assertExhaustive, InvariantError, invariant } from "../../diagnostics/diagnostic.ts";
import { constant } from "../../kernel/build.ts";
import type {
  ElementType,
  Expression,
  KernelFunction,
  Operation,
  Place,
  Statement,
  Type,
} from "../../kernel/ir.ts";
import { divideExactly } from "../../kernel/multiples.ts";
import {
  callOf,
  type Dialect,
  inside,
  type Print,
  type Printed,
  precedence,
  prefix,
  primary,
} from "../c-like-printer.ts";

const scalarTypes: { readonly [K in Exclude<ElementType, "f64" | "bf16">]: string } = {
  f32: "f32",
  f16: "f16",
  i32: "i32",
  u32: "u32",
  u8: "u32",
  bool: "bool",
};

export function typeName({ dtype, lanes }: Type): string {
  invariant(dtype !== "f64" && dtype !== "bf16", `WGSL has no ${dtype}`);
  invariant(lanes === 1 || lanes === 2 || lanes === 4, `WGSL has no vectors of ${lanes}`);
  const scalar = scalarTypes[dtype];
  if (lanes === 1) return scalar;
  if (dtype === "bool") return `vec${lanes}<bool>`;
  return `vec${lanes}${dtype === "f16" ? "h" : scalar.charAt(0)}`;
}

/** Of elements in buffers. */
export function memoryTypeName(type: Type): string {
  return typeName(type.dtype === "bool" ? { ...type, dtype: "u32" } : type);
}

function literal(value: number, dtype: ElementType): Printed {
  switch (dtype) {
    case "f16":
    case "f32":
      return float(value, dtype);
    case "i32": {
      const text = primary(String(Math.abs(value)));
      return value < 0 ? prefix("-", text) : text;
    }
    case "u32":
    case "u8":
      return primary(value > 255 ? `0x${(value >>> 0).toString(16)}u` : `${value}u`);
    case "bool":
      return primary(value === 0 ? "false" : "true");
    case "f64":
    case "bf16":
      throw new InvariantError(`WGSL has no ${dtype}`);
    default:
      return assertExhaustive(dtype);
  }
}

/** Infinity and NaN are loaded, as expressions of literals may not have such values. */
function float(value: number, dtype: "f16" | "f32"): Printed {
  const rounded = Math.fround(value);
  const magnitude = Math.abs(rounded);
  // Compilers take the literal -0.0 for 0.0.
  if (dtype === "f32" && Object.is(rounded, -0)) return primary("bitcast<f32>(0x80000000u)");
  const isNegative = rounded < 0;
  const signed = (text: string): Printed =>
    isNegative ? prefix("-", primary(text)) : primary(text);
  if (Number.isFinite(magnitude))
    return signed(`${digits(magnitude)}${dtype === "f16" ? "h" : "f"}`);
  const bits = Number.isNaN(rounded) ? "step.nan" : "step.infinity";
  const loaded = `bitcast<f32>(${bits})`;
  return signed(dtype === "f16" ? `f16(${loaded})` : loaded);
}

/** The shortest decimal that reads back as the same float32; the largest ones in hexadecimal, as digits may overflow. */
function digits(value: number): string {
  if (value > 3.4028e38) {
    const bits = new DataView(new ArrayBuffer(4));
    bits.setFloat32(0, value);
    return `0x1.${((bits.getUint32(0) & 0x7fffff) << 1).toString(16).padStart(6, "0")}p+127`;
  }
  for (let count = 1; count <= 9; count++) {
    const text = String(Number(value.toPrecision(count)));
    if (Math.fround(Number(text)) === value) return /[.e]/.test(text) ? text : `${text}.0`;
  }
  throw new InvariantError(`${value} is no float32`);
}

interface Operator {
  readonly symbol: string;
  readonly level: number;
  /** How tightly operands bind, at least. */
  readonly left: number;
  readonly right: number;
  /** Whether the left operand may be the same operator again. */
  readonly chains: boolean;
}

const { sum, product, prefix: unary, equality, relation, bitAnd, bitXor, bitOr } = precedence;

function arithmetic(symbol: string, level: number): Operator {
  return { symbol, level, left: level, right: level + 1, chains: true };
}

function comparison(symbol: string): Operator {
  return { symbol, level: equality, left: sum, right: sum, chains: false };
}

function bitwise(symbol: string, level: number): Operator {
  return { symbol, level, left: unary, right: unary, chains: true };
}

/** Shifts bind as loosely as `relation`, so that they never stand beside a comparison as they are. */
const operators: { readonly [K in Operation]?: Operator } = {
  add: arithmetic("+", sum),
  subtract: arithmetic("-", sum),
  multiply: arithmetic("*", product),
  divide: arithmetic("/", product),
  quotient: arithmetic("/", product),
  remainder: arithmetic("%", product),
  shiftLeft: { ...bitwise("<<", relation), chains: false },
  shiftRight: { ...bitwise(">>", relation), chains: false },
  less: comparison("<"),
  lessEqual: comparison("<="),
  greater: comparison(">"),
  greaterEqual: comparison(">="),
  equal: comparison("=="),
  notEqual: comparison("!="),
  and: bitwise("&", bitAnd),
  or: bitwise("|", bitOr),
  xor: bitwise("^", bitXor),
};

function binary({ symbol, level, left, right, chains }: Operator, a: Printed, b: Printed): Printed {
  const first = chains && a.precedence === level ? a.text : inside(a, left);
  return { text: `${first} ${symbol} ${inside(b, right)}`, precedence: level };
}

/** A comparison beside another one could be read as a list of template parameters. */
function argument(printed: Printed): Printed {
  return printed.precedence === equality ? primary(`(${printed.text})`) : printed;
}

function call(name: string, ...args: readonly Printed[]): Printed {
  return callOf(name, args.map(argument));
}

const functions: { readonly [K in Operation]?: string } = {
  absolute: "abs",
  min: "min",
  max: "max",
  fma: "fma",
  sqrt: "sqrt",
  floor: "floor",
  ceil: "ceil",
  trunc: "trunc",
  rint: "round",
};

/** What the dialect must know of a kernel. */
export interface KernelMemory {
  /** Buffers of vectors of four, all accesses to which are runs of four from a multiple of four on. */
  readonly vectors: ReadonlySet<string>;
  /** Functions that read columns, by the name of the column. */
  readonly columns: ReadonlyMap<string, string>;
  /** Barriers that order accesses to memory outside the workgroup too. */
  readonly storageBarriers: ReadonlySet<Statement>;
}

export const noMemory: KernelMemory = {
  vectors: new Set(),
  columns: new Map(),
  storageBarriers: new Set(),
};

export function wgslDialect({ vectors, columns, storageBarriers }: KernelMemory): Dialect {
  const element = ({ buffer, index, row }: Place, print: Print): Printed => {
    if (row !== null) return call(columns.get(buffer)!, print(row), print(index));
    const at = vectors.has(buffer) ? divideExactly(index, 4) : index;
    return primary(`${buffer}[${print(at).text}]`);
  };
  return {
    constant(value, type) {
      const single = literal(value, type.dtype);
      return type.lanes === 1 ? single : call(typeName(type), single);
    },
    symbol(name) {
      return primary(name === "seed" || name === "batch" ? `step.${name}` : name);
    },
    load({ place, type, mask, active }, print) {
      const stored = element(place, print);
      const zero = call("vec4<bool>", primary("false"));
      const value =
        type.dtype === "bool" && place.row === null
          ? binary(operators.notEqual!, stored, print(constant(0, "u32", type.lanes)))
          : stored;
      const masks = [
        ...(mask === null
          ? []
          : [mask.type.lanes === type.lanes ? print(mask) : call("vec4<bool>", print(mask))]),
        ...(active === type.lanes
          ? []
          : [
              primary(
                `vec4<bool>(${Array.from({ length: type.lanes }, (_, i) => i < active).join(", ")})`,
              ),
            ]),
      ];
      if (masks.length === 0) return value;
      const where = masks.reduce((a, b) => binary(operators.and!, a, b));
      const none =
        type.dtype === "bool" && type.lanes > 1 ? zero : print(constant(0, type.dtype, type.lanes));
      return call("select", none, value, where);
    },
    operation(name, type, args, print) {
      const printed = args.map(print);
      const [a, b, c] = printed as [Printed, Printed, Printed];
      const isBool = type.dtype === "bool";
      if (name === "shiftLeft" || name === "shiftRight") {
        return binary(operators[name]!, a, shiftAmount(args[1]!, print));
      }
      if (name === "xor" && isBool) return binary(operators.notEqual!, a, b);
      const operator = operators[name];
      if (operator !== undefined) return binary(operator, a, b);
      if (name === "negate") return prefix("-", a);
      if (name === "not") return prefix(isBool ? "!" : "~", a);
      if (name === "select") return call("select", c, b, a);
      const fn = functions[name];
      invariant(fn !== undefined, `${name} was not rewritten for WGSL`);
      return call(fn, ...printed);
    },
    call(fn) {
      throw new InvariantError(`${fn} was not rewritten for WGSL`);
    },
    convert: (of, type, print) => call(typeName(type), print(of)),
    bitcast(of, type, print) {
      const name = typeName(type);
      return name === typeName(of.type) ? print(of) : call(`bitcast<${name}>`, print(of));
    },
    broadcast: (of, type, print) => call(typeName(type), print(of)),
    ramp(type) {
      const lanes = Array.from({ length: type.lanes }, (_, i) => primary(String(i)));
      return call(typeName(type), ...lanes);
    },
    lane: (of, lane, print) => primary(`${inside(print(of), precedence.primary)}.${"xyzw"[lane]}`),
    join: (of, type, print) => call(typeName(type), ...of.map(print)),
    shuffle({ a, b, lanes, type }, print) {
      const from = a.type.lanes;
      const [first, second] = [print(a), print(b)];
      if (lanes.every((lane) => lane < from) && lanes.length > 1) {
        const swizzle = lanes.map((lane) => "xyzw"[lane]).join("");
        return primary(`${inside(first, precedence.primary)}.${swizzle}`);
      }
      const picked = lanes.map((lane) =>
        lane < from
          ? primary(`${inside(first, precedence.primary)}.${"xyzw"[lane]}`)
          : primary(`${inside(second, precedence.primary)}.${"xyzw"[lane - from]}`),
      );
      return call(typeName(type), ...picked);
    },
    reduce() {
      throw new InvariantError("a reduction of lanes was not rewritten for WGSL");
    },
    shuffleDown: ({ of, distance }, print) =>
      call("subgroupShuffleDown", print(of), primary(`${distance}u`)),
    shuffleFirst() {
      throw new InvariantError("WGSL does not say how many threads a subgroup has");
    },
    random() {
      throw new InvariantError("a random number was not rewritten for WGSL");
    },
    argument,
    address() {
      throw new InvariantError("WGSL has no pointers to pass to functions");
    },

    declare: (name, _type, value, isMutable) => `${isMutable ? "var" : "let"} ${name} = ${value};`,
    declareBuffer: ({ name, dtype, elements }) =>
      `var ${name}: ${arrayType(name, dtype, elements)};`,
    store({ place, value, mask }, print) {
      const { type } = value;
      const stored =
        type.dtype === "bool" ? call(memoryTypeName(type), print(value)) : print(value);
      const text = `${element(place, print).text} = ${stored.text};`;
      return mask === null ? text : `if (${print(mask).text}) { ${text} }`;
    },
    loopHeader(variable, from, to, step) {
      const next = step === 1 ? `${variable}++` : `${variable} += ${step}`;
      return `for (var ${variable} = ${from}; ${variable} < ${to}; ${next})`;
    },
    unrollHint: () => null,
    barrier: (s) =>
      storageBarriers.has(s) ? "storageBarrier(); workgroupBarrier();" : "workgroupBarrier();",
    functionHeader,
  };

  function arrayType(name: string, dtype: ElementType, elements: number): string {
    return bufferType({ dtype, elements, isVector: vectors.has(name) });
  }
}

/** The type of a buffer with so many elements. */
export function bufferType({
  dtype,
  elements,
  isVector,
}: {
  readonly dtype: ElementType;
  readonly elements: number;
  readonly isVector: boolean;
}): string {
  const lanes = isVector ? 4 : 1;
  return `array<${memoryTypeName({ dtype, lanes })}, ${Math.ceil(elements / lanes)}>`;
}

function functionHeader({ name, parameters, result }: KernelFunction): string {
  const list = parameters.map((parameter) => {
    invariant(parameter.kind === "value", "WGSL has no pointers to pass to functions");
    return `${parameter.name}: ${typeName(parameter.type)}`;
  });
  const returns = result === null ? "" : ` -> ${typeName(result.type)}`;
  return `fn ${name}(${list.join(", ")})${returns}`;
}

/** Shifts are by unsigned numbers. */
function shiftAmount(by: Expression, print: Print): Printed {
  const type: Type = { dtype: "u32", lanes: by.type.lanes };
  if (by.kind === "constant") return print(constant(by.value, "u32", by.type.lanes));
  return by.type.dtype === "u32" ? print(by) : call(typeName(type), print(by));
}
