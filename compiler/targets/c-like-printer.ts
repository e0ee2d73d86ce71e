/**
 * Prints kernel IR as a language with C's expressions and statements. What differs between such languages is
 * a `Dialect`: types, literals, how memory is accessed, and the names of operations. The printer is a total
 * function of what it is given: what a target cannot say was rewritten before.
 */

import { assertExhaustive } from "../diagnostics/diagnostic.ts";
import type { ScalarFunctionName } from "../graph/scalar-functions.ts";
import type {
  Argument,
  ColumnParameter,
  Expression,
  FunctionParameter,
  KernelFunction,
  KernelSymbol,
  LoadExpression,
  Operation,
  Place,
  Statement,
  Type,
} from "../kernel/ir.ts";

/** How tightly expressions bind, loosest first, as in C and JavaScript. */
export const precedence = {
  conditional: 1,
  or: 2,
  and: 3,
  bitOr: 4,
  bitXor: 5,
  bitAnd: 6,
  equality: 7,
  relation: 8,
  shift: 9,
  sum: 10,
  product: 11,
  prefix: 12,
  primary: 13,
} as const;

/** A printed expression with how tightly it binds. */
export interface Printed {
  readonly text: string;
  readonly precedence: number;
}

export function primary(text: string): Printed {
  return { text, precedence: precedence.primary };
}

/** The text, in parentheses where it binds looser than its surroundings ask for. */
export function inside(printed: Printed, atLeast: number): string {
  return printed.precedence >= atLeast ? printed.text : `(${printed.text})`;
}

export function callOf(name: string, args: readonly Printed[]): Printed {
  return primary(`${name}(${args.map((arg) => arg.text).join(", ")})`);
}

/** Left-associative: the right operand must bind tighter. */
export function infix(symbol: string, level: number, a: Printed, b: Printed): Printed {
  return { text: `${inside(a, level)} ${symbol} ${inside(b, level + 1)}`, precedence: level };
}

export function prefix(symbol: string, a: Printed): Printed {
  // A space keeps - -x from becoming --x.
  const operand = inside(a, precedence.prefix);
  const gap = operand.startsWith(symbol) ? " " : "";
  return { text: `${symbol}${gap}${operand}`, precedence: precedence.prefix };
}

export function conditional(condition: Printed, a: Printed, b: Printed): Printed {
  const level = precedence.conditional;
  const test = inside(condition, level + 1);
  return { text: `${test} ? ${inside(a, level + 1)} : ${inside(b, level)}`, precedence: level };
}

/** Operators that all dialects spell alike; the dialect says the others. */
export const infixOperators: { readonly [K in Operation]?: readonly [string, number] } = {
  add: ["+", precedence.sum],
  subtract: ["-", precedence.sum],
  multiply: ["*", precedence.product],
  divide: ["/", precedence.product],
  shiftLeft: ["<<", precedence.shift],
  less: ["<", precedence.relation],
  lessEqual: ["<=", precedence.relation],
  greater: [">", precedence.relation],
  greaterEqual: [">=", precedence.relation],
};

export type Print = (expression: Expression) => Printed;

export interface Dialect {
  constant(value: number, type: Type): Printed;
  symbol(symbol: KernelSymbol): Printed;
  load(load: LoadExpression, print: Print): Printed;
  operation(name: Operation, type: Type, args: readonly Expression[], print: Print): Printed;
  call(fn: ScalarFunctionName, type: Type, args: readonly Expression[], print: Print): Printed;
  convert(of: Expression, type: Type, print: Print): Printed;
  bitcast(of: Expression, type: Type, print: Print): Printed;
  broadcast(of: Expression, type: Type, print: Print): Printed;
  ramp(type: Type): Printed;
  lane(of: Expression, lane: number, print: Print): Printed;
  join(of: readonly Expression[], type: Type, print: Print): Printed;
  shuffle(expression: Expression & { readonly kind: "shuffle" }, print: Print): Printed;
  reduce(expression: Expression & { readonly kind: "reduce" }, print: Print): Printed;
  /** What is passed to a function, with parentheses where the language wants them. */
  argument(printed: Printed): Printed;
  shuffleDown(expression: Expression & { readonly kind: "shuffleDown" }, print: Print): Printed;
  shuffleFirst(expression: Expression & { readonly kind: "shuffleFirst" }, print: Print): Printed;
  random(expression: Expression & { readonly kind: "random" }, print: Print): Printed;
  /** A pointer passed to a function. */
  address(place: Place, print: Print): Printed;
  /** How a function takes rows of a column, where schedules of the target pass them. */
  readonly column?: {
    argument(place: Place, print: Print): string;
    /** What says, within the function, how many elements a row has. */
    declare(parameter: ColumnParameter): string;
  };

  /** Statements, without indentation. */
  declare(name: string, type: Type, value: string, isMutable: boolean): string;
  declareBuffer(buffer: Statement & { readonly kind: "buffer" }): string;
  store(statement: Statement & { readonly kind: "store" }, print: Print): string;
  loopHeader(variable: string, from: string, to: string, step: number): string;
  /** A line before a loop whose body is to be repeated, or null. */
  unrollHint(trips: number | null): string | null;
  barrier(barrier: Statement): string;
  /** `float exp_f32(float x)`, without the body. */
  functionHeader(fn: KernelFunction): string;
}

