/**
 * Arithmetic of literals. WGSL evaluates constant expressions when a shader is created, and refuses those that
 * overflow or give an infinity or NaN; so none are left to it.
 */

import type { ElementType, Expression, Operation } from "../kernel/ir.ts";

/** The literal that an operation, conversion or bitcast of literals is; the expression itself if it is none. */
export function foldConstant(e: Expression): Expression {
  const value = literalValue(e);
  return value === undefined ? e : { kind: "constant", type: e.type, value };
}

function literalValue(e: Expression): number | undefined {
  switch (e.kind) {
    case "operation": {
      const values = e.args.map((arg) => (arg.kind === "constant" ? arg.value : undefined));
      if (values.includes(undefined)) return undefined;
      return evaluate(e.operation, e.args.at(-1)!.type.dtype, values as number[]);
    }
    case "convert":
      return e.of.kind === "constant" ? converted(e.of.value, e.type.dtype) : undefined;
    case "bitcast":
      return e.of.kind === "constant"
        ? recast(e.of.value, e.of.type.dtype, e.type.dtype)
        : undefined;
    case "broadcast":
      return e.of.kind === "constant" ? e.of.value : undefined;
    default:
      return undefined;
  }
}

/** A number as a value of a type: rounded or wrapped. */
function wrapped(value: number, dtype: ElementType): number {
  switch (dtype) {
    case "f32":
      return Math.fround(value);
    case "i32":
      return value | 0;
    case "u32":
      return value >>> 0;
    case "u8":
      return value & 255;
    default:
      return value;
  }
}

function converted(value: number, dtype: ElementType): number {
  if (dtype === "bool") return value === 0 ? 0 : 1;
  if (dtype === "f32" || dtype === "f64" || dtype === "f16") return wrapped(value, dtype);
  if (Number.isNaN(value)) return 0;
  if (Number.isInteger(value) && Math.abs(value) < 2 ** 32) return wrapped(value, dtype);
  const [low, high] =
    dtype === "i32" ? [-(2 ** 31), 2 ** 31 - 1] : [0, dtype === "u8" ? 255 : 2 ** 32 - 1];
  return Math.trunc(Math.min(Math.max(value, low), high));
}

function recast(value: number, from: ElementType, to: ElementType): number {
  const view = new DataView(new ArrayBuffer(4));
  if (from === "f32") view.setFloat32(0, value);
  else view.setUint32(0, value);
  if (to === "f32") return view.getFloat32(0);
  return to === "i32" ? view.getInt32(0) : view.getUint32(0);
}

function choose(condition: boolean, a: number, b: number): number {
  return condition ? a : b;
}

/** Integers round towards zero in `quotient`; a NaN is neither less nor greater. */
const formulas: { readonly [K in Operation]: (a: number, b: number, c: number) => number } = {
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
  divide: (a, b) => a / b,
  negate: (a) => -a,
  absolute: Math.abs,
  min: (a, b) => choose(a < b, a, b),
  max: (a, b) => choose(a > b, a, b),
  quotient: (a, b) => Math.trunc(a / b),
  remainder: (a, b) => a - b * Math.trunc(a / b),
  floorQuotient: (a, b) => Math.floor(a / b),
  floorRemainder: (a, b) => a - b * Math.floor(a / b),
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  not: (a) => ~a,
  shiftLeft: (a, b) => a << b,
  shiftRight: (a, b) => a >> b,
  equal: (a, b) => Number(a === b),
  notEqual: (a, b) => Number(a !== b),
  less: (a, b) => Number(a < b),
  lessEqual: (a, b) => Number(a <= b),
  greater: (a, b) => Number(a > b),
  greaterEqual: (a, b) => Number(a >= b),
  select: (condition, a, b) => choose(condition !== 0, a, b),
  fma: (a, b, c) => a * b + c,
  sqrt: Math.sqrt,
  floor: Math.floor,
  ceil: Math.ceil,
  trunc: Math.trunc,
  rint: (a) => {
    const down = Math.floor(a);
    const isDown = a - down < 0.5 || (a - down === 0.5 && down % 2 === 0);
    return isDown ? down : down + 1;
  },
  scale: (a, b) => a * 2 ** b,
  rounded: (a) => a,
};

function evaluate(
  operation: Operation,
  dtype: ElementType,
  [a, b, c]: readonly number[],
): number | undefined {
  if (dtype === "bool" && operation === "not") return 1 - a!;
  if ((dtype === "i32" || dtype === "u32") && operation === "multiply") {
    return wrapped(Math.imul(a!, b!), dtype);
  }
  if (dtype === "u32" && operation === "shiftRight") return a! >>> b!;
  const isDivision = /uotient|emainder/.test(operation);
  if (isDivision && b === 0) return undefined;
  return wrapped(formulas[operation](a!, b!, c!), dtype);
}
