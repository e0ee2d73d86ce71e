/**
 * Rewrites kernels into what C can say: rows of the table of scalar functions become operations or calls of
 * functions written in kernel IR, random numbers become Threefry, reductions of lanes become shuffles, masks
 * become bytes in memory, and conversions get the meaning that the IR gives them. Printing follows without
 * any analysis.
 */

import { assertExhaustive, invariant } from "../../diagnostics/diagnostic.ts";
import type { DType } from "../../graph/dtype.ts";
import { type ScalarFunctionName, scalarFunctions } from "../../graph/scalar-functions.ts";
import { hash32 } from "../../graph/threefry.ts";
import { expressionAlgebra } from "../../kernel/algebra.ts";
import { valueFunction } from "../../kernel/block-builder.ts";
import {
  and,
  bool,
  broadcast,
  call,
  constant,
  convert,
  invoke,
  isGraphType,
  lane,
  literalOf,
  operation,
  ramp,
  shuffle,
  symbol,
  vectorOf,
} from "../../kernel/build.ts";
import type {
  ElementType,
  Expression,
  Kernel,
  KernelFunction,
  LaneReduction,
  LoadExpression,
  Operation,
  Statement,
} from "../../kernel/ir.ts";
import {
  floatModuloFunction,
  floorDivisionFunction,
  functionName,
  isMathFunction,
  mathFunction,
  truncateFunction,
  uniformFunction,
} from "../../kernel/math/functions.ts";
import { mapExpression, mapStatements } from "../../kernel/rewrite.ts";

/** Functions already legal, by name: one legalisation shares them between its kernels. */
type Functions = Map<string, KernelFunction>;

/** Legal kernels with all the functions that they call. */
export function legalize(kernels: readonly Kernel[]): readonly Kernel[] {
  const functions: Functions = new Map();
  return kernels.map((kernel) => ({
    ...kernel,
    tasks: legalExpression(kernel.tasks, functions),
    body: legalStatements(kernel.body, functions),
  }));
}

function legalExpression(e: Expression, functions: Functions): Expression {
  return mapExpression(e, (part) => rewrite(part, functions));
}

function legalStatements(body: readonly Statement[], functions: Functions): Statement[] {
  return mapStatements(
    body,
    (e) => rewrite(e, functions),
    (s) => {
      if (s.kind === "store") return legalStore(s);
      if (s.kind === "invoke") return { ...s, function: legalFunction(s.function, functions) };
      return s;
    },
  );
}

export function legalFunction(fn: KernelFunction, functions: Functions): KernelFunction {
  const known = functions.get(fn.name);
  if (known !== undefined) return known;
  const legal: KernelFunction = {
    ...fn,
    body: legalStatements(fn.body, functions),
    result: fn.result && legalExpression(fn.result, functions),
  };
  functions.set(fn.name, legal);
  return legal;
}

/**
 * Where lanes have addresses or a mask of their own, the literal number of active lanes becomes part of the
 * mask.
 */
function activeInMask<T extends Pick<LoadExpression, "place" | "mask" | "active">>(
  access: T,
  lanes: number,
): T {
  const { place, mask, active } = access;
  const isRun = place.index.type.lanes === 1 && (place.row?.type.lanes ?? 1) === 1;
  if (active >= lanes || (isRun && (mask?.type.lanes ?? 1) === 1)) return access;
  const within = operation("less", ramp(lanes), constant(active, "i32", lanes));
  return { ...access, mask: and(mask, within), active: lanes };
}

/** A vector of bools is stored as bytes 0 and 1. */
function legalStore(unmasked: Statement & { readonly kind: "store" }): Statement {
  const { dtype, lanes } = unmasked.value.type;
  const s = activeInMask(unmasked, lanes);
  if (dtype !== "bool" || lanes === 1) return s;
  return { ...s, value: convert(maskAs(s.value, "i32"), "u8") };
}

/** 1 and 0 for true and false. */
function maskAs(mask: Expression, dtype: ElementType): Expression {
  const { lanes } = mask.type;
  return operation("select", mask, constant(1, dtype, lanes), constant(0, dtype, lanes));
}

