/** One kernel as the text of a module: its declarations and its entry point. */

import type { WgslKernel } from "../../../runtime/devices/webgpu/wgsl-program.ts";
import { assertExhaustive, InvariantError } from "../../diagnostics/diagnostic.ts";
import { constant, literalOf, symbol } from "../../kernel/build.ts";
import { functionsOf } from "../../kernel/functions-called.ts";
import type {
  Expression,
  Kernel,
  KernelFunction,
  KernelParameter,
  KernelSymbol,
  Statement,
} from "../../kernel/ir.ts";
import { mapStatements, walkExpressions, walkStatements } from "../../kernel/rewrite.ts";
import { CLikePrinter } from "../c-like-printer.ts";
import { namesIn } from "../legal-names.ts";
import { tasksAtMost } from "../tasks-at-most.ts";
import { defaultLimits } from "./description.ts";
import { bufferType, memoryTypeName, typeName, wgslDialect } from "./dialect.ts";
import { inlineLets } from "./inline-lets.ts";
import { legalize } from "./legalize.ts";
import { withLegalNames } from "./names.ts";
import { withScopedNames } from "./scoped-names.ts";
import { storageBarriers } from "./storage-barriers.ts";
import { vectorBuffers } from "./vector-buffers.ts";

/** A kernel all of whose parameters are resolved but for where the bindings lie. */
export interface BoundKernel {
  readonly kernel: Kernel;
  /** Of its scalar parameters, in order: slots among the step's scalars. */
  readonly scalarSlots: readonly number[];
  /** Of its steps, in order: loops around the launch, 0 being the outermost. */
  readonly stepDepths: readonly number[];
  readonly batchMax: number;
}

export interface PrintedKernel extends Pick<WgslKernel, "code" | "readOnly" | "requires"> {
  /** What it calls, callees first. */
  readonly functions: readonly KernelFunction[];
}

type SharedBuffer = Statement & { readonly kind: "buffer" };

export function printKernel({
  kernel,
  scalarSlots,
  stepDepths,
  batchMax,
}: BoundKernel): PrintedKernel {
  const legal = legalize(kernel, vectorBuffers(kernel));
  const functions = functionsOf([legal]);
  const accessors = kernel.parameters.flatMap((p) => (p.kind === "column" ? [`${p.name}_at`] : []));
  const steps = stepDepths.map(stepName);
  const elsewhere = [...functions.map(({ name }) => name), ...accessors, ...steps];
  const named = withLegalNames(legal, elsewhere);
  const { shared, body: hoisted } = hoistShared(named.body);
  const body = inlineLets(hoisted);
  const buffers = named.parameters.filter(({ kind }) => kind !== "scalar" && kind !== "step");
  const columns = new Map(
    named.parameters.flatMap((p, i) =>
      p.kind === "column" ? [[p.name, `${kernel.parameters[i]!.name}_at`]] : [],
    ),
  );
  const vectors = vectorBuffers(named);
  const updated = buffers.flatMap((p) =>
    p.kind === "window" && p.access === "read_write" ? [p.name] : [],
  );
  const dialect = wgslDialect({
    vectors,
    columns,
    storageBarriers: storageBarriers(body, new Set(updated)),
  });
  const printer = new CLikePrinter(dialect);
  const outside = [...named.parameters, ...shared].map(({ name }) => name);
  const scoped = withScopedNames(body, new Set([...outside, ...elsewhere]), namesIn(named.body));
  const tasks = tasksAtMost(named, batchMax);
  const lines = [
    ...headComment(kernel),
    stepStruct(scalarSlots),
    "@group(0) @binding(0) var<uniform> step: Step;",
    ...stepDepths.map(
      (depth) => `@group(0) @binding(${1 + depth}) var<uniform> ${stepName(depth)}: i32;`,
    ),
    ...buffers.map((p, i) => declareBinding(p, i, vectors)),
    ...(columns.size === 0
      ? []
      : [`@group(1) @binding(${buffers.length}) var<storage, read> rows: array<i32>;`]),
    ...shared.map(
      ({ name, dtype, elements }) =>
        `var<workgroup> ${name}: ${bufferType({ dtype, elements, isVector: vectors.has(name) })};`,
    ),
    ...buffers.flatMap((p) => (p.kind === "column" ? columnAccessor(p, columns.get(p.name)!) : [])),
    `@compute @workgroup_size(${named.threads})`,
    ...printMain({ ...named, body: scoped }, tasks, { scalarSlots, stepDepths }, printer),
  ];
  const hasHalves = shared.some(({ dtype }) => dtype === "f16");
  return {
    code: lines.join("\n"),
    readOnly: [
      ...buffers.map(({ kind }) => kind === "column"),
      ...(columns.size === 0 ? [] : [true]),
    ],
    requires: hasHalves ? ["shader-f16"] : [],
    functions,
  };
}

/** The number of the iteration of a loop. */
function stepName(depth: number): string {
  return `iteration_${depth}`;
}

/** Workgroups in two dimensions, as one has too few for some kernels. */
export function workgroupsOf(tasks: number): readonly [x: number, y: number] {
  const most = defaultLimits.workgroupsPerDimension;
  return tasks <= most ? [tasks, 1] : [most, Math.ceil(tasks / most)];
}

function headComment({ name, comment }: Kernel): string[] {
  const { lines, sources, flops, bytes } = comment;
  const from = sources.length === 0 ? [] : [`From ${sources.join(", ")}.`];
  const text = [`${name}: ${lines.join("\n")}`, ...from, `${flops} flops, ${bytes} bytes.`];
  return text.flatMap((line) => line.split("\n")).map((line) => `// ${line}`.trimEnd());
}

