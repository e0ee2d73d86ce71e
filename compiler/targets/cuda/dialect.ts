/**
 * CUDA C++ for one kernel. Values are plain C++, vectors structs; what has no operator is a small inline function of
 * `prelude.ts`, and what C++ cannot say one of the machine's. Printing notes which of them are used.
 */

import { InvariantError, invariant } from "../../diagnostics/diagnostic.ts";
import { constant } from "../../kernel/build.ts";
import type {
  Expression,
  FunctionParameter,
  KernelFunction,
  KernelSymbol,
  Place,
  Type,
} from "../../kernel/ir.ts";
import {
  callOf,
  conditional,
  type Dialect,
  infix,
  inside,
  type Print,
  type Printed,
  precedence,
  prefix,
  primary,
} from "../c-like-printer.ts";
import { convertedText, reinterpretedText } from "./conversions.ts";
import { literal } from "./literals.ts";
import { meetGrid } from "./machine.ts";
import { operators, ownFunction, scalarOperation } from "./operations.ts";
import { type Helper, helperName, type Use } from "./prelude.ts";
import { laneNames, memoryTypeName, typeName } from "./types.ts";

/** What the dialect must know of a kernel's memory. */
export interface KernelMemory {
  /** Elements of a row of each column. */
  readonly columns: ReadonlyMap<string, number>;
  /** Where shared buffers lie in dynamic memory, in bytes; null where each is declared for itself. */
  readonly dynamic: ReadonlyMap<string, number> | null;
  /** Parameters that are tensor maps. */
  readonly tensorMaps: ReadonlySet<string>;
  /** Lanes of a subgroup that the workgroup has, as a mask. */
  readonly lanes: string;
}

export const noMemory: KernelMemory = {
  columns: new Map(),
  dynamic: null,
  tensorMaps: new Set(),
  lanes: "0xffffffffu",
};

const symbols: { readonly [K in Exclude<KernelSymbol, "subgroup" | "whole">]: string } = {
  n: "n",
  task: "task",
  thread: "thread",
  group: "group",
  groups: "groups",
  seed: "step->seed",
  batch: "step->batch",
};

