/**
 * The textual form of kernel IR: one line a statement, types on definitions, nothing left out, so that two
 * kernels with equal text but for their names are equal.
 *
 *     kernel dense_1_relu(x: read f32[4096], y: write f32[4096]) tasks (n + 15) / 16
 *       let first: i32 = task * 16
 *       loop row = first .. min(first + 16, n) step 1
 *         y[row, 16 lanes] = maximum(x[row, 16 lanes], 0.0)
 */

import { assertExhaustive } from "../diagnostics/diagnostic.ts";
import { printExtent } from "../graph/extent.ts";
import type {
  Argument,
  Expression,
  Kernel,
  KernelParameter,
  Place,
  Statement,
  Type,
} from "./ir.ts";
import {
  type KernelModule,
  type Launch,
  type LaunchTree,
  launchTrees,
  type Placement,
} from "./module.ts";

export function printType({ dtype, lanes }: Type): string {
  return lanes === 1 ? dtype : `${dtype}x${lanes}`;
}

export function printExpression(e: Expression): string {
  switch (e.kind) {
    case "constant": {
      const text = Object.is(e.value, -0) ? "-0" : String(e.value);
      const isFloat = e.type.dtype.startsWith("f");
      const number = isFloat && /^-?\d+$/.test(text) ? `${text}.0` : text;
      return e.type.lanes === 1 ? number : `${number}x${e.type.lanes}`;
    }
    case "variable":
      return e.name;
    case "symbol":
      return e.symbol;
    case "load": {
      const parts = [printPlace(e.place), `${printType(e.type)}`];
      if (e.active !== e.type.lanes) parts.push(`first ${e.active}`);
      if (e.mask !== null) parts.push(`where ${printExpression(e.mask)}`);
      return `load(${parts.join(", ")})`;
    }
    case "operation":
      return `${e.operation}(${list(e.args)})`;
    case "call":
      return `${e.fn}.f(${list(e.args)})`;
    case "invoke":
      return `@${e.function.name}(${list(e.args)})`;
    case "convert":
    case "bitcast":
    case "broadcast":
      return `${e.kind}<${printType(e.type)}>(${printExpression(e.of)})`;
    case "ramp":
      return `ramp<${printType(e.type)}>`;
    case "lane":
      return `lane ${e.lane} of ${printExpression(e.of)}`;
    case "reduce":
      return `${e.reduction} lanes of ${printExpression(e.of)}`;
    case "join":
      return `join(${list(e.of)})`;
    case "shuffle":
      return `shuffle(${printExpression(e.a)}, ${printExpression(e.b)}; ${e.lanes.join(" ")})`;
    case "shuffleDown":
      return `${printExpression(e.of)} of thread + ${e.distance}`;
    case "shuffleFirst":
      return `${printExpression(e.of)} of the first of ${e.count} threads`;
    case "random":
      return `random(${JSON.stringify(e.stream)}, ${printExpression(e.index)})`;
    default:
      return assertExhaustive(e);
  }
}

function list(expressions: readonly Expression[]): string {
  return expressions.map(printExpression).join(", ");
}

function printPlace({ buffer, index, row }: Place): string {
  const at = printExpression(index);
  return row === null ? `${buffer}[${at}]` : `${buffer}[row ${printExpression(row)}, ${at}]`;
}

export function printStatements(statements: readonly Statement[], indent = ""): string[] {
  return statements.flatMap((s) => printStatement(s).map((line) => `${indent}${line}`));
}

