/** Indexes that are multiples of a power of two, as those of aligned vectors are. */

import { add, constant, literalOf, multiply, operation, subtract } from "./build.ts";
import type { Expression } from "./ir.ts";

/** Whether an index is a multiple of a power of two, whatever its variables are. */
export function isMultipleOf(
  e: Expression,
  factor: number,
  variables: ReadonlySet<string>,
): boolean {
  const each = (args: readonly Expression[]): boolean =>
    args.every((arg) => isMultipleOf(arg, factor, variables));
  if (e.kind === "constant") return e.value % factor === 0;
  if (e.kind === "variable") return variables.has(e.name);
  if (e.kind !== "operation") return false;
  const { operation: name, args } = e;
  switch (name) {
    case "add":
    case "subtract":
    case "min":
    case "max":
    // (4·a) mod (4·b) = 4·(a mod b)
    case "remainder":
    case "floorRemainder":
      return each(args);
    case "select":
      return each(args.slice(1));
    case "multiply":
      return args.some((arg) => isMultipleOf(arg, factor, variables));
    case "shiftLeft": {
      const by = literalOf(args[1]!);
      return by !== undefined && by >= Math.log2(factor);
    }
    default:
      return false;
  }
}

/** An index that is a multiple of a power of two, divided by it. */
export function divideExactly(e: Expression, factor: number): Expression {
  const literal = literalOf(e);
  if (literal !== undefined) return constant(literal / factor);
  if (e.kind === "operation") {
    const [a, b] = e.args as readonly [Expression, Expression];
    const scale = literalOf(b);
    if (e.operation === "add") return add(divideExactly(a, factor), divideExactly(b, factor));
    if (e.operation === "subtract")
      return subtract(divideExactly(a, factor), divideExactly(b, factor));
    if (e.operation === "multiply" && scale !== undefined && scale % factor === 0) {
      return multiply(a, constant(scale / factor));
    }
  }
  return operation("shiftRight", e, constant(Math.log2(factor)));
}
