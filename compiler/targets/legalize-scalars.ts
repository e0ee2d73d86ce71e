/**
 * What targets with C's operations legalise alike: rows of the table of scalar functions become operations or calls
 * of functions written in kernel IR, random numbers become Threefry, and reductions of lanes become trees. Each
 * target adds rules of its own for what it cannot say.
 */

import { assertExhaustive, invariant } from "../diagnostics/diagnostic.ts";
import type { DType } from "../graph/dtype.ts";
import { type ScalarFunctionName, scalarFunctions } from "../graph/scalar-functions.ts";
import { hash32 } from "../graph/threefry.ts";
import { expressionAlgebra } from "../kernel/algebra.ts";
import { valueFunction } from "../kernel/block-builder.ts";
import {
  bool,
  broadcast,
  call,
  constant,
  invoke,
  isGraphType,
  lane,
  literalOf,
  operation,
  shuffle,
  symbol,
  vectorOf,
} from "../kernel/build.ts";
import type {
  ElementType,
  Expression,
  Kernel,
  KernelFunction,
  LaneReduction,
  Operation,
  Statement,
} from "../kernel/ir.ts";
import {
  floatModuloFunction,
  floorDivisionFunction,
  functionName,
  isMathFunction,
  mathFunction,
  uniformFunction,
} from "../kernel/math/functions.ts";
import { expressionMapper, mapExpression, rebuildStatements } from "../kernel/rewrite.ts";

/** What a target rewrites beside scalar functions, random numbers and reductions; all parts below are legal. */
export interface LegalRules {
  /** Rows of the table of scalar functions that the target computes in a way of its own; null for the others. */
  call(fn: ScalarFunctionName, args: readonly Expression[]): Expression | null;
  expression(e: Expression, legalizer: Legalizer): Expression;
  statement(s: Statement): Statement | readonly Statement[];
}

/** Rewrites kernels; one shares the functions that they call, so that each is made legal once. */
export class Legalizer {
  readonly #rules: LegalRules;
  readonly #functions = new Map<string, KernelFunction>();

  constructor(rules: LegalRules) {
    this.#rules = rules;
  }

  kernel(kernel: Kernel): Kernel {
    return { ...kernel, tasks: this.expression(kernel.tasks), body: this.#statements(kernel.body) };
  }

  /** Also for what rules make of an expression, where that is not legal yet. */
  expression(e: Expression): Expression {
    return mapExpression(e, (part) => this.#rewrite(part));
  }

  function(fn: KernelFunction): KernelFunction {
    if (fn.isIntrinsic === true) return fn;
    const known = this.#functions.get(fn.name);
    if (known !== undefined) return known;
    const body = this.#statements(fn.body);
    return this.keep({ ...fn, body, result: fn.result && this.expression(fn.result) });
  }

  /** Takes a function as legal: one that ends in what the rules would rewrite into a call of it. */
  keep(fn: KernelFunction): KernelFunction {
    this.#functions.set(fn.name, fn);
    return fn;
  }

  #statements(body: readonly Statement[]): Statement[] {
    return rebuildStatements(
      body,
      expressionMapper((e) => this.#rewrite(e)),
      (s) =>
        this.#rules.statement(
          s.kind === "invoke" ? { ...s, function: this.function(s.function) } : s,
        ),
    );
  }

  #rewrite(e: Expression): Expression {
    switch (e.kind) {
      case "call":
        return this.expression(this.#rules.call(e.fn, e.args) ?? scalarCall(e.fn, e.args));
      case "invoke": {
        const legal = this.function(e.function);
        return legal === e.function ? e : { ...e, function: legal };
      }
      case "random":
        return this.expression(randomNumber(e.stream, e.index));
      case "reduce":
        return this.expression(
          invoke(reduceFunction(e.reduction, e.of.type.dtype, e.of.type.lanes), e.of),
        );
      default:
        return this.#rules.expression(e, this);
    }
  }
}

function randomNumber(stream: string, index: Expression): Expression {
  return invoke(
    uniformFunction(index.type.lanes),
    symbol("seed"),
    constant(hash32(stream), "u32"),
    symbol("batch"),
    index,
  );
}

/** What a row of the table of scalar functions is in machine operations. */
function scalarCall(fn: ScalarFunctionName, args: readonly Expression[]): Expression {
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
      return operationOfBools(fn, args);
    case "select":
      return operationOfBools(fn, args);
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
      return isInteger ? operation(fn === "maximum" ? "max" : "min", a, b) : extremum(fn, a, b);
    default:
      if (isMathFunction(fn)) return invoke(mathFunction(fn, lanes), ...args);
      return invoke(expandedFunction(fn, args), ...args);
  }
}

/** Equality and choice of bools are logic: a single bool is 0 or 1, a lane of a mask 0 or −1. */
function operationOfBools(fn: Operation, args: readonly Expression[]): Expression {
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
function extremum(fn: "maximum" | "minimum", a: Expression, b: Expression): Expression {
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
  invariant(expand !== null, `no target has a way to compute ${fn}`);
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
