/**
 * Formulas of the manifests, as they are written there, translated into the language:
 *
 *     y = tanh(x y + e^-z)/(1+sqrt z) + sigmoid(x-z) y   →   tanh((x * y) + exp(-z)) / (1 + sqrt(z)) + (sigmoid(x - z) * y)
 *
 * Neighbours are multiplied, a function without parentheses applies to the next factor, |x| is the absolute value,
 * `a if c else b` and `c ? a : b` choose. What follows a comma or a semicolon on the outermost level is remark.
 */

import { NotExpressible } from "./case-program.ts";

export interface FormulaNames {
  /** What each name of the formula stands for in the program. */
  readonly values: ReadonlyMap<string, string>;
  /** The language's name of a function. */
  readonly functions: ReadonlyMap<string, string>;
}

const functions = new Map<string, string>(
  [
    ...["exp", "expm1", "log1p", "sqrt", "rsqrt", "abs", "sign", "floor", "ceil", "round", "erf"],
    ...["sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh"],
    ...["asinh", "acosh", "atanh", "relu", "relu6", "sigmoid", "softplus", "silu", "clip"],
    ...["sum", "mean", "mod"],
  ].map((name) => [name, name]),
);
for (const [name, translation] of Object.entries({
  ln: "log",
  log: "log",
  max: "maximum",
  min: "minimum",
  trunc: "trunc",
  acos: "acos",
})) {
  functions.set(name, translation);
}

/** Translates the right side of `y = …`, or a bare expression; `names` are the case's inputs. */
export function translateFormula(formula: string, names: ReadonlyMap<string, string>): string {
  // A remark in parentheses begins with a capital, which no formula does.
  const text = formula.replace(/^\s*y\s*=\s*/, "").replace(/\s\([A-Z][^)]*\)\s*$/, "");
  const parser = new FormulaParser(tokens(text), { values: names, functions });
  return parser.whole();
}

function tokens(text: string): string[] {
  const pattern = /\s*(\d+\.?\d*(?:e-?\d+)?|[A-Za-z_]\w*|\*\*|<=|>=|\.T\b|[-+*/^@()|<>=?:,;])/y;
  const found: string[] = [];
  while (pattern.lastIndex < text.trimEnd().length) {
    const match = pattern.exec(text);
    // A remark in words may follow; the parser stops before it or says what it cannot read.
    if (match === null) return [...found, "…"];
    found.push(match[1]!);
  }
  return found;
}

class FormulaParser {
  readonly #tokens: readonly string[];
  readonly #names: FormulaNames;
  #at = 0;
  /** Bars that are open: the next one closes. */
  #bars = 0;

  constructor(tokens: readonly string[], names: FormulaNames) {
    this.#tokens = tokens;
    this.#names = names;
  }

  whole(): string {
    const expression = this.#choice();
    const next = this.#peek();
    if (next !== undefined && next !== "," && next !== ";") this.#refuse(next);
    return expression;
  }

  #peek(): string | undefined {
    return this.#tokens[this.#at];
  }

  #take(expected?: string): string {
    const token = this.#tokens[this.#at++];
    if (token === undefined || (expected !== undefined && token !== expected)) {
      this.#refuse(token ?? "the end");
    }
    return token;
  }

  #refuse(token: string): never {
    throw new NotExpressible(`a formula with \`${token}\` where it stands`);
  }

  /** a if c else b, c ? a : b, or a plain sum. */
  #choice(): string {
    const first = this.#comparison();
    if (this.#peek() === "if") {
      this.#take();
      const condition = this.#comparison();
      this.#take("else");
      return `(if ${condition} then ${first} else ${this.#choice()})`;
    }
    if (this.#peek() === "?") {
      this.#take();
      const whenTrue = this.#choice();
      this.#take(":");
      return `(if ${first} then ${whenTrue} else ${this.#choice()})`;
    }
    return first;
  }

  #comparison(): string {
    const left = this.#sum();
    const operator = this.#peek();
    if (operator === undefined || !["<", ">", "<=", ">=", "="].includes(operator)) return left;
    this.#take();
    return `${left} ${operator === "=" ? "==" : operator} ${this.#sum()}`;
  }

  #sum(): string {
    let left = this.#product();
    for (let next = this.#peek(); next === "+" || next === "-"; next = this.#peek()) {
      this.#take();
      left = `(${left} ${next} ${this.#product()})`;
    }
    return left;
  }

  #product(): string {
    let left = this.#signed();
    for (;;) {
      const next = this.#peek();
      if (next === "*" || next === "/" || next === "@") {
        this.#take();
        left = `(${left} ${next} ${this.#signed()})`;
      } else if (this.#startsFactor(next)) {
        left = `(${left} * ${this.#power()})`;
      } else {
        return left;
      }
    }
  }

  #startsFactor(token: string | undefined): boolean {
    if (token === undefined || token === "if" || token === "else") return false;
    if (token === "|") return this.#bars === 0;
    return /^[\d(]/.test(token) || this.#isName(token);
  }

  #isName(token: string): boolean {
    return /^[A-Za-z_]/.test(token);
  }

  #signed(): string {
    if (this.#peek() !== "-") return this.#power();
    this.#take();
    return `(-${this.#signed()})`;
  }

  #power(): string {
    const isEuler = this.#peek() === "e" && !this.#names.values.has("e");
    const base = isEuler ? this.#take() : this.#atom();
    const operator = this.#peek();
    if (operator !== "^" && operator !== "**") {
      if (isEuler) this.#refuse("e");
      return base;
    }
    this.#take();
    const exponent = this.#signed();
    return isEuler ? `exp(${exponent})` : `(${base} ^ ${exponent})`;
  }

  #atom(): string {
    const token = this.#take();
    if (/^\d/.test(token)) return token;
    if (token === "(" || token === "|") {
      const outer = this.#bars;
      this.#bars = token === "|" ? 1 : 0;
      const inner = this.#choice();
      this.#take(token === "|" ? "|" : ")");
      this.#bars = outer;
      return this.#transposed(token === "|" ? `abs(${inner})` : `(${inner})`);
    }
    const value = this.#names.values.get(token);
    if (value !== undefined) return this.#transposed(value);
    const fn = this.#names.functions.get(token);
    if (fn === undefined) this.#refuse(token);
    if (this.#peek() !== "(") return `${fn}(${this.#power()})`;
    this.#take();
    const outer = this.#bars;
    this.#bars = 0;
    const args = [this.#choice()];
    while (this.#peek() === ",") {
      this.#take();
      args.push(this.#choice());
    }
    this.#take(")");
    this.#bars = outer;
    return `${fn}(${args.join(", ")})`;
  }

  #transposed(value: string): string {
    if (this.#peek() !== ".T") return value;
    this.#take();
    return `transpose(${value})`;
  }
}
