/**
 * Checks kernels against the rules of `ir.ts`:
 *
 * 1. names are defined before use, in scope, and once within a kernel or function;
 * 2. a variable is used with the type it was defined with; only mutables are assigned, with their type;
 * 3. arguments of operations have one type (`select`: a bool first; shifts: integers), with the lanes of
 *    the result;
 * 4. loads and stores name a buffer of their element type that allows the access; an index is i32, with one
 *    lane or as many as the value; a mask is bool, with one lane or as many; columns are read with a row,
 *    windows without; `active` is from 1 to the number of lanes;
 * 5. loop bounds and task counts are single i32; steps are positive;
 * 6. calls pass what functions take, and functions that are called for their value return one;
 * 7. threads are a power of two or a multiple of 32; what is said of other threads (`thread`, `subgroup`, shared buffers, barriers and
 *    `shuffleDown`, `shuffleFirst`) stands in kernels of more than one;
 * 8. all threads of a workgroup come to every barrier and `shuffleDown`: conditions and loop bounds around one are
 *    made of literals, symbols other than `thread`, step scalars, steps of loops, and names of such values; barriers of
 *    the grid stand in persistent kernels, and what is around them is not made of `group` either;
 * 9. a launch that asks for the step of a loop is in it.
 */

import { InvariantError } from "../diagnostics/diagnostic.ts";
import type {
  Access,
  Argument,
  ElementType,
  Expression,
  FunctionParameter,
  Kernel,
  KernelFunction,
  KernelParameter,
  Operation,
  Place,
  Statement,
  Type,
} from "./ir.ts";
import type { KernelModule } from "./module.ts";
import { printExpression, printStatements, printType } from "./print.ts";
import { expressionChildren } from "./rewrite.ts";
import { Uniformity } from "./uniformity.ts";

export function verifyModule({ functions }: KernelModule): void {
  const kernels = new Set(functions.flatMap(({ launches }) => launches.map((l) => l.kernel)));
  for (const kernel of kernels) verifyKernel(kernel);
  for (const { graph, launches, loops } of functions) {
    launches.forEach(({ kernel, placements }, at) => {
      if (placements.length !== kernel.parameters.length) {
        throw new InvariantError(`${graph} launches ${kernel.name} with other parameters`);
      }
      const around = loops.filter(({ first, end }) => first <= at && at < end).length;
      if (placements.some((place) => place.kind === "step" && place.depth >= around)) {
        throw new InvariantError(`${graph} launches ${kernel.name} outside of its loop`);
      }
    });
  }
}

export function verifyKernel(kernel: Kernel): void {
  const verifier = new Verifier(
    kernel.name,
    new Set(),
    kernel.threads,
    kernel.isPersistent === true,
  );
  kernel.parameters.forEach((parameter) => {
    verifier.declareParameter(parameter);
  });
  verifier.expectIndex(kernel.tasks, "the number of tasks");
  verifier.block(kernel.body);
}

interface Buffer {
  readonly dtype: ElementType;
  readonly access: Access;
  readonly isColumn: boolean;
}

interface Variable {
  readonly type: Type;
  readonly isMutable: boolean;
}

const comparisons: ReadonlySet<Operation> = new Set<Operation>([
  "equal",
  "notEqual",
  "less",
  "lessEqual",
  "greater",
  "greaterEqual",
]);

class Verifier {
  readonly #where: string;
  readonly #verified: Set<string>;
  readonly #threads: number;
  readonly #isPersistent: boolean;
  /** What is the same in all threads of a workgroup, and in those of all workgroups. */
  readonly #uniformity = new Uniformity();
  readonly #gridUniformity = new Uniformity(["thread", "task", "group"]);
  readonly #names = new Set<string>();
  readonly #buffers = new Map<string, Buffer>();
  #scope = new Map<string, Variable>();
  #statement: Statement | null = null;

