/** Kernel IR as the JavaScript that the simulator runs; `m` is its machine, and threads yield where they wait. */

import type {
  Argument,
  Expression,
  Kernel,
  Place,
  Statement,
} from "../../../compiler/kernel/ir.ts";

/** Kernel IR as JavaScript; vectors are arrays. */
export class Translator {
  readonly #kernel: Kernel;
  #barriers = 0;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  text(): string {
    const scalars = this.#kernel.parameters
      .filter(({ kind }) => kind === "scalar" || kind === "step")
      .map(({ name }) => `const ${name} = scalars[${JSON.stringify(name)}];`);
    return [...scalars, ...this.#block(this.#kernel.body), "m.finish();"].join("\n");
  }

  #block(statements: readonly Statement[]): string[] {
    return statements.flatMap((s) => this.#statement(s));
  }

  #statement(s: Statement): string[] {
    switch (s.kind) {
      case "let":
        if (s.value.kind === "shuffleDown" || s.value.kind === "shuffleFirst") {
          const exchange = this.#barriers++;
          const taken =
            s.value.kind === "shuffleDown"
              ? `m.take(${exchange}, ${s.value.distance})`
              : `m.takeFirst(${exchange}, ${s.value.count})`;
          return [
            `m.offer(${exchange}, ${this.expression(s.value.of)});`,
            `yield ${-1 - exchange};`,
            `const ${s.name} = ${taken};`,
          ];
        }
        return [`const ${s.name} = ${this.expression(s.value)};`];
      case "mutable":
        return [`let ${s.name} = ${this.expression(s.value)};`];
      case "assign":
        return [`${s.name} = ${this.expression(s.value)};`];
      case "store": {
        const index = this.expression(s.place.index);
        const text = `m.store("${s.place.buffer}", ${index}, ${this.expression(s.value)});`;
        return [s.mask === null ? text : `if (${this.expression(s.mask)}) ${text}`];
      }
      case "loop": {
        const { variable: v } = s;
        const head = `let ${v} = ${this.expression(s.from)}; ${v} < ${this.expression(s.to)}; ${v} += ${s.step}`;
        return [`for (${head}) {`, ...this.#block(s.body), "}"];
      }
      case "if":
        return [
          `if (${this.expression(s.condition)}) {`,
          ...this.#block(s.whenTrue),
          "} else {",
          ...this.#block(s.whenFalse),
          "}",
        ];
      case "invoke":
        return [this.#intrinsic(s.function.name, s.args)];
      case "barrier":
        return [`yield ${this.#barriers++};`];
      case "buffer":
      case "comment":
        return [];
    }
  }

  #intrinsic(name: string, args: readonly Argument[]): string {
    const [to, from, exists] = args.map((arg) =>
      arg.kind === "address"
        ? `["${arg.place.buffer}", ${this.#placeOf(arg.place)}]`
        : this.expression(arg),
    );
    const number = Number(/\d+/.exec(name)?.[0]);
    if (name.startsWith("copy_async_") && name.endsWith("_f32")) {
      return `m.copy(${to}, ${from}, ${exists}, ${number / 4});`;
    }
    if (name === "commit_copies") return "m.commit();";
    if (name.startsWith("await_copies_")) return `m.awaitAllBut(${number});`;
    throw new Error(`no ${name} in simulations`);
  }