/** `use` hears of every type and function that the text needs. */
export function cudaDialect(memory: KernelMemory, use: Use): Dialect {
  const typed = (type: Type): string => {
    use({ kind: "type", type });
    return typeName(type);
  };
  const helper = (
    what: Exclude<Helper, { readonly kind: "machine" }>,
    ...args: readonly Printed[]
  ): Printed => {
    use(what);
    return callOf(helperName(what), args);
  };
  const element = (place: Place, print: Print): Printed => {
    const { buffer, index, row } = place;
    if (row === null) return primary(`${buffer}[${print(index).text}]`);
    const rowElements = memory.columns.get(buffer);
    invariant(rowElements !== undefined, `${buffer} has no rows`);
    const first = `rows[${print(row).text}]`;
    const start = rowElements === 1 ? first : `(long long)${first} * ${rowElements}`;
    const isStart = index.kind === "constant" && index.value === 0;
    const at = isStart ? start : `${start} + ${inside(print(index), precedence.product)}`;
    return primary(`${buffer}[${at}]`);
  };
  const address = (place: Place, print: Print): Printed =>
    prefix(
      "&",
      memory.tensorMaps.has(place.buffer) ? primary(place.buffer) : element(place, print),
    );
  /** What a value is in another thread of the warp; bools travel as words. */
  const exchange = (
    name: string,
    of: Expression,
    which: readonly string[],
    print: Print,
  ): Printed => {
    invariant(of.type.lanes === 1, "threads exchange single values");
    const isBool = of.type.dtype === "bool";
    const value = callOf(name, [
      primary(memory.lanes),
      isBool ? prefix("(int)", print(of)) : print(of),
      ...which.map(primary),
    ]);
    return isBool ? infix("!=", precedence.equality, value, primary("0")) : value;
  };
  const zero = (type: Type, print: Print): Printed => {
    typed(type);
    return print(constant(0, type.dtype, type.lanes));
  };

  return {
    constant(value, type) {
      typed(type);
      const single = literal(value, type.dtype);
      return type.lanes === 1 ? single : helper({ kind: "splat", type }, single);
    },
    symbol(name) {
      invariant(name !== "subgroup", "the size of subgroups is known");
      invariant(name !== "whole", "no task of a GPU takes some rows through several kernels");
      return primary(symbols[name]);
    },
    load({ place, type, mask }, print) {
      typed(type);
      const isVector = type.lanes > 1;
      const stored = isVector
        ? helper({ kind: "load", type }, address(place, print))
        : element(place, print);
      const value =
        type.dtype === "bool" && !isVector
          ? infix("!=", precedence.equality, stored, primary("0"))
          : stored;
      return mask === null ? value : conditional(print(mask), value, zero(type, print));
    },
    operation(name, type, args, print) {
      const like = args[name === "select" ? 1 : 0]!.type;
      const printed = args.map(print);
      if (like.lanes === 1) {
        if (ownFunction(name, like.dtype) !== undefined)
          use({ kind: "operation", operation: name, type: like });
        return scalarOperation(name, like.dtype, printed);
      }
      typed(type);
      const what = { kind: "operation", operation: name, type: like } as const;
      const operator = operators[name];
      if (operator === undefined) return helper(what, ...printed);
      use(what);
      return infix(operator[0], operator[1], printed[0]!, printed[1]!);
    },
    call(fn) {
      throw new InvariantError(`${fn} was not rewritten for CUDA`);
    },
    convert(of, type, print) {
      const from = of.type.dtype;
      typed(type);
      return type.lanes === 1
        ? convertedText(print(of), from, type.dtype, use)
        : helper({ kind: "convert", type, from }, print(of));
    },
    bitcast(of, type, print) {
      const from = of.type.dtype;
      return type.lanes === 1
        ? reinterpretedText(print(of), from, type.dtype)
        : helper({ kind: "bitcast", type, from }, print(of));
    },
    broadcast: (of, type, print) => helper({ kind: "splat", type }, print(of)),
    ramp(type) {
      return primary(
        `${typed(type)}{${Array.from({ length: type.lanes }, (_, i) => i).join(", ")}}`,
      );
    },
    lane: (of, lane, print) =>
      primary(`${inside(print(of), precedence.primary)}.${laneNames(of.type.lanes)[lane]}`),
    join: (of, type, print) =>
      primary(`${typed(type)}{${of.map((part) => print(part).text).join(", ")}}`),
    shuffle: ({ a, b, lanes }, print) =>
      helper({ kind: "shuffle", type: a.type, lanes }, print(a), print(b)),
    reduce() {
      throw new InvariantError("a reduction of lanes was not rewritten for CUDA");
    },
    shuffleDown: ({ of, distance }, print) =>
      exchange("__shfl_down_sync", of, [String(distance)], print),
    shuffleFirst: ({ of, count }, print) =>
      exchange("__shfl_sync", of, ["0", String(count)], print),
    random() {
      throw new InvariantError("a random number was not rewritten for CUDA");
    },
    argument: (printed) => printed,
    address,

    declare: (name, type, value, isMutable) =>
      `${isMutable ? "" : "const "}${typed(type)} ${name} = ${value};`,
    declareBuffer({ name, dtype, elements, scope }) {
      typed({ dtype, lanes: 1 });
      const type = memoryTypeName(dtype);
      if (scope === "local") return `${type} ${name}[${elements}];`;
      const offset = memory.dynamic?.get(name);
      if (offset === undefined) return `__shared__ __align__(16) ${type} ${name}[${elements}];`;
      return `${type} *const ${name} = reinterpret_cast<${type} *>(nnc_shared + ${offset});`;
    },
    store({ place, value, mask }, print) {
      const { type } = value;
      const text =
        type.lanes > 1
          ? `${helper({ kind: "store", type }, address(place, print), print(value)).text};`
          : `${element(place, print).text} = ${print(value).text};`;
      return mask === null ? text : `if (${print(mask).text}) ${text}`;
    },
    loopHeader(variable, from, to, step) {
      const next = step === 1 ? `${variable}++` : `${variable} += ${step}`;
      return `for (int ${variable} = ${from}; ${variable} < ${to}; ${next})`;
    },
    unrollHint: () => "#pragma unroll",
    barrier(s) {
      if (s.kind !== "barrier" || s.scope !== "grid") return "__syncthreads();";
      use({ kind: "machine", name: meetGrid });
      return `${meetGrid}();`;
    },
    functionHeader: (fn) => functionHeader(fn, typed),
  };
}

function parameterText(parameter: FunctionParameter, typed: (type: Type) => string): string {
  if (parameter.kind === "value") return `${typed(parameter.type)} ${parameter.name}`;
  invariant(parameter.kind === "pointer", "CUDA passes no rows of columns to functions");
  typed({ dtype: parameter.dtype, lanes: 1 });
  const qualifier = parameter.access === "read" ? "const " : "";
  return `${qualifier}${memoryTypeName(parameter.dtype)} *__restrict__ ${parameter.name}`;
}

function functionHeader(fn: KernelFunction, typed: (type: Type) => string): string {
  const qualifier = fn.inline ? "__forceinline__" : "__noinline__";
  const result = fn.result === null ? "void" : typed(fn.result.type);
  const parameters = fn.parameters.map((parameter) => parameterText(parameter, typed));
  return `static __device__ ${qualifier} ${result} ${fn.name}(${parameters.join(", ")})`;
}
