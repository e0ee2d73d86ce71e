/**
 * Kernels that differ in literals alone as one: what differs becomes a parameter. The updates of an optimizer are so,
 * one for each tensor of a model, that differ in where the tensors lie and how large they are.
 */

import { add, constant } from "../kernel/build.ts";
import { withCanonicalNames } from "../kernel/canonical-names.ts";
import type { Expression, Kernel, Operation, Type } from "../kernel/ir.ts";
import { printKernelContent } from "../kernel/print.ts";
import { mapChildren, rebuildStatements } from "../kernel/rewrite.ts";

type Literal = Expression & { readonly kind: "constant" };

/** Division by a literal is much faster than by a number known later, so divisors stay. */
const divisions: ReadonlySet<Operation> = new Set<Operation>([
  "quotient",
  "remainder",
  "floorQuotient",
  "floorRemainder",
  "shiftLeft",
  "shiftRight",
]);

/** Rewrites the literals that may become parameters, always in the same order. */
function mapLiterals(
  body: Kernel["body"],
  rewrite: (literal: Literal, position: number) => Expression,
): Kernel["body"] {
  let position = 0;
  const visit = (e: Expression): Expression => {
    if (e.kind === "constant") {
      const { dtype, lanes } = e.type;
      const isNumber = lanes === 1 && (dtype === "i32" || dtype === "f32");
      return isNumber && Number.isFinite(e.value) ? rewrite(e, position++) : e;
    }
    if (e.kind === "operation" && divisions.has(e.operation)) {
      return { ...e, args: [visit(e.args[0]!), e.args[1]!] };
    }
    return mapChildren(e, visit);
  };
  return rebuildStatements(body, visit);
}

/** Equal for kernels that differ in names and such literals alone. */
export function contentWithoutLiterals(kernel: Kernel): string {
  const body = mapLiterals(kernel.body, ({ type }) => constant(0, type.dtype));
  return printKernelContent(withCanonicalNames({ ...kernel, body, tasks: constant(0) }));
}

/** A literal that is another one in each kernel. */
export interface AbstractLiteral {
  readonly type: Type;
  /** By kernel. */
  readonly values: readonly number[];
}

/**
 * The body of the first of kernels that differ in literals alone, with what differs named by `nameOf`, and the
 * parameters that this gives. Literals that differ by the same number in all kernels share a parameter.
 */
export function abstractLiterals(
  kernels: readonly Kernel[],
  nameOf: (parameter: number, type: Type) => Expression,
): { readonly body: Kernel["body"]; readonly parameters: readonly AbstractLiteral[] } {
  const columns: AbstractLiteral[] = [];
  kernels.forEach(({ body }, k) => {
    mapLiterals(body, (literal, position) => {
      columns[position] ??= { type: literal.type, values: [] };
      (columns[position].values as number[])[k] = literal.value;
      return literal;
    });
  });
  const parameters: AbstractLiteral[] = [];
  const body = mapLiterals(kernels[0]!.body, (literal, position) => {
    const { type, values } = columns[position]!;
    if (values.every((value) => Object.is(value, literal.value))) return literal;
    const known = parameters.findIndex((p) => differenceOf(p, { type, values }) !== undefined);
    if (known >= 0) {
      const named = nameOf(known, type);
      const difference = differenceOf(parameters[known]!, { type, values })!;
      return difference === 0 ? named : add(named, constant(difference));
    }
    parameters.push({ type, values });
    return nameOf(parameters.length - 1, type);
  });
  return { body, parameters };
}

/** What is to be added to a to give b, for all kernels; floats are never added. */
function differenceOf(a: AbstractLiteral, b: AbstractLiteral): number | undefined {
  if (a.type.dtype !== b.type.dtype) return undefined;
  const difference = b.values[0]! - a.values[0]!;
  if (a.type.dtype === "f32" && difference !== 0) return undefined;
  return b.values.every((value, k) => value - a.values[k]! === difference) ? difference : undefined;
}
