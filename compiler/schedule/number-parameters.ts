/**
 * Numbers that functions of kernels take as arguments: those of which their code is no faster for knowing them, so that calls
 * with others share one function.
 */

import type { BlockBuilder } from "../kernel/block-builder.ts";
import { constant, variable } from "../kernel/build.ts";
import type { Expression, FunctionParameter } from "../kernel/ir.ts";

export class NumberParameters {
  readonly #builder: BlockBuilder;
  readonly parameters: FunctionParameter[] = [];
  /** What a call passes, in the order of the parameters. */
  readonly values: Expression[] = [];

  /** For a function of that builder, in which they get names. */
  constructor(builder: BlockBuilder) {
    this.#builder = builder;
  }

  /** How often something is done. */
  count(hint: string, value: Expression): Expression {
    return this.#take(hint, value, false);
  }

  /** Elements from one place to another, of which nothing but indexes are made. */
  stride(hint: string, elements: number): Expression {
    return this.#take(hint, constant(elements), true);
  }

  #take(hint: string, value: Expression, isStride: boolean): Expression {
    const name = this.#builder.name(hint);
    this.values.push(value);
    this.parameters.push({ kind: "value", name, type: value.type, ...(isStride && { isStride }) });
    return variable(name);
  }
}
