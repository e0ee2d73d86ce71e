/**
 * The rows of the scalar and reducer tables are formulas over any representation of scalars; this is the
 * representation as kernel IR, of any number of lanes. Every application gets a name, because formulas use
 * their parts more than once.
 */

import type { DType } from "../graph/dtype.ts";
import { type Algebra, algebraOf } from "../graph/scalar-functions.ts";
import type { BlockBuilder } from "./block-builder.ts";
import { call, constant, convert } from "./build.ts";
import type { ElementType, Expression } from "./ir.ts";

/** The element type in kernels. Only targets that have narrow floats are given graphs with them. */
export function elementType(dtype: DType): ElementType {
  return dtype;
}

/** Formulas over values of a type, computed where the builder stands. */
export function expressionAlgebra(builder: BlockBuilder, dtype: DType): Algebra<Expression> {
  return algebraOf<Expression>(
    {
      constant: (value, of) => constant(value, elementType(of)),
      cast: (of, to) => builder.let("cast", convert(of, elementType(to))),
      call: (fn, ...args) => builder.let(fn, call(fn, ...args)),
    },
    dtype,
  );
}
