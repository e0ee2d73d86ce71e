/**
 * Kernels as C functions, one after the other as they are made, each with what it is written with: helpers, and functions
 * of kernel IR. Whoever puts some of them into a file asks for the definitions of those.
 */

import { assertExhaustive, InvariantError, invariant } from "../../diagnostics/diagnostic.ts";
import { functionsCalled, withCallees } from "../../kernel/functions-called.ts";
import type {
  Kernel,
  KernelFunction,
  KernelParameter,
  KernelSymbol,
  Statement,
} from "../../kernel/ir.ts";
import { walkStatements } from "../../kernel/rewrite.ts";
import { blockComment, CLikePrinter } from "../c-like-printer.ts";
import type { Legalizer } from "../legalize-scalars.ts";
import { type CFunction, type CUses, hidden } from "./c-source.ts";
import { cDialect } from "./dialect.ts";
import { cLegalizer } from "./legalize.ts";
import { type Helper, memoryTypeName, printHelpers, typeName } from "./prelude.ts";

/** What a kernel reads of the step. */
type Ambient = "n" | "whole" | "seed" | "batch";

const ambientTypes: { readonly [K in Ambient]: string } = {
  n: "int32_t",
  whole: "int32_t",
  seed: "uint32_t",
  batch: "uint32_t",
};

/** A kernel that is ready to be called. */
export interface PrintedKernel {
  /** Rewritten for C. */
  readonly kernel: Kernel;
  readonly fn: CFunction;
  readonly symbol: string;
  /** Its number of tasks. */
  readonly count: { readonly text: string; readonly uses: CUses };
}

interface PrintedFunction {
  readonly lines: readonly string[];
  /** Without its brace. */
  readonly header: string;
  readonly helpers: readonly Helper[];
}

export class KernelPrinter {
  readonly #features: ReadonlySet<string>;
  readonly #legalizer: Legalizer = cLegalizer();
  readonly #kernels = new Map<Kernel, PrintedKernel>();
  readonly #functions = new Map<string, PrintedFunction>();
  readonly #work = new Map<KernelFunction, number>();
  #helpers: Helper[] = [];
  readonly #printer = new CLikePrinter(cDialect((helper) => this.#helpers.push(helper)));

  /** `features` are what the machine has, in the spelling of `__builtin_cpu_supports`: which intrinsics may be used. */
  constructor(features: readonly string[]) {
    this.#features = new Set(features);
  }

  /** The same again for a kernel that was printed before. */
  print(kernel: Kernel): PrintedKernel {
    const known = this.#kernels.get(kernel);
    if (known !== undefined) return known;
    const legal = this.#legalizer.kernel(kernel);
    const symbols = symbolsIn(legal.body);
    const body = this.#noting(() => this.#printer.block(legal.body, "  "));
    const count = this.#noting(() => this.#printer.expression(legal.tasks));
    const called = functionsCalled(legal.body, null);
    const inCount = functionsCalled([], legal.tasks);
    const printed: PrintedKernel = {
      kernel: legal,
      fn: {
        comment: commentOf(legal),
        lines: linesOf(legal, symbols, body.printed),
        kind: "kernel",
        kernels: [legal.name],
        work: body.printed.length + this.#calledWork(called),
        uses: { helpers: body.helpers, functions: [...called, ...inCount] },
      },
      symbol: functionName(legal),
      count: { text: count.printed, uses: { helpers: count.helpers, functions: inCount } },
    };
    this.#kernels.set(kernel, printed);
    return printed;
  }

  /** As `Definitions` says. */
  definitions(uses: readonly CUses[], elsewhere?: Set<string>): string[] {
    const known = new Set(elsewhere);
    const called = uses.flatMap(({ functions }) => functions);
    const functions = withCallees(called, known);
    const own = functions.filter(({ name }) => !known.has(name));
    const callees = own.flatMap((fn) => functionsCalled(fn.body, fn.result));
    const helpers = [...uses, ...own.map((fn) => this.#function(fn))].flatMap(
      (user) => user.helpers,
    );
    const texts = functions.map((fn) => {
      const { lines, header } = this.#function(fn);
      if (elsewhere === undefined || fn.inline) return lines;
      elsewhere.add(fn.name);
      const shared = header.replace("static ", hidden);
      if (known.has(fn.name)) return [`${shared};`];
      return lines.map((line) => (line === `${header} {` ? `${shared} {` : line));
    });
    return [
      ...printHelpers(helpers, this.#features),
      ...intrinsicsOf([...called, ...callees]).map(printIntrinsic),
      "",
      ...texts.flat(),
    ];
  }

  #function(fn: KernelFunction): PrintedFunction {
    const known = this.#functions.get(fn.name);
    if (known !== undefined) return known;
    const { printed, helpers } = this.#noting(() => this.#printer.function(fn));
    const header = printed.find((line) => line.startsWith("static "))!.replace(/ \{$/, "");
    const text = { lines: [...printed, ""], header, helpers };
    this.#functions.set(fn.name, text);
    return text;
  }

  /** What compilers have to do for calls, about a line a statement: an inlined function is compiled at each, others once. */
  #calledWork(called: readonly KernelFunction[]): number {
    const once = new Map(called.filter((fn) => !fn.inline).map((fn) => [fn.name, fn]));
    return [...called.filter((fn) => fn.inline), ...once.values()].reduce(
      (sum, fn) => sum + this.#workOf(fn),
      0,
    );
  }

  #workOf(fn: KernelFunction): number {
    const known = this.#work.get(fn);
    if (known !== undefined) return known;
    let statements = 1;
    walkStatements(fn.body, () => {
      statements++;
    });
    const work = statements + this.#calledWork(functionsCalled(fn.body, fn.result));
    this.#work.set(fn, work);
    return work;
  }