export class CLikePrinter {
  readonly #dialect: Dialect;
  readonly #print: Print;

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
    this.#print = (expression) => this.#expression(expression);
  }

  expression(expression: Expression): string {
    return this.#print(expression).text;
  }

  #expression(e: Expression): Printed {
    const dialect = this.#dialect;
    const print = this.#print;
    switch (e.kind) {
      case "constant":
        return dialect.constant(e.value, e.type);
      case "variable":
        return primary(e.name);
      case "symbol":
        return dialect.symbol(e.symbol);
      case "load":
        return dialect.load(e, print);
      case "operation":
        return dialect.operation(e.operation, e.type, e.args, print);
      case "call":
        return dialect.call(e.fn, e.type, e.args, print);
      case "invoke":
        return callOf(
          e.function.name,
          e.args.map((arg) => dialect.argument(print(arg))),
        );
      case "convert":
        return dialect.convert(e.of, e.type, print);
      case "bitcast":
        return dialect.bitcast(e.of, e.type, print);
      case "broadcast":
        return dialect.broadcast(e.of, e.type, print);
      case "ramp":
        return dialect.ramp(e.type);
      case "lane":
        return dialect.lane(e.of, e.lane, print);
      case "reduce":
        return dialect.reduce(e, print);
      case "join":
        return dialect.join(e.of, e.type, print);
      case "shuffle":
        return dialect.shuffle(e, print);
      case "shuffleDown":
        return dialect.shuffleDown(e, print);
      case "shuffleFirst":
        return dialect.shuffleFirst(e, print);
      case "random":
        return dialect.random(e, print);
      default:
        return assertExhaustive(e);
    }
  }

  /** Lines of a block, indented by two spaces a level. */
  block(statements: readonly Statement[], indent: string): string[] {
    return statements.flatMap((statement) => this.#statement(statement, indent));
  }

  #statement(s: Statement, indent: string): string[] {
    const dialect = this.#dialect;
    switch (s.kind) {
      case "let":
      case "mutable":
        return [
          `${indent}${dialect.declare(s.name, s.value.type, this.expression(s.value), s.kind === "mutable")}`,
        ];
      case "assign":
        return [`${indent}${s.name} = ${this.expression(s.value)};`];
      case "store":
        return [`${indent}${dialect.store(s, this.#print)}`];
      case "loop": {
        const { from, to, step } = s;
        const hint =
          s.mode === "unrolled" && from.kind === "constant" && to.kind === "constant"
            ? dialect.unrollHint(Math.ceil((to.value - from.value) / step))
            : null;
        const header = dialect.loopHeader(
          s.variable,
          this.expression(from),
          this.#print(to).precedence > precedence.relation
            ? this.expression(to)
            : `(${this.expression(to)})`,
          step,
        );
        return [
          ...(hint === null ? [] : [`${indent}${hint}`]),
          `${indent}${header} {`,
          ...this.block(s.body, `${indent}  `),
          `${indent}}`,
        ];
      }
      case "if":
        return [
          `${indent}if (${this.expression(s.condition)}) {`,
          ...this.block(s.whenTrue, `${indent}  `),
          ...(s.whenFalse.length === 0
            ? []
            : [`${indent}} else {`, ...this.block(s.whenFalse, `${indent}  `)]),
          `${indent}}`,
        ];
      case "invoke":
        return [
          `${indent}${s.function.name}(${s.args.map((arg, i) => this.#argument(arg, s.function.parameters[i]!)).join(", ")});`,
        ];
      case "buffer":
        return [`${indent}${dialect.declareBuffer(s)}`];
      case "barrier":
        return [`${indent}${dialect.barrier(s)}`];
      case "comment":
        return [`${indent}// ${s.text}`];
      default:
        return assertExhaustive(s);
    }
  }

  #argument(argument: Argument, parameter: FunctionParameter): string {
    if (argument.kind !== "address") return this.expression(argument);
    const { place } = argument;
    if (parameter.kind !== "column") return this.#dialect.address(place, this.#print).text;
    return this.#dialect.column!.argument(place, this.#print);
  }

  function(fn: KernelFunction): string[] {
    return [
      ...(fn.comment === "" ? [] : blockComment(fn.comment.split("\n"))),
      `${this.#dialect.functionHeader(fn)} {`,
      ...fn.parameters.flatMap((parameter) =>
        parameter.kind === "column" ? [`  ${this.#dialect.column!.declare(parameter)}`] : [],
      ),
      ...this.block(fn.body, "  "),
      ...(fn.result === null ? [] : [`  return ${this.expression(fn.result)};`]),
      "}",
    ];
  }
}

/** A comment that no content can close. */
export function blockComment(lines: readonly string[]): string[] {
  const safe = lines.map((line) => line.replaceAll("*/", "* /"));
  const [first = "", ...rest] = safe;
  if (rest.length === 0) return [`/* ${first} */`];
  return [`/* ${first}`, ...rest.map((line) => `   ${line}`.trimEnd())].map((line, i) =>
    i === rest.length ? `${line} */` : line,
  );
}
