/**
 * Kernels without the names of the model: parameters and locals are numbered in order of first mention, and comments
 * are left out, so that two kernels that differ in names alone become equal. Layers of one size then share their code.
 */

import type { Argument, Expression, Kernel, Place, Statement } from "./ir.ts";
import { mapStatements } from "./rewrite.ts";

/** The same kernel under canonical names; its own name and comment stay. */
export function withCanonicalNames(kernel: Kernel): Kernel {
  const numbers = new Map<string, string>();
  const canonical = (name: string): string => {
    const known = numbers.get(name) ?? `v${numbers.size}`;
    numbers.set(name, known);
    return known;
  };
  const placed = (place: Place): Place => ({ ...place, buffer: canonical(place.buffer) });
  const parameters = kernel.parameters.map((p) => ({ ...p, name: canonical(p.name) }));
  const expression = (e: Expression): Expression => {
    if (e.kind === "variable") return { ...e, name: canonical(e.name) };
    return e.kind === "load" ? { ...e, place: placed(e.place) } : e;
  };
  const argument = (arg: Argument): Argument =>
    arg.kind === "address" ? { ...arg, place: placed(arg.place) } : arg;
  const statement = (s: Statement): Statement => {
    switch (s.kind) {
      case "let":
      case "mutable":
      case "assign":
      case "buffer":
        return { ...s, name: canonical(s.name) };
      case "store":
        return { ...s, place: placed(s.place) };
      case "loop":
        return { ...s, variable: canonical(s.variable) };
      case "invoke":
        return { ...s, args: s.args.map(argument) };
      case "comment":
        return { ...s, text: "" };
      case "if":
      case "barrier":
        return s;
    }
  };
  const body = mapStatements(kernel.body, expression, statement);
  return { ...kernel, parameters, body };
}
