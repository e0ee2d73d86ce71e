/** One kernel as a function: its head comment, its parameters and its body. */

import { assertExhaustive } from "../../diagnostics/diagnostic.ts";
import { constant, literalOf } from "../../kernel/build.ts";
import { functionsCalled, functionsOf } from "../../kernel/functions-called.ts";
import { boxAlignment } from "../../kernel/hopper-intrinsics.ts";
import type {
  Expression,
  Kernel,
  KernelFunction,
  KernelParameter,
  Statement,
} from "../../kernel/ir.ts";
import { walkExpressions, walkStatements } from "../../kernel/rewrite.ts";
import { blockComment, CLikePrinter } from "../c-like-printer.ts";
import { cudaDialect, type KernelMemory } from "./dialect.ts";
import { legalize } from "./legalize.ts";
import { dynamicShared } from "./machine.ts";
import { withLegalNames } from "./names.ts";
import type { Use } from "./prelude.ts";
import { bytesOf, memoryTypeName } from "./types.ts";

/** A kernel with what its scalar parameters are bound to. */
export interface BoundKernel {
  readonly kernel: Kernel;
  /** Of its scalar parameters, in order: slots among the step's scalars. */
  readonly scalarSlots: readonly number[];
}

export interface PrintedKernel {
  /** The function's text, by its name. */
  readonly text: (name: string) => string;
  /** Functions of the kernel IR that it calls, callees first. */
  readonly functions: readonly KernelFunction[];
  /** Bytes of dynamic shared memory. */
  readonly sharedBytes: number;
  readonly takesStep: boolean;
  readonly takesN: boolean;
  /** Whether its blocks meet. */
  readonly isCooperative: boolean;
}

/** Shared memory that functions may declare. */
const staticSharedBytes = 48 * 1024;

export function printKernel({ kernel, scalarSlots }: BoundKernel, use: Use): PrintedKernel {
  const legal = legalize(kernel);
  const functions = functionsOf([legal]);
  const intrinsics = functionsCalled(legal.body, null).filter((fn) => fn.isIntrinsic === true);
  for (const { name } of intrinsics) use({ kind: "machine", name });
  const named = withLegalNames(
    legal,
    [...functions, ...intrinsics].map(({ name }) => name),
  );
  const shared = sharedLayout(named);
  if (shared.offsets !== null) use({ kind: "machine", name: dynamicShared });
  const printer = new CLikePrinter(cudaDialect(memoryOf(named, shared.offsets), use));
  const isExact = literalOf(named.tasks) !== undefined || named.isPersistent === true;
  const used = symbolsIn(named.body, isExact ? constant(0) : named.tasks);
  const scalars = named.parameters.filter(({ kind }) => kind === "scalar");
  const hasColumns = named.parameters.some(({ kind }) => kind === "column");
  const takesStep = scalars.length > 0 || hasColumns || used.has("seed") || used.has("batch");
  const takesN = used.has("n");
  const parameters = [
    ...named.parameters.flatMap((parameter) => parameterText(parameter, use)),
    ...(takesStep ? ["const NncStep *__restrict__ step"] : []),
    ...(takesN ? ["int n"] : []),
  ];
  const needsTask = used.has("task") || !isExact;
  const body = [
    ...(shared.offsets === null ? [] : [`  ${dynamicShared};`]),
    ...(needsTask ? ["  const int task = (int)blockIdx.x;"] : []),
    ...(used.has("group") ? ["  const int group = (int)blockIdx.x;"] : []),
    ...(used.has("groups") ? ["  const int groups = (int)gridDim.x;"] : []),
    ...(isExact ? [] : [`  if (task >= ${printer.expression(named.tasks)}) return;`]),
    ...(used.has("thread") ? ["  const int thread = (int)threadIdx.x;"] : []),
    ...(hasColumns ? ["  const int *__restrict__ rows = step->rows;"] : []),
    ...scalars.map(({ name }, i) => `  const float ${name} = step->scalars[${scalarSlots[i]!}];`),
    ...printer.block(named.body, "  "),
  ];
  const comment = headComment(kernel);
  return {
    text: (name) =>
      [
        ...comment,
        ...signature(
          `extern "C" __global__ void __launch_bounds__(${kernel.threads}) ${name}`,
          parameters,
        ),
        ...body,
        "}",
      ].join("\n"),
    functions,
    sharedBytes: shared.offsets === null ? 0 : shared.bytes,
    takesStep,
    takesN,
    isCooperative: meetsAsGrid(named.body),
  };
}

