/**
 * The table of scalar functions: everything that a body can compute from numbers. One row is all that nnc
 * knows of a function; the interpreter, constant folding, differentiation, the printers, the cost model, the
 * language's builtins, the reference page and the tests iterate the table. Rows stand by family in `scalars/`;
 * a new function is one name in its family's union and one row.
 */

import { type ArithmeticFunction, arithmetic } from "./scalars/arithmetic.ts";
import { type ExponentialFunction, exponential } from "./scalars/exponential.ts";
import { type LogicFunction, logic } from "./scalars/logic.ts";
import type { ScalarFunction } from "./scalars/row.ts";
import { type TrigonometricFunction, trigonometric } from "./scalars/trigonometric.ts";

export type { Algebra, Derivative, ScalarBuilder, ScalarFunction } from "./scalars/row.ts";
export { algebraOf } from "./scalars/row.ts";

export type ScalarFunctionName =
  | ArithmeticFunction
  | ExponentialFunction
  | TrigonometricFunction
  | LogicFunction;

export const scalarFunctions: { readonly [K in ScalarFunctionName]: ScalarFunction } = {
  ...arithmetic,
  ...exponential,
  ...trigonometric,
  ...logic,
};

export const scalarFunctionNames = Object.keys(scalarFunctions) as readonly ScalarFunctionName[];