function rewrite(e: Expression, functions: Functions): Expression {
  const again = (next: Expression): Expression => legalExpression(next, functions);
  const { lanes } = e.type;
  switch (e.kind) {
    case "load": {
      const load = activeInMask(e, lanes);
      if (e.type.dtype !== "bool" || lanes === 1) return load;
      return operation(
        "notEqual",
        convert({ ...load, type: vectorOf("u8", lanes) }, "i32"),
        constant(0, "i32", lanes),
      );
    }
    case "call":
      return again(legalCall(e.fn, e.args));
    case "invoke": {
      const legal = legalFunction(e.function, functions);
      return legal === e.function ? e : { ...e, function: legal };
    }
    case "random":
      return again(
        invoke(
          uniformFunction(lanes),
          symbol("seed"),
          constant(hash32(e.stream), "u32"),
          symbol("batch"),
          e.index,
        ),
      );
    case "reduce":
      return again(invoke(reduceFunction(e.reduction, e.of.type.dtype, e.of.type.lanes), e.of));
    case "convert":
      return legalConvert(e.of, e.type.dtype, functions);
    case "operation":
      return legalOperation(e.operation, e.args, e, again);
    default:
      return e;
  }
}

function legalConvert(of: Expression, to: ElementType, functions: Functions): Expression {
  const { dtype: from, lanes } = of.type;
  if (to === "bool") {
    const wide = from === "u8" ? convert(of, "i32") : of;
    return operation("notEqual", wide, constant(0, wide.type.dtype, lanes));
  }
  if (from === "bool" && lanes > 1) {
    return to === "u8" ? convert(maskAs(of, "i32"), "u8") : maskAs(of, to);
  }
  // GCC converts vectors of bytes to floats one by one, but widens them and converts integers at once.
  const value =
    from === "u8" && to === "f32" && lanes > 1 ? convert(convert(of, "i32"), to) : convert(of, to);
  if (from !== "f32" || to === "f64") return value;
  invariant(to === "i32" || to === "u8", `no conversion of f32 to ${to}`);
  // It ends in a plain conversion of a bounded number, which is C's own: the function is legal as it is.
  const truncate = truncateFunction(to, lanes);
  functions.set(truncate.name, truncate);
  return invoke(truncate, of);
}

function legalOperation(
  name: Operation,
  args: readonly Expression[],
  unchanged: Expression,
  again: (next: Expression) => Expression,
): Expression {
  const [first, second] = args;
  const { dtype, lanes } = args.at(-1)!.type;
  if (name === "floorQuotient" || name === "floorRemainder") {
    const divisor = literalOf(second!);
    const shift = divisor === undefined ? Number.NaN : Math.log2(divisor);
    if (Number.isInteger(shift)) {
      // A power of two: the arithmetic shift floors, and the low bits are the remainder.
      return name === "floorQuotient"
        ? operation("shiftRight", first!, constant(shift, "i32", lanes))
        : operation("and", first!, constant(divisor! - 1, "i32", lanes));
    }
    const part = name === "floorQuotient" ? "quotient" : "remainder";
    return again(invoke(floorDivisionFunction(part, lanes), first!, second!));
  }
  // Vectors of bytes are compared and chosen as integers: their masks would be bytes too.
  if (dtype === "u8" && lanes > 1) {
    const wide = args.map((arg) => (arg.type.dtype === "u8" ? convert(arg, "i32") : arg));
    const value = operation(name, ...wide);
    return again(value.type.dtype === "i32" ? convert(value, "u8") : value);
  }
  return unchanged;
}