function printStatement(s: Statement): string[] {
  switch (s.kind) {
    case "let":
    case "mutable":
      return [`${s.kind} ${s.name}: ${printType(s.value.type)} = ${printExpression(s.value)}`];
    case "assign":
      return [`${s.name} = ${printExpression(s.value)}`];
    case "store": {
      const first = s.active === s.value.type.lanes ? "" : ` first ${s.active}`;
      const where = s.mask === null ? "" : ` where ${printExpression(s.mask)}`;
      return [`${printPlace(s.place)} = ${printExpression(s.value)}${first}${where}`];
    }
    case "loop": {
      const mode = s.mode === "serial" ? "" : `${s.mode} `;
      const range = `${printExpression(s.from)} .. ${printExpression(s.to)} step ${s.step}`;
      return [`${mode}loop ${s.variable} = ${range}`, ...printStatements(s.body, "  ")];
    }
    case "if":
      return [
        `if ${printExpression(s.condition)}`,
        ...printStatements(s.whenTrue, "  "),
        ...(s.whenFalse.length === 0 ? [] : ["else", ...printStatements(s.whenFalse, "  ")]),
      ];
    case "invoke":
      return [`@${s.function.name}(${s.args.map(printArgument).join(", ")})`];
    case "buffer":
      return [`${s.scope} ${s.name}: ${s.dtype}[${s.elements}]`];
    case "barrier":
      return [s.scope === "grid" ? "barrier of the grid" : "barrier"];
    case "comment":
      return [`// ${s.text}`];
    default:
      return assertExhaustive(s);
  }
}

function printArgument(argument: Argument): string {
  return argument.kind === "address" ? `&${printPlace(argument.place)}` : printExpression(argument);
}

function printParameter(parameter: KernelParameter): string {
  switch (parameter.kind) {
    case "window":
      return `${parameter.name}: ${parameter.isShared ? "shared " : ""}${parameter.access} ${parameter.dtype}[${parameter.elements}]`;
    case "column":
      return `${parameter.name}: column ${parameter.dtype}[${parameter.rowElements}]`;
    case "scalar":
    case "step":
      return `${parameter.name}: ${parameter.kind}`;
    case "tensorMap": {
      const { name, dtype, extents, strides, box, swizzleBytes, roundsToTf32 } = parameter;
      const axes = extents.map(
        (extent, i) => `${box[i]} of ${printExtent(extent)} by ${strides[i]}`,
      );
      const rounded = roundsToTf32 ? " to tf32" : "";
      return `${name}: map ${dtype}${rounded}[${axes.join(", ")}] swizzled ${swizzleBytes}`;
    }
    default:
      return assertExhaustive(parameter);
  }
}

/** Everything of a kernel but its name and comment. */
export function printKernelContent(kernel: Kernel): string {
  const parameters = kernel.parameters.map(printParameter).join(", ");
  return [
    `(${parameters}) tasks ${printExpression(kernel.tasks)}${kernel.threads === 1 ? "" : ` × ${kernel.threads} threads`}${kernel.isPersistent ? ", persistent" : ""}`,
    ...printStatements(kernel.body, "  "),
  ].join("\n");
}

export function printKernel(kernel: Kernel): string {
  return `kernel ${kernel.name}${printKernelContent(kernel)}`;
}

function printPlacement(placement: Placement): string {
  switch (placement.kind) {
    case "arena":
      return `${placement.arena} + ${placement.offset}`;
    case "column":
    case "scalar":
      return `${placement.kind} ${placement.slot}`;
    case "step":
      return `step of loop ${placement.depth}`;
    default:
      return assertExhaustive(placement);
  }
}

function printTrees(trees: readonly LaunchTree[], launches: readonly Launch[]): string[] {
  return trees.flatMap((tree) =>
    tree.kind === "launch"
      ? [printLaunch(launches[tree.launch]!)]
      : [`  ${tree.count} times`, ...printTrees(tree.body, launches).map((line) => `  ${line}`)],
  );
}

function printLaunch({ kernel, placements, isParallel, withPrevious }: Launch): string {
  const how = withPrevious ? "  with" : isParallel ? "launch" : "run";
  return `  ${how} ${kernel.name}(${placements.map(printPlacement).join(", ")})`;
}

/** Kernels in order of first launch, then the launches of each graph. */
export function printModule({ model, functions }: KernelModule): string {
  const kernels = new Set(functions.flatMap(({ launches }) => launches.map((l) => l.kernel)));
  return [
    `module ${model}`,
    ...[...kernels].map(printKernel),
    ...functions.flatMap((fn) => [
      `graph ${fn.graph}`,
      ...printTrees(launchTrees(fn), fn.launches),
    ]),
  ].join("\n");
}