  /** What is printed, with the helpers that it mentions. */
  #noting<T>(print: () => T): { readonly printed: T; readonly helpers: Helper[] } {
    this.#helpers = [];
    const printed = print();
    return { printed, helpers: this.#helpers };
  }
}

/** Of functions, the machine's own ones: each once, by name. */
function intrinsicsOf(called: readonly KernelFunction[]): KernelFunction[] {
  const named = called.filter((fn) => fn.isIntrinsic === true).map((fn) => [fn.name, fn] as const);
  return [...new Map(named)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, fn]) => fn);
}

function printIntrinsic({ name, parameters: [from] }: KernelFunction): string {
  invariant(name.startsWith("prefetch_") && from?.kind === "pointer", `the CPU has no ${name}`);
  const type = memoryTypeName(from.dtype);
  const level = name.startsWith("prefetch_second_") ? ", 0, 2" : "";
  return `static inline void ${name}(const ${type} *p) { __builtin_prefetch(p${level}); }`;
}

function symbolsIn(body: readonly Statement[]): ReadonlySet<KernelSymbol> {
  const symbols = new Set<KernelSymbol>();
  walkStatements(
    body,
    () => {},
    (e) => {
      if (e.kind === "symbol") symbols.add(e.symbol);
    },
  );
  return symbols;
}

/** Whether a kernel takes the numbers of rows before its parameters. */
export function takesRows({ parameters }: Kernel): boolean {
  return parameters.some((parameter) => parameter.kind === "column");
}

function commentOf({ name, comment: { lines, sources, flops, bytes } }: Kernel): string[] {
  const from = sources.length === 0 ? [] : [`From ${sources.join(", ")}.`];
  const work = `${flops} flops, ${bytes} bytes.`;
  return blockComment([`${name}: ${lines.join("\n   ")}`, ...from, work].join("\n").split("\n"));
}

/** All kernels take the step and a task, then pointers alone: whoever calls them need not know them. */
function linesOf(
  kernel: Kernel,
  symbols: ReadonlySet<KernelSymbol>,
  body: readonly string[],
): string[] {
  const parameters = [
    "const nnc_batch *step",
    "int32_t task",
    ...(takesRows(kernel) ? ["const int32_t *restrict rows"] : []),
    ...kernel.parameters.map(parameterText),
  ];
  const ambient = (["n", "whole", "seed", "batch"] as const).filter((name) => symbols.has(name));
  const rows = kernel.parameters.flatMap((parameter) =>
    parameter.kind === "column" ? [`${parameter.name}_row = ${parameter.rowElements}`] : [],
  );
  return [
    ...signature(`void ${functionName(kernel)}`, parameters),
    ...(rows.length === 0 ? [] : [`  enum { ${rows.join(", ")} };`]),
    ...(ambient.length > 0 ? [] : ["  (void)step;"]),
    ...(symbols.has("task") ? [] : ["  (void)task;"]),
    ...ambient.map((name) => `  const ${ambientTypes[name]} ${name} = step->${name};`),
    ...kernel.parameters.flatMap((parameter) => {
      if (parameter.kind !== "scalar" && parameter.kind !== "step") return [];
      return [`  const ${numberType(parameter)} ${parameter.name} = *${parameter.name}_;`];
    }),
    ...body,
    "}",
  ];
}

function numberType({ kind }: KernelParameter & { readonly kind: "scalar" | "step" }): string {
  return typeName({ dtype: kind === "scalar" ? "f32" : "i32", lanes: 1 });
}

/** On one line, or one line a parameter. */
function signature(start: string, parameters: readonly string[]): string[] {
  const short = `${start}(${parameters.join(", ")}) {`;
  if (short.length <= 100 - "static ".length) return [short];
  const last = parameters.length - 1;
  return [
    `${start}(`,
    ...parameters.map((parameter, i) => `    ${parameter}${i === last ? ") {" : ","}`),
  ];
}

/** A verb before the model's name keeps it from meeting a helper or the C library's `exp`. */
function functionName(kernel: Kernel): string {
  return `run_${kernel.name}`;
}

function parameterText(parameter: KernelParameter): string {
  switch (parameter.kind) {
    case "window": {
      const qualifier = parameter.access === "read" ? "const " : "";
      return `${qualifier}${memoryTypeName(parameter.dtype)} *restrict ${parameter.name}`;
    }
    case "column":
      return `const ${memoryTypeName(parameter.dtype)} *restrict ${parameter.name}`;
    case "scalar":
    case "step":
      // No name of a kernel ends like this.
      return `const ${numberType(parameter)} *restrict ${parameter.name}_`;
    case "tensorMap":
      throw new InvariantError("the CPU copies no boxes by itself");
    default:
      return assertExhaustive(parameter);
  }
}