  /** Functions see one thread. */
  constructor(where: string, verified: Set<string>, threads = 1, isPersistent = false) {
    this.#where = where;
    this.#isPersistent = isPersistent;
    this.#verified = verified;
    this.#threads = threads;
    const isPower = threads >= 1 && Number.isInteger(Math.log2(threads));
    this.#expect(isPower || threads % 32 === 0, `${threads} threads`);
  }

  #expect(condition: boolean, message: string): asserts condition {
    if (condition) return;
    const lines = this.#statement === null ? [] : printStatements([this.#statement]).slice(0, 10);
    throw new InvariantError(`${this.#where}: ${message}\n${lines.join("\n")}`);
  }

  // Definitions

  declareParameter(parameter: KernelParameter): void {
    const { name } = parameter;
    this.#claim(name);
    if (parameter.kind === "scalar" || parameter.kind === "step") {
      const dtype = parameter.kind === "scalar" ? "f32" : "i32";
      this.#scope.set(name, { type: { dtype, lanes: 1 }, isMutable: false });
      for (const uniformity of this.#uniformities) uniformity.add(name);
      return;
    }
    if (parameter.kind === "tensorMap") {
      this.#buffers.set(name, { dtype: parameter.dtype, access: "read", isColumn: false });
      return;
    }
    const isColumn = parameter.kind === "column";
    const access = parameter.kind === "window" ? parameter.access : "read";
    this.#buffers.set(name, { dtype: parameter.dtype, access, isColumn });
  }

  #declareFunctionParameter(parameter: FunctionParameter): void {
    this.#claim(parameter.name);
    if (parameter.kind === "value") {
      this.#scope.set(parameter.name, { type: parameter.type, isMutable: false });
    } else {
      const isColumn = parameter.kind === "column";
      const access = isColumn ? "read" : parameter.access;
      this.#buffers.set(parameter.name, { dtype: parameter.dtype, access, isColumn });
    }
  }

  #claim(name: string): void {
    this.#expect(!this.#names.has(name), `${name} is defined twice`);
    this.#names.add(name);
  }

  #define(name: string, type: Type, isMutable: boolean): void {
    this.#claim(name);
    this.#scope.set(name, { type, isMutable });
  }

  // Statements

  /** Names defined in a block end with it. */
  block(statements: readonly Statement[]): void {
    const outer = this.#scope;
    this.#scope = new Map(outer);
    for (const s of statements) {
      this.#statement = s;
      this.#verifyStatement(s);
    }
    this.#scope = outer;
  }

  #verifyStatement(s: Statement): void {
    switch (s.kind) {
      case "let":
      case "mutable":
        this.#expression(s.value);
        this.#define(s.name, s.value.type, s.kind === "mutable");
        if (s.kind === "let") this.#addUniform(s.name, s.value);
        return;
      case "assign": {
        this.#expression(s.value);
        const target = this.#scope.get(s.name);
        this.#expect(target?.isMutable === true, `${s.name} is assigned and no mutable`);
        this.#expectType(s.value, target.type);
        return;
      }
      case "store":
        this.#expression(s.value);
        this.#place(s.place, s.value.type, "write");
        this.#mask(s.mask, s.active, s.value.type);
        return;
      case "loop": {
        this.expectIndex(s.from, "the start of a loop");
        this.expectIndex(s.to, "the end of a loop");
        this.#expect(Number.isInteger(s.step) && s.step > 0, `a step of ${s.step}`);
        const outer = this.#scope;
        this.#scope = new Map(outer);
        this.#define(s.variable, { dtype: "i32", lanes: 1 }, false);
        this.#addUniform(s.variable, s.from, s.to);
        this.#within([s.from, s.to], () => this.block(s.body));
        this.#scope = outer;
        return;
      }
      case "if":
        this.#expression(s.condition);
        this.#expectType(s.condition, { dtype: "bool", lanes: 1 });
        this.#within([s.condition], () => {
          this.block(s.whenTrue);
          this.block(s.whenFalse);
        });
        return;
      case "invoke":
        this.#call(s.function, s.args);
        return;
      case "buffer":
        this.#claim(s.name);
        this.#expect(s.elements > 0, `${s.name} has no elements`);
        if (s.scope === "shared") this.#expectThreads(`${s.name} is shared`);
        this.#buffers.set(s.name, { dtype: s.dtype, access: "read_write", isColumn: false });
        return;
      case "barrier":
        this.#expectAllThreads("a barrier");
        if (s.scope === "grid") {
          this.#expect(
            this.#isPersistent,
            "a barrier of the grid, but not all workgroups run at once",
          );
          const isEverywhere = this.#gridUniformity.isHere;
          this.#expect(isEverywhere, "not all workgroups come to a barrier of the grid");
        }
        return;
      default:
        return;
    }
  }

  get #uniformities(): readonly Uniformity[] {
    return [this.#uniformity, this.#gridUniformity];
  }

  /** A name that is made of these. */
  #addUniform(name: string, ...of: readonly Expression[]): void {
    for (const uniformity of this.#uniformities) {
      if (of.every((e) => uniformity.of(e))) uniformity.add(name);
    }
  }

  /** Walks statements that depend on these. */
  #within(conditions: readonly Expression[], walk: () => void): void {
    const isUniform = (uniformity: Uniformity): boolean =>
      conditions.every((e) => uniformity.of(e));
    this.#uniformity.within(isUniform(this.#uniformity), () =>
      this.#gridUniformity.within(isUniform(this.#gridUniformity), walk),
    );
  }

  #expectThreads(what: string): void {
    this.#expect(this.#threads > 1, `${what}, but there are no other threads`);
  }

  #expectAllThreads(what: string): void {
    this.#expectThreads(what);
    this.#expect(this.#uniformity.isHere, `not all threads come to ${what}`);
  }

  #call(fn: KernelFunction, args: readonly Argument[]): void {
    this.#expect(args.length === fn.parameters.length, `${fn.name} takes other arguments`);
    args.forEach((arg, i) => {
      const parameter = fn.parameters[i]!;
      if (arg.kind === "address") {
        this.#expect(parameter.kind !== "value", `${fn.name} takes a value, not an address`);
        const { buffer: name, index, row } = arg.place;
        this.expectIndex(index, "an address");
        if (row !== null) this.expectIndex(row, "a row");
        const buffer = this.#buffers.get(name);
        this.#expect(buffer !== undefined, `${name} is not defined`);
        this.#expect(buffer.dtype === parameter.dtype, `${fn.name} takes ${parameter.dtype}`);
        this.#expect(buffer.isColumn === (row !== null), `${name}: a row is for columns only`);
        const isOfRow = parameter.kind === "pointer" || buffer.isColumn;
        this.#expect(isOfRow, `${fn.name} takes rows of a column`);
      } else {
        this.#expect(parameter.kind === "value", `${fn.name} takes an address, not a value`);
        this.#expression(arg);
        this.#expectType(arg, parameter.type);
      }
    });
    if (this.#verified.has(fn.name) || fn.isIntrinsic === true) return;
    this.#verified.add(fn.name);
    const inner = new Verifier(fn.name, this.#verified);
    for (const parameter of fn.parameters) inner.#declareFunctionParameter(parameter);
    const columns = fn.parameters.filter(({ kind }) => kind === "column");
    this.#expect(columns.length <= 1, `${fn.name} takes row numbers of several columns`);
    inner.#functionBody(fn);
  }

  /** The result sees what the body defined. */
  #functionBody({ body, result }: KernelFunction): void {
    const end: Statement[] =
      result === null ? [] : [{ kind: "let", name: "(result)", value: result }];
    this.block([...body, ...end]);
  }

  // Expressions

  expectIndex(e: Expression, what: string): void {
    this.#expression(e);
    const isIndex = e.type.dtype === "i32" && e.type.lanes === 1;
    this.#expect(isIndex, `${what} is ${printType(e.type)}`);
  }

  #expectType(e: Expression, { dtype, lanes }: Type): void {
    const same = e.type.dtype === dtype && e.type.lanes === lanes;
    this.#expect(
      same,
      `${printExpression(e)} is ${printType(e.type)}, not ${printType({ dtype, lanes })}`,
    );
  }

  #expression(e: Expression): void {
    switch (e.kind) {
      case "variable": {
        const known = this.#scope.get(e.name);
        this.#expect(known !== undefined, `${e.name} is not defined here`);
        this.#expectType(e, known.type);
        return;
      }
      case "load":
        this.#place(e.place, e.type, "read");
        this.#mask(e.mask, e.active, e.type);
        return;
      case "symbol":
        if (e.symbol === "thread" || e.symbol === "subgroup") this.#expectThreads(e.symbol);
        if (e.symbol === "group" || e.symbol === "groups" || e.symbol === "task") {
          const fits = (e.symbol === "task") !== this.#isPersistent;
          this.#expect(fits, `${e.symbol} is not for such kernels`);
        }
        break;
      case "shuffleDown":
      case "shuffleFirst":
        this.#expectAllThreads(e.kind);
        break;
      case "invoke":
        this.#expect(e.function.result !== null, `${e.function.name} returns nothing`);
        this.#call(e.function, e.args);
        return;
      case "operation":
        this.#operation(e);
        break;
      case "lane":
        this.#expect(e.lane < e.of.type.lanes, `lane ${e.lane} of ${e.of.type.lanes}`);
        break;
      case "join":
        this.#expect(
          e.of.length === e.type.lanes,
          `${e.of.length} values as ${e.type.lanes} lanes`,
        );
        for (const part of e.of) this.#expectType(part, { dtype: e.type.dtype, lanes: 1 });
        break;
      default:
        break;
    }
    for (const child of expressionChildren(e)) this.#expression(child);
  }

  #operation({ operation, args, type }: Expression & { readonly kind: "operation" }): void {
    const values = operation === "select" ? args.slice(1) : args;
    const dtype = values[0]!.type.dtype;
    for (const value of values) this.#expectType(value, { dtype, lanes: type.lanes });
    if (operation === "select") this.#expectType(args[0]!, { dtype: "bool", lanes: type.lanes });
    const result = comparisons.has(operation) ? "bool" : dtype;
    this.#expect(type.dtype === result, `${operation} of ${dtype} is no ${type.dtype}`);
  }

  #place({ buffer: name, index, row }: Place, type: Type, access: "read" | "write"): void {
    const buffer = this.#buffers.get(name);
    this.#expect(buffer !== undefined, `${name} is not defined`);
    const isAllowed = buffer.access === access || buffer.access === "read_write";
    this.#expect(isAllowed, `${name} is not for ${access}`);
    this.#expect(buffer.dtype === type.dtype, `${name} holds ${buffer.dtype}, not ${type.dtype}`);
    this.#expect(buffer.isColumn === (row !== null), `${name}: a row is for columns only`);
    for (const part of row === null ? [index] : [index, row]) {
      this.#expression(part);
      const { dtype, lanes } = part.type;
      const fits = dtype === "i32" && (lanes === 1 || lanes === type.lanes);
      this.#expect(fits, `an index of ${printType(part.type)}`);
    }
  }

  #mask(mask: Expression | null, active: number, { lanes }: Type): void {
    this.#expect(active >= 1 && active <= lanes, `${active} active lanes of ${lanes}`);
    if (mask === null) return;
    this.#expression(mask);
    const { dtype, lanes: wide } = mask.type;
    this.#expect(dtype === "bool" && (wide === 1 || wide === lanes), "a mask of another type");
  }
}
