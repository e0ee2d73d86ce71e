/**
 * The table of scalar functions: everything that a body can compute from numbers. One row is all that nnc
 * knows of a function; the interpreter, constant folding, differentiation, the printers, the cost model, the
 * language's builtins, the reference page and the tests iterate the table.
 */

import type { DType } from "./dtype.ts";

export type ScalarFunctionName = "add";

export interface ScalarFunction {
  readonly arity: number;
  readonly resultType: (args: readonly DType[]) => DType | undefined;
}

export const scalarFunctions: { readonly [K in ScalarFunctionName]: ScalarFunction } = {
  add: { arity: 2, resultType: ([a]) => a },
};
