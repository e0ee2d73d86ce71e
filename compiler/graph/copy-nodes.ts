/**
 * Nodes of a loop's body in another place: in a loop of their own whose step says theirs, where values of the first
 * loop are read from stacks. Loops within are copied as loops of their own.
 */

import { type Affine, axisAffine, stepAffine, substituteSteps } from "./affine.ts";
import { type Condition, mapCondition } from "./condition.ts";
import type { GraphContext } from "./context.ts";
import { stackedAxis } from "./extent.ts";
import type { Call, Node, Scalar, Scan, Value } from "./node.ts";
import { scalarMapper } from "./rewrite.ts";

/** A value as one place of a stack. */
export interface StackedPlace {
  readonly stack: Value;
  readonly place: Affine;
}

export interface CopyOptions {
  /** The loop that the nodes leave; nodes that do not depend on it are not copied. */
  readonly loop: number;
  /** What its step is in the new place. */
  readonly step: Affine;
  /** What stands for a value, instead of a copy of its node. */
  readonly replace: (value: Value) => StackedPlace | Value | undefined;
  /**
   * Whether loops within read a place of a stack as a node before them: what they contribute to its derivative is then
   * of that place alone.
   */
  readonly keepsSlices?: boolean;
  /** Whether calls keep the derivatives of their own, as before differentiation. */
  readonly keepsCalls?: boolean;
}

/** Where each value of the body is in the new place. */
export function copyNodes(context: GraphContext, options: CopyOptions): (value: Value) => Value {
  const copier = new Copier(context, options);
  return (value) => copier.copy(value);
}

/** The loop with a number of its own. */
export function copyLoop(context: GraphContext, scan: Scan): Scan {
  const step = stepAffine(scan.loop, scan.length);
  const options = { loop: scan.loop, step, replace: () => undefined, keepsCalls: true };
  return new Copier(context, options).copyScan(scan);
}

/** Reads a value, of which `index` says a place, from where it is stacked. */
export function stackedIndex<T>(value: Value, index: readonly T[], place: T): T[] {
  const at = stackedAxis(value.shape);
  return [...index.slice(0, at), place, ...index.slice(at)];
}

/** A value as a node that reads it from its stack. */
export function unstacked(
  context: GraphContext,
  value: Value,
  { stack, place }: StackedPlace,
): Value {
  const here = value.shape.map((_, axis) => axisAffine(axis));
  const body = context.load(stack, stackedIndex(value, here, place));
  return context.compute({ parallel: value.shape, body }).values[0]!;
}

const isPlace = (found: StackedPlace | Value | undefined): found is StackedPlace =>
  found !== undefined && "stack" in found;

class Copier {
  readonly #context: GraphContext;
  readonly #options: CopyOptions;
  /** By the loops that nodes leave, what their steps become. */
  readonly #steps: Map<number, Affine>;
  readonly #copies = new Map<Value, Value>();
  /** How many loops are being copied. */
  #depth = 0;
  readonly #affine = (a: Affine): Affine => substituteSteps(a, (loop) => this.#steps.get(loop));
  readonly #condition = (c: Condition): Condition => mapCondition(c, this.#affine);

  constructor(context: GraphContext, options: CopyOptions) {
    this.#context = context;
    this.#options = options;
    this.#steps = new Map([[options.loop, options.step]]);
  }

  copy(value: Value): Value {
    const { node } = value;
    if (![...node.loops].some((loop) => this.#steps.has(loop))) return value;
    const known = this.#copies.get(value);
    if (known !== undefined) return known;
    const found = this.#options.replace(value);
    if (found !== undefined) {
      const copy = isPlace(found) ? unstacked(this.#context, value, found) : found;
      this.#copies.set(value, copy);
      return copy;
    }
    const values = this.#copyNode(node, value);
    node.values.forEach((old, i) => {
      this.#copies.set(old, values[i]!);
    });
    return values[value.result]!;
  }

  #copyNode(node: Node, value: Value): readonly Value[] {
    const context = this.#context;
    switch (node.kind) {
      case "leaf":
        return [value];
      case "call":
        return this.#copyCall(node);
      case "scan":
        return this.copyScan(node).values;
      case "scatter": {
        const { parallel, shape, index, body } = node;
        const map = this.#mapper();
        const copy = context.scatter({ parallel, shape, index: index.map(map), body: map(body) });
        context.inheritOrigins(copy, node);
        return copy.values;
      }
      case "compute": {
        const { parallel, reduction, where, reducer, body } = node;
        const copy = context.compute({
          parallel,
          reduction,
          where: this.#condition(where),
          reducer,
          body: this.#mapper()(body),
        });
        context.inheritOrigins(copy, node);
        return copy.values;
      }
    }
  }

  #mapper(): (body: Scalar) => Scalar {
    const context = this.#context;
    return scalarMapper(context, {
      affine: this.#affine,
      condition: this.#condition,
      load: ({ value, index, guard }) => {
        const found = this.#replacement(value);
        if (!isPlace(found)) return context.load(found, index, guard);
        return context.load(found.stack, stackedIndex(value, index, found.place), guard);
      },
      gather: ({ value, index }) => {
        const found = this.#replacement(value);
        if (!isPlace(found)) return context.gather(found, index);
        return context.gather(found.stack, stackedIndex(value, index, context.index(found.place)));
      },
    });
  }

  /** Loads read stacks where they are, without a node between. */
  #replacement(value: Value): StackedPlace | Value {
    const found = this.#options.replace(value);
    const isDirect = this.#depth === 0 || this.#options.keepsSlices !== true;
    return isPlace(found) && isDirect ? found : this.copy(value);
  }

  #copyCall({ primal, inputs, cotangents, gradients }: Call): readonly Value[] {
    const all = (values: readonly Value[]) => values.map((value) => this.copy(value));
    if (this.#options.keepsCalls !== true) return all(primal);
    const parts = { primal: all(primal), inputs: all(inputs), gradients: all(gradients) };
    return this.#context.callNode({ ...parts, cotangents }).values;
  }

  copyScan(scan: Scan): Scan {
    const context = this.#context;
    const { length, carries, stacks, recompute } = scan;
    const loop = context.newLoop();
    this.#steps.set(scan.loop, stepAffine(loop, length));
    const inits = carries.map(({ init }) => this.copy(init));
    const leaves = carries.map(({ leaf }, i) => {
      const copy = context.carry(loop, i, leaf.dtype, leaf.shape);
      this.#copies.set(leaf, copy);
      return copy;
    });
    this.#depth++;
    const copy = context.scan({
      loop,
      length,
      recompute,
      carries: carries.map(({ next }, i) => ({
        leaf: leaves[i]!,
        init: inits[i]!,
        next: this.copy(next),
      })),
      stacks: stacks.map(({ value, place }) => ({
        value: this.copy(value),
        place: this.#affine(place),
      })),
    });
    this.#depth--;
    context.inheritOrigins(copy, scan);
    return copy;
  }
}