function stepStruct(scalarSlots: readonly number[]): string {
  const vectors = Math.ceil((Math.max(-1, ...scalarSlots) + 1) / 4);
  const scalars = vectors === 0 ? "" : `, scalars: array<vec4f, ${vectors}>`;
  return `struct Step { n: i32, first_row: i32, seed: u32, batch: u32, infinity: u32, nan: u32${scalars} }`;
}

function declareBinding(
  parameter: KernelParameter,
  binding: number,
  vectors: ReadonlySet<string>,
): string {
  const at = `@group(1) @binding(${binding})`;
  const { name } = parameter;
  switch (parameter.kind) {
    case "window": {
      const type = memoryTypeName({ dtype: parameter.dtype, lanes: vectors.has(name) ? 4 : 1 });
      return `${at} var<storage, read_write> ${name}: array<${type}>;`;
    }
    case "column": {
      const isPacked = parameter.dtype === "u8" || parameter.dtype === "bool";
      const type = isPacked ? "u32" : memoryTypeName({ dtype: parameter.dtype, lanes: 1 });
      return `${at} var<storage, read> ${name}: array<${type}>;`;
    }
    case "scalar":
    case "step":
      throw new InvariantError(`a ${parameter.kind} is no binding of memory`);
    case "tensorMap":
      throw new InvariantError("WebGPU copies no boxes by itself");
    default:
      return assertExhaustive(parameter);
  }
}

/** An element of a row of the batch. Positions may exceed what an i32 holds. */
function columnAccessor(
  { name, dtype, rowElements }: KernelParameter & { readonly kind: "column" },
  accessor: string,
): string[] {
  const row = "u32(rows[step.first_row + row])";
  const start = rowElements === 1 ? row : `${row} * ${rowElements}u`;
  const at = `${start} + u32(index)`;
  const byte = `(${name}[at >> 2u] >> ((at & 3u) * 8u)) & 255u`;
  const header = `fn ${accessor}(row: i32, index: i32) -> ${typeName({ dtype, lanes: 1 })} {`;
  if (dtype !== "u8" && dtype !== "bool") return [header, `  return ${name}[${at}];`, "}"];
  const value = dtype === "bool" ? `(${byte}) != 0u` : byte;
  return [header, `  let at = ${at};`, `  return ${value};`, "}"];
}

/** Shared buffers are declared outside functions. Barriers become objects of their own. */
function hoistShared(body: readonly Statement[]): {
  readonly shared: readonly SharedBuffer[];
  readonly body: readonly Statement[];
} {
  const shared: SharedBuffer[] = [];
  const rest = mapStatements(
    body,
    (e) => e,
    (s) => {
      if (s.kind === "barrier") return { ...s };
      if (s.kind !== "buffer" || s.scope !== "shared") return s;
      shared.push(s);
      return [];
    },
  );
  return { shared, body: rest };
}

function symbolsIn(body: readonly Statement[], tasks: Expression): ReadonlySet<KernelSymbol> {
  const found = new Set<KernelSymbol>();
  const visit = (e: Expression): void => {
    if (e.kind === "symbol") found.add(e.symbol);
  };
  walkStatements(body, () => {}, visit);
  walkExpressions(tasks, visit);
  return found;
}

function printMain(
  kernel: Kernel,
  tasks: number,
  { scalarSlots, stepDepths }: Pick<BoundKernel, "scalarSlots" | "stepDepths">,
  printer: CLikePrinter,
): string[] {
  const [width, height] = workgroupsOf(tasks);
  // Where the dispatch has just the tasks of every batch, none has to leave.
  const isExact = literalOf(kernel.tasks) === width * height;
  const used = symbolsIn(kernel.body, isExact ? constant(0) : kernel.tasks);
  const needsTask = used.has("task") || !isExact;
  const parameters = [
    ...(needsTask ? ["@builtin(workgroup_id) workgroup: vec3u"] : []),
    ...(used.has("thread") ? ["@builtin(local_invocation_index) local: u32"] : []),
    ...(used.has("subgroup") ? ["@builtin(subgroup_size) subgroup_size: u32"] : []),
  ];
  const scalars = kernel.parameters.filter(({ kind }) => kind === "scalar");
  const steps = kernel.parameters.filter(({ kind }) => kind === "step");
  const task = height === 1 ? "workgroup.x" : `workgroup.x + workgroup.y * ${width}u`;
  const leave = printer.expression({
    kind: "operation",
    operation: "greaterEqual",
    type: { dtype: "bool", lanes: 1 },
    args: [symbol("task"), kernel.tasks],
  });
  return [
    `fn main(${parameters.join(", ")}) {`,
    ...(needsTask ? [`  let task = i32(${task});`] : []),
    ...(used.has("thread") ? ["  let thread = i32(local);"] : []),
    ...(used.has("subgroup") ? ["  let subgroup = i32(subgroup_size);"] : []),
    ...(used.has("n") ? ["  let n = step.n;"] : []),
    ...(isExact ? [] : [`  if (${leave}) { return; }`]),
    ...scalars.map(({ name }, i) => `  let ${name} = ${scalarText(scalarSlots[i]!)};`),
    ...steps.map(({ name }, i) => `  let ${name} = ${stepName(stepDepths[i]!)};`),
    ...printer.block(kernel.body, "  "),
    "}",
  ];
}

function scalarText(slot: number): string {
  return `step.scalars[${slot >> 2}].${"xyzw"[slot & 3]}`;
}