function headComment({ name, comment }: Kernel): string[] {
  const { lines, sources, flops, bytes } = comment;
  const from = sources.length === 0 ? [] : [`From ${sources.join(", ")}.`];
  const text = [`${name}: ${lines.join("\n")}`, ...from, `${flops} flops, ${bytes} bytes.`];
  return blockComment(text.flatMap((line) => line.split("\n")));
}

/** On one line, or one line a parameter. */
function signature(start: string, parameters: readonly string[]): string[] {
  const short = `${start}(${parameters.join(", ")}) {`;
  if (short.length <= 100) return [short];
  const last = parameters.length - 1;
  return [
    `${start}(`,
    ...parameters.map((parameter, i) => `    ${parameter}${i === last ? ") {" : ","}`),
  ];
}

function parameterText(parameter: KernelParameter, use: Use): string[] {
  switch (parameter.kind) {
    case "window":
    case "column": {
      const { dtype, name } = parameter;
      use({ kind: "type", type: { dtype, lanes: 1 } });
      // What other blocks write must not be taken from caches that do not hear of it, nor be kept in registers.
      if (parameter.kind === "window" && parameter.isShared === true) {
        return [`${memoryTypeName(dtype)} *${name}`];
      }
      const isRead = parameter.kind === "column" || parameter.access === "read";
      return [`${isRead ? "const " : ""}${memoryTypeName(dtype)} *__restrict__ ${name}`];
    }
    case "scalar":
      return [];
    case "step":
      return [`int ${parameter.name}`];
    case "tensorMap":
      use({ kind: "machine", name: "NncTensorMap" });
      return [`const __grid_constant__ NncTensorMap ${parameter.name}`];
    default:
      return assertExhaustive(parameter);
  }
}

function memoryOf(kernel: Kernel, dynamic: KernelMemory["dynamic"]): KernelMemory {
  const { parameters, threads } = kernel;
  return {
    columns: new Map(
      parameters.flatMap((p) => (p.kind === "column" ? [[p.name, p.rowElements]] : [])),
    ),
    dynamic,
    tensorMaps: new Set(parameters.flatMap((p) => (p.kind === "tensorMap" ? [p.name] : []))),
    lanes: threads < 32 ? `0x${(2 ** threads - 1).toString(16)}u` : "0xffffffffu",
  };
}

interface SharedLayout {
  readonly bytes: number;
  /** By buffer, where all of them are one block of dynamic memory. */
  readonly offsets: ReadonlyMap<string, number> | null;
}

function sharedLayout({ parameters, body }: Kernel): SharedLayout {
  const hasBoxes = parameters.some(({ kind }) => kind === "tensorMap");
  const alignment = hasBoxes ? boxAlignment : 16;
  const offsets = new Map<string, number>();
  let bytes = 0;
  walkStatements(body, (s: Statement) => {
    if (s.kind !== "buffer" || s.scope !== "shared") return;
    offsets.set(s.name, bytes);
    bytes += Math.ceil((s.elements * bytesOf(s.dtype)) / alignment) * alignment;
  });
  const isDynamic = bytes > staticSharedBytes || (hasBoxes && bytes > 0);
  return { bytes, offsets: isDynamic ? offsets : null };
}

function meetsAsGrid(body: readonly Statement[]): boolean {
  let found = false;
  walkStatements(body, (s) => {
    if (s.kind === "barrier" && s.scope === "grid") found = true;
  });
  return found;
}

function symbolsIn(body: readonly Statement[], tasks: Expression): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (e: Expression): void => {
    if (e.kind === "symbol") found.add(e.symbol);
  };
  walkStatements(body, () => {}, visit);
  walkExpressions(tasks, visit);
  return found;
}
