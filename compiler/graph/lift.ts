/**
 * Nodes of a loop's body for all steps at once: the step becomes an axis, where stacking puts it, and what the body
 * reads of itself is read from stacks or lifted too.
 *
 *     %t0_1[i0] = %x[i0, t0] * %w[i0]      becomes      %2[i0, i1] = %x[i0, i1] * %w[i0]
 */

import {
  type Affine,
  axisAffine,
  stepAffine,
  substituteAffine,
  substituteSteps,
} from "./affine.ts";
import { type Condition, mapCondition } from "./condition.ts";
import type { GraphContext } from "./context.ts";
import { type StackedPlace, stackedIndex } from "./copy-nodes.ts";
import { type Extent, stackedAxis, stackedShape } from "./extent.ts";
import type { Compute, Scatter, Value } from "./node.ts";
import { scalarMapper } from "./rewrite.ts";

export class Lift {
  readonly #context: GraphContext;
  readonly #loop: number;
  readonly #length: number;
  readonly #stacked: (value: Value) => StackedPlace | undefined;
  readonly #lifted = new Map<Compute | Scatter, Compute | Scatter>();

  /** `stacked` says where a value of the body is stacked, its place over the loop's step; what is not is lifted. */
  constructor(
    context: GraphContext,
    loop: number,
    length: number,
    stacked: (value: Value) => StackedPlace | undefined,
  ) {
    this.#context = context;
    this.#loop = loop;
    this.#length = length;
    this.#stacked = stacked;
  }

  /** A node's results are the stacks of its own, in order of steps. */
  node(node: Compute | Scatter): Compute | Scatter {
    const known = this.#lifted.get(node);
    if (known !== undefined) return known;
    const lifted = node.kind === "compute" ? this.#compute(node) : this.#scatter(node);
    this.#context.inheritOrigins(lifted, node);
    this.#lifted.set(node, lifted);
    return lifted;
  }

  /** Where a value is stacked; itself where it does not depend on the loop. */
  value(value: Value): Value {
    const { node } = value;
    if (!node.loops.has(this.#loop)) return value;
    if (node.kind === "call") return this.value(node.primal[value.result]!);
    if (node.kind === "compute" || node.kind === "scatter")
      return this.node(node).values[value.result]!;
    throw new Error(`a ${node.kind} cannot be lifted`);
  }

  #compute(node: Compute): Compute {
    const { parallel, reduction, where, reducer, body } = node;
    const space = this.#space(parallel);
    return this.#context.compute({
      parallel: stackedShape(parallel, this.#length),
      reduction,
      where: space.condition(where),
      reducer,
      body: space.scalar(body),
    });
  }

  #scatter({ parallel, shape, index, body }: Scatter): Scatter {
    const space = this.#space(parallel);
    const step = this.#context.index(axisAffine(stackedAxis(parallel)));
    return this.#context.scatter({
      parallel: stackedShape(parallel, this.#length),
      shape: stackedShape(shape, this.#length),
      index: index.map(space.scalar).toSpliced(stackedAxis(shape), 0, step),
      body: space.scalar(body),
    });
  }

  /** The space of a node with an axis for the step among its parallel ones. */
  #space(parallel: readonly Extent[]) {
    const context = this.#context;
    const at = stackedAxis(parallel);
    const renumber = (axis: number) => axisAffine(axis < at ? axis : axis + 1);
    const here = (a: Affine): Affine =>
      substituteSteps(a, (loop) => (loop === this.#loop ? axisAffine(at) : undefined));
    const affine = (a: Affine): Affine => here(substituteAffine(a, renumber));
    const condition = (c: Condition): Condition => mapCondition(c, affine);
    const scalar = scalarMapper(context, {
      affine,
      condition,
      load: ({ value, index, guard }) => {
        const found = this.#read(value);
        if (found === null) return context.load(value, index, guard);
        return context.load(found.stack, stackedIndex(value, index, here(found.place)), guard);
      },
      gather: ({ value, index }) => {
        const found = this.#read(value);
        if (found === null) return context.gather(value, index);
        const step = context.index(here(found.place));
        return context.gather(found.stack, stackedIndex(value, index, step));
      },
    });
    return { condition, scalar };
  }

  #read(value: Value): StackedPlace | null {
    if (!value.node.loops.has(this.#loop)) return null;
    const step = stepAffine(this.#loop, this.#length);
    return this.#stacked(value) ?? { stack: this.value(value), place: step };
  }
}