  expression(e: Expression): string {
    const { lanes, dtype } = e.type;
    switch (e.kind) {
      case "constant": {
        const text = dtype === "bool" ? String(e.value !== 0) : `(${e.value})`;
        return lanes === 1 ? text : `Array(${lanes}).fill(${text})`;
      }
      case "variable":
        return e.name;
      case "symbol":
        return e.symbol;
      case "load": {
        const at = this.#placeOf(e.place);
        const text = `m.load("${e.place.buffer}", ${at}, ${lanes})`;
        const value = dtype === "bool" ? `(${text} !== 0)` : text;
        const none = dtype === "bool" ? "false" : "0";
        if (e.mask === null) return value;
        const otherwise = lanes === 1 ? none : `Array(${lanes}).fill(${none})`;
        return `(${this.expression(e.mask)} ? ${value} : ${otherwise})`;
      }
      case "operation":
        return this.#lanewise(e.args, lanes, (args) =>
          rounded(dtype, operationText(e.operation, args, e.args[0]!.type.dtype)),
        );
      case "call":
        return this.#lanewise(
          e.args,
          lanes,
          (args) => `m.call("${e.fn}", [${args.join(", ")}], "${dtype}")`,
        );
      case "convert":
        return this.#lanewise([e.of], lanes, ([of]) => converted(of!, e.of.type.dtype, dtype));
      case "broadcast":
        return `Array(${lanes}).fill(${this.expression(e.of)})`;
      case "lane":
        return `${this.expression(e.of)}[${e.lane}]`;
      case "join":
        return `[${e.of.map((part) => this.expression(part)).join(", ")}]`;
      case "random":
        return `m.uniform(${JSON.stringify(e.stream)}, ${this.expression(e.index)})`;
      default:
        throw new Error(`no ${e.kind} in simulations`);
    }
  }

  /** A column lies as it is in files, its rows in the order of the batch. */
  #placeOf({ buffer, row, index }: Place): string {
    const within = this.expression(index);
    if (row === null) return within;
    const column = this.#kernel.parameters.find(({ name }) => name === buffer);
    if (column?.kind !== "column") throw new Error(`${buffer} is no column`);
    return `(${this.expression(row)}) * ${column.rowElements} + ${within}`;
  }

  #lanewise(
    args: readonly Expression[],
    lanes: number,
    one: (args: readonly string[]) => string,
  ): string {
    const texts = args.map((arg) => this.expression(arg));
    if (lanes === 1) return one(texts);
    const names = texts.map((_, i) => `v${i}`);
    const elements = names.map((name) => `${name}[i]`);
    return `((${names.join(", ")}) => Array.from({ length: ${lanes} }, (_, i) => ${one(elements)}))(${texts.join(", ")})`;
  }
}

function rounded(dtype: string, text: string): string {
  if (dtype === "f32") return `Math.fround(${text})`;
  if (dtype === "i32") return `((${text}) | 0)`;
  return text;
}

function converted(text: string, from: string, dtype: string): string {
  if (dtype === "bool") return `(Number(${text}) !== 0)`;
  if (dtype === "i32" && from === "f32") return `m.toInteger(${text})`;
  if (dtype === "u8")
    return `(${from === "f32" ? `m.toInteger(${text})` : `Number(${text})`} & 255)`;
  return dtype === "f32" ? `Math.fround(Number(${text}))` : `Number(${text})`;
}

const infix: Readonly<Record<string, string>> = {
  add: "+",
  subtract: "-",
  multiply: "*",
  divide: "/",
  equal: "===",
  notEqual: "!==",
  less: "<",
  lessEqual: "<=",
  greater: ">",
  greaterEqual: ">=",
};

function operationText(operation: string, args: readonly string[], dtype: string): string {
  const [a, b, c] = args;
  if (operation in infix) return `(${a} ${infix[operation]} ${b})`;
  switch (operation) {
    case "quotient":
      return `Math.trunc(${a} / ${b})`;
    case "remainder":
      return `(${a} % ${b})`;
    case "floorQuotient":
      return `Math.floor(${a} / ${b})`;
    case "floorRemainder":
      return `(${a} - ${b} * Math.floor(${a} / ${b}))`;
    case "and":
      return dtype === "bool" ? `(${a} && ${b})` : `(${a} & ${b})`;
    case "or":
      return dtype === "bool" ? `(${a} || ${b})` : `(${a} | ${b})`;
    case "not":
      return dtype === "bool" ? `!${a}` : `~${a}`;
    case "xor":
      return `(${a} ^ ${b})`;
    case "shiftLeft":
      return `(${a} << ${b})`;
    case "shiftRight":
      return `(${a} >> ${b})`;
    case "negate":
      return `(-${a})`;
    case "select":
      return `(${a} ? ${b} : ${c})`;
    case "fma":
      return `(${a} * ${b} + ${c})`;
    case "min":
      return `(${a} < ${b} ? ${a} : ${b})`;
    case "max":
      return `(${a} > ${b} ? ${a} : ${b})`;
    case "sqrt":
    case "floor":
    case "ceil":
    case "trunc":
      return `Math.${operation}(${a})`;
    case "absolute":
      return `Math.abs(${a})`;
    default:
      throw new Error(`no ${operation} in simulations`);
  }
}
