/** Gives the names of a kernel or function other ones: of parameters, locals, buffers and loop variables. */

import type { Argument, Expression, Kernel, KernelFunction, Place, Statement } from "./ir.ts";
import { mapExpression, mapStatements } from "./rewrite.ts";

/** Must give different names for different ones; it hears of each at every mention. */
export type Rename = (name: string) => string;

/** The same kernel under other names; its own name and comment stay. */
export function renameKernel(kernel: Kernel, rename: Rename): Kernel {
  const parameters = kernel.parameters.map((p) => ({ ...p, name: rename(p.name) }));
  return { ...kernel, parameters, body: renameStatements(kernel.body, rename) };
}

/** The same function with other names inside it. */
export function renameFunction(fn: KernelFunction, rename: Rename): KernelFunction {
  const parameters = fn.parameters.map((p) => ({ ...p, name: rename(p.name) }));
  const result = fn.result && mapExpression(fn.result, (e) => renameExpression(e, rename));
  return { ...fn, parameters, body: renameStatements(fn.body, rename), result };
}

export function renameStatements(statements: readonly Statement[], rename: Rename): Statement[] {
  const placed = (place: Place): Place => ({ ...place, buffer: rename(place.buffer) });
  const argument = (arg: Argument): Argument =>
    arg.kind === "address" ? { ...arg, place: placed(arg.place) } : arg;
  const statement = (s: Statement): Statement => {
    switch (s.kind) {
      case "let":
      case "mutable":
      case "assign":
      case "buffer":
        return { ...s, name: rename(s.name) };
      case "store":
        return { ...s, place: placed(s.place) };
      case "loop":
        return { ...s, variable: rename(s.variable) };
      case "invoke":
        return { ...s, args: s.args.map(argument) };
      case "if":
      case "barrier":
      case "comment":
        return s;
    }
  };
  return mapStatements(statements, (e) => renameExpression(e, rename), statement);
}

function renameExpression(e: Expression, rename: Rename): Expression {
  if (e.kind === "variable") return { ...e, name: rename(e.name) };
  if (e.kind !== "load") return e;
  return { ...e, place: { ...e.place, buffer: rename(e.place.buffer) } };
}
