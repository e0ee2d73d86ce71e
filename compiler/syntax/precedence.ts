/**
 * Turns a flat chain of operands, prefixes and infix operators into a tree. The grammar reads chains without
 * recursion, and this climbs the precedences (Clarke 1986), loosest first:
 *
 *     |>   if-then-else   or   and   not   comparison   ..   + -   * / % @   prefix - and reducers   ^
 *
 * A reducer takes one multiplicative term: `sum[i] x[i]*k[i] + b` adds b once. `-x^2` is `-(x^2)`, `2^-x` is
 * `2^(-x)`, `^` associates to the right, everything else to the left; comparisons do not chain.
 */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import { assertExhaustive, invariant, type Span } from "../diagnostics/diagnostic.ts";
import type { AxisBinder, BinaryOperator, Expression, Identifier } from "./ast.ts";
import { type ExpressionBuilder, maximumDepth, type Part } from "./expression-builder.ts";
import { SyntaxFault } from "./faults.ts";

export type ChainItem = Prefix | Infix | Operand;

export type Prefix =
  | { readonly kind: "sign"; readonly operator: "-" | "not"; readonly span: Span }
  | { readonly kind: "reducer"; readonly name: Identifier; readonly axes: readonly AxisBinder[] }
  | {
      readonly kind: "condition";
      readonly condition: Expression;
      readonly then: Expression;
      /** From `if` to `else`. */
      readonly span: Span;
      readonly keyword: Span;
    };

export interface Infix {
  readonly kind: "infix";
  readonly operator: InfixOperator;
  readonly span: Span;
}

export interface Operand {
  readonly kind: "operand";
  readonly part: Part;
}

export type InfixOperator = BinaryOperator | "|>" | "..";

const level = {
  pipe: 1,
  conditional: 2,
  or: 3,
  and: 4,
  not: 5,
  comparison: 6,
  range: 7,
  additive: 8,
  multiplicative: 9,
  prefix: 10,
  power: 11,
} as const;

const levels: { readonly [K in InfixOperator]: number } = {
  "|>": level.pipe,
  or: level.or,
  and: level.and,
  "==": level.comparison,
  "!=": level.comparison,
  "<": level.comparison,
  "<=": level.comparison,
  ">": level.comparison,
  ">=": level.comparison,
  "..": level.range,
  "+": level.additive,
  "-": level.additive,
  "*": level.multiplicative,
  "/": level.multiplicative,
  "%": level.multiplicative,
  "@": level.multiplicative,
  "^": level.power,
};

/** The tree of a chain that alternates properly: (prefix* operand) (infix prefix* operand)*. */
export function climb(chain: readonly ChainItem[], builder: ExpressionBuilder): Part {
  return new Climber(chain, builder).parse(level.pipe, "", 0);
}

class Climber {
  readonly #chain: readonly ChainItem[];
  readonly #builder: ExpressionBuilder;
  #at = 0;

  constructor(chain: readonly ChainItem[], builder: ExpressionBuilder) {
    this.#chain = chain;
    this.#builder = builder;
  }

  /** Everything from here that binds at least as tightly as `minimum`; `after` is the operator before it. */
  parse(minimum: number, after: string, depth: number): Part {
    let left = this.#operand(minimum, after, depth);
    let isComparison = false;
    for (;;) {
      const next = this.#chain[this.#at];
      if (next?.kind !== "infix" || levels[next.operator] < minimum) return left;
      const own = levels[next.operator];
      if (own === level.comparison && isComparison) {
        throw new SyntaxFault(diagnostics.chainedComparison(next.span, {}));
      }
      isComparison = own === level.comparison;
      this.#at++;
      // What follows `^` may carry a prefix: 2^-x, a^b^c.
      const right = this.parse(
        own === level.power ? level.prefix : own + 1,
        next.operator,
        depth + 1,
      );
      left = this.#combine(next, left, right);
    }
  }

  #combine(operator: Infix, left: Part, right: Part): Part {
    if (operator.operator === "|>") return this.#builder.pipe(left, right);
    if (operator.operator === "..") return this.#builder.range(left, right);
    return this.#builder.binary(operator.operator, operator.span, left, right);
  }

  #operand(minimum: number, after: string, depth: number): Part {
    const item = this.#chain[this.#at++];
    invariant(item !== undefined && item.kind !== "infix", "a chain alternates");
    if (depth > maximumDepth) throw new SyntaxFault(tooDeep(item));
    switch (item.kind) {
      case "operand":
        return item.part;
      case "reducer": {
        const term = this.parse(level.multiplicative, item.name.name, depth + 1);
        return this.#builder.reduce(item.name, item.axes, term);
      }
      case "condition": {
        if (minimum > level.conditional)
          throw new SyntaxFault(needsParentheses("if", item.keyword, after));
        const otherwise = this.parse(level.conditional, "else", depth + 1);
        return this.#builder.conditional(item.span, item.condition, item.then, otherwise);
      }
      case "sign": {
        if (item.operator === "not" && minimum > level.not) {
          throw new SyntaxFault(needsParentheses("not", item.span, after));
        }
        const operandLevel = item.operator === "not" ? level.not : level.prefix;
        const operand = this.parse(operandLevel, item.operator, depth + 1);
        return this.#builder.unary(item.operator, item.span, operand);
      }
      default:
        return assertExhaustive(item);
    }
  }
}

function needsParentheses(prefix: string, span: Span, after: string) {
  return diagnostics.parenthesesNeeded(span, { prefix, operator: after });
}

function tooDeep(item: Prefix | Operand) {
  const values = { what: "expression", limit: maximumDepth };
  return diagnostics.tooDeeplyNested(spanOf(item), values);
}

function spanOf(item: Prefix | Operand): Span {
  if (item.kind === "operand") return item.part.span;
  return item.kind === "reducer" ? item.name.span : item.span;
}
