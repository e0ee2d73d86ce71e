/**
 * The rows of the scalar and reducer tables are formulas over any representation of scalars; this is the
 * representation as kernel IR, of any number of lanes.
 */

import { invariant } from "../diagnostics/diagnostic.ts";
import type { DType } from "../graph/dtype.ts";
import { type Algebra, algebraOf, type ScalarBuilder } from "../graph/scalar-functions.ts";
import { call, constant, convert } from "./build.ts";
import type { ElementType, Expression } from "./ir.ts";

/** The element type in kernels; narrow floats are converted away before scheduling. */
export function elementType(dtype: DType): ElementType {
  invariant(dtype !== "f16" && dtype !== "bf16", `${dtype} is not supported by this target`);
  return dtype;
}

const builder: ScalarBuilder<Expression> = {
  constant: (value, dtype) => constant(value, elementType(dtype)),
  cast: (of, dtype) => convert(of, elementType(dtype)),
  call: (fn, ...args) => call(fn, ...args),
};

/** Formulas over values of a type. */
export function expressionAlgebra(dtype: DType): Algebra<Expression> {
  return algebraOf(builder, dtype);
}
