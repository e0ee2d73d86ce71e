/**
 * Collects statements into nested blocks and hands out names: the common part of what makes kernels and
 * kernel functions.
 */

import { variable } from "./build.ts";
import type {
  ElementType,
  Expression,
  FunctionParameter,
  KernelFunction,
  Loop,
  Statement,
  Type,
} from "./ir.ts";

/** Words that mean something in C, JavaScript or the kernel IR. */
const reservedWords: ReadonlySet<string> = new Set(
  (
    "auto break case char const continue default do double else enum extern float for goto if inline int " +
    "long register restrict return short signed sizeof static struct switch typedef union unsigned void " +
    "volatile while asm typeof bool true false main n task thread subgroup group groups seed batch step rows let var function class new " +
    "this null delete in of export import select"
  ).split(" "),
);

/** Letters, digits and underscores, not starting with a digit. */
export function identifier(text: string): string {
  const plain = text.replace(/[^A-Za-z0-9]+/g, "_").replace(/^_+|_+$/g, "");
  return /^[0-9]/.test(plain) || plain === "" ? `v${plain}` : plain;
}

export class BlockBuilder {
  readonly #names = new Set<string>();
  readonly #bases = new Map<string, string>();
  /** The last number that each base was given: all lower ones are taken. */
  readonly #taken = new Map<string, number>();
  readonly #mutables = new Set<string>();
  #block: Statement[] = [];
  /** Names of values in this block and those around it, by what they are. */
  #once: ReadonlyMap<string, Expression> = new Map();

  /** A name not used before in this kernel: `hint`, or `hint_2`, `hint_3`, … */
  name(hint: string): string {
    const base = this.#bases.get(hint) ?? identifier(hint);
    this.#bases.set(hint, base);
    let count = (this.#taken.get(base) ?? 0) + 1;
    let name = count === 1 ? base : `${base}_${count}`;
    while (this.#names.has(name) || reservedWords.has(name)) name = `${base}_${++count}`;
    this.#taken.set(base, count);
    this.#names.add(name);
    return name;
  }

  /** What was emitted outside blocks. */
  get statements(): readonly Statement[] {
    return this.#block;
  }

  emit(...statements: readonly Statement[]): void {
    this.#block.push(...statements);
  }

  /** Names a value, unless it has a name or is a literal. */
  let(hint: string, value: Expression): Expression {
    if (value.kind === "variable" || value.kind === "constant" || value.kind === "symbol") {
      return value;
    }
    const name = this.name(hint);
    this.emit({ kind: "let", name, value });
    return variable(name, value.type);
  }

  /** Names a value, by the name that it has where the block or one around it named the same before. */
  once(hint: string, value: Expression): Expression {
    const key = this.#keyOf(value);
    if (key === null) return this.let(hint, value);
    const known = this.#once.get(key);
    if (known !== undefined) return known;
    const named = this.let(hint, value);
    this.#once = new Map([...this.#once, [key, named]]);
    return named;
  }

  /** Tells values that stay what they are from others: null where that takes more than arithmetic. */
  #keyOf(e: Expression): string | null {
    switch (e.kind) {
      case "constant":
        return `${e.value}:${e.type.dtype}${e.type.lanes}`;
      case "symbol":
        return e.symbol;
      case "variable":
        return this.#mutables.has(e.name) ? null : e.name;
      case "operation": {
        const args = e.args.map((arg) => this.#keyOf(arg));
        return args.includes(null) ? null : `${e.operation}(${args.join()})`;
      }
      default:
        return null;
    }
  }

  /** A named accumulator. */
  mutable(hint: string, value: Expression): { readonly name: string; readonly value: Expression } {
    const name = this.name(hint);
    this.#mutables.add(name);
    this.emit({ kind: "mutable", name, value });
    return { name, value: variable(name, value.type) };
  }

  assign(name: string, value: Expression): void {
    this.emit({ kind: "assign", name, value });
  }

  /** Memory of this task alone, with undefined content. */
  local(hint: string, dtype: ElementType, elements: number): string {
    const name = this.name(hint);
    this.emit({ kind: "buffer", name, scope: "local", dtype, elements });
    return name;
  }

  /** Memory of the whole workgroup, with undefined content. */
  shared(hint: string, dtype: ElementType, elements: number): string {
    const name = this.name(hint);
    this.emit({ kind: "buffer", name, scope: "shared", dtype, elements });
    return name;
  }

  /** A loop over from, from + step, … < to; the body gets the loop variable. */
  loop(
    hint: string,
    from: Expression,
    to: Expression,
    body: (variable: Expression) => void,
    step = 1,
    mode: Loop["mode"] = "serial",
  ): void {
    const name = this.name(hint);
    const statements = this.block(() => body(variable(name)));
    this.emit({ kind: "loop", mode, variable: name, from, to, step, body: statements });
  }

  /** The statements that `fill` emits, instead of emitting them here. */
  block(fill: () => void): Statement[] {
    const [outer, once] = [this.#block, this.#once];
    this.#block = [];
    try {
      fill();
      return this.#block;
    } finally {
      this.#block = outer;
      this.#once = once;
    }
  }
}

/** A function of values with a result, written as a formula over its parameters. */
export function valueFunction(
  name: string,
  comment: string,
  parameters: readonly (readonly [name: string, type: Type])[],
  formula: (builder: BlockBuilder, ...args: readonly Expression[]) => Expression,
): KernelFunction {
  const builder = new BlockBuilder();
  const declared = parameters.map(
    ([hint, type]): FunctionParameter & { readonly kind: "value" } => ({
      kind: "value",
      name: builder.name(hint),
      type,
    }),
  );
  const result = formula(builder, ...declared.map((p) => variable(p.name, p.type)));
  return { name, comment, parameters: declared, body: builder.statements, result, inline: true };
}