/** What a row of the table of scalar functions is in machine operations. */
function legalCall(fn: ScalarFunctionName, args: readonly Expression[]): Expression {
  const [a, b] = args as readonly [Expression, Expression, ...Expression[]];
  const isInteger = a.type.dtype === "i32";
  const { lanes } = a.type;
  switch (fn) {
    case "add":
    case "subtract":
    case "multiply":
    case "divide":
    case "negate":
    case "absolute":
    case "floor":
    case "ceil":
    case "trunc":
    case "sqrt":
    case "less":
    case "lessEqual":
    case "equal":
    case "notEqual":
      return legalBoolComparison(fn, args);
    case "select":
      return legalBoolComparison(fn, args);
    case "fma":
      return isInteger
        ? operation("add", operation("multiply", a, b), args[2]!)
        : operation("fma", ...args);
    case "round":
      return operation("rint", a);
    case "logicalAnd":
      return operation("and", a, b);
    case "logicalOr":
      return operation("or", a, b);
    case "logicalNot":
      return operation("not", a);
    case "floordivide":
      return isInteger
        ? invoke(floorDivisionFunction("quotient", lanes), a, b)
        : operation("floor", operation("divide", a, b));
    case "modulo":
      return isInteger
        ? invoke(floorDivisionFunction("remainder", lanes), a, b)
        : invoke(floatModuloFunction(lanes), a, b);
    case "maximum":
    case "minimum":
      return isInteger
        ? operation(fn === "maximum" ? "max" : "min", a, b)
        : legalExtremum(fn, a, b);
    default:
      if (isMathFunction(fn)) return invoke(mathFunction(fn, lanes), ...args);
      return invoke(expandedFunction(fn, args), ...args);
  }
}

/** Equality and choice of bools are logic: a single bool is 0 or 1, a lane of a mask 0 or −1. */
function legalBoolComparison(fn: Operation, args: readonly Expression[]): Expression {
  const value = args.at(-1)!;
  if (value.type.dtype !== "bool" || value.type.lanes === 1) return operation(fn, ...args);
  const [a, b, c] = args as readonly [Expression, Expression, Expression];
  const differ = operation("xor", a, b);
  if (fn === "notEqual") return differ;
  if (fn === "equal") return operation("not", differ);
  invariant(fn === "select", `${fn} is not for bools`);
  return operation("or", operation("and", a, b), operation("and", operation("not", a), c));
}

/** The larger or smaller of two floats; NaN if either is. The first on ties. */
function legalExtremum(fn: "maximum" | "minimum", a: Expression, b: Expression): Expression {
  // With b ≠ NaN: b > a ? b : a, which is one instruction.
  const known = literalOf(b);
  if (known !== undefined && !Number.isNaN(known)) {
    return operation(fn === "maximum" ? "max" : "min", b, a);
  }
  return invoke(extremumFunction(fn, a.type.lanes), a, b);
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
      const extremum = operation(fn === "maximum" ? "max" : "min", b!, a!);
      return operation("select", operation("notEqual", b!, b!), b!, extremum);
    },
  );
}

/** A row that is defined by simpler rows, as a function of its own. */
function expandedFunction(fn: ScalarFunctionName, args: readonly Expression[]): KernelFunction {
  const { expand } = scalarFunctions[fn];
  invariant(expand !== null, `C has no way to compute ${fn}`);
  const { dtype, lanes } = args[0]!.type;
  invariant(isGraphType(dtype), `${fn} is not for ${dtype}`);
  return valueFunction(
    functionName(fn, dtype, lanes),
    scalarFunctions[fn].doc,
    args.map((arg, i) => [["x", "y", "z"][i]!, arg.type] as const),
    (builder, ...values) =>
      broadcast(expand(expressionAlgebra(builder, dtype as DType), values), lanes),
  );
}

/** Lane i with lane i + half, and again, until one is left. */
function reduceFunction(
  reduction: LaneReduction,
  dtype: ElementType,
  lanes: number,
): KernelFunction {
  const name = dtype === "bool" ? "mask" : dtype;
  return valueFunction(
    `${reduction}_lanes_${name}x${lanes}`,
    "A tree over the lanes.",
    [["v", dtype === "bool" ? { ...bool, lanes } : vectorOf(dtype, lanes)]],
    (builder, v) => {
      let left = v!;
      for (let half = lanes / 2; half >= 1; half /= 2) {
        const low = Array.from({ length: half }, (_, i) => i);
        const high = low.map((i) => i + half);
        const pick = (from: readonly number[]): Expression =>
          half === 1 ? lane(left, from[0]!) : shuffle(left, left, from);
        left = builder.let("left", combineLanes(reduction, pick(low), pick(high)));
      }
      return left;
    },
  );
}

function combineLanes(reduction: LaneReduction, a: Expression, b: Expression): Expression {
  switch (reduction) {
    case "add":
    case "multiply":
    case "and":
    case "or":
      return operation(reduction, a, b);
    case "maximum":
    case "minimum":
      return call(reduction, a, b);
    default:
      return assertExhaustive(reduction);
  }
}
