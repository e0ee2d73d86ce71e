/** Derivatives of the loss by values, as the contributions of their uses come in. */

import { axisAffine } from "../graph/affine.ts";
import { gradientsOfCall } from "../graph/calls.ts";
import type { GraphContext } from "../graph/context.ts";
import type { Compute, Node, Scalar, Value } from "../graph/node.ts";
import { loopContributions } from "./loop-derivative.ts";
import { type Contribution, contributionsOf, scatterContributions } from "./node-derivative.ts";

export class Adjoints {
  readonly #context: GraphContext;
  readonly #batchMax: number;
  readonly #contributions = new Map<Value, Value[]>();
  readonly #totals = new Map<Value, Value>();

  constructor(context: GraphContext, batchMax: number) {
    this.#context = context;
    this.#batchMax = batchMax;
  }

  contribute({ operand, value }: Contribution): void {
    const parts = this.#contributions.get(operand);
    if (parts === undefined) this.#contributions.set(operand, [value]);
    else parts.push(value);
  }

  /** Values with contributions, in the order in which they first got one. */
  get values(): readonly Value[] {
    return [...this.#contributions.keys()];
  }

  /** The sum of the contributions, all of which came in; null without any. */
  of(value: Value): Value | null {
    const known = this.#totals.get(value);
    if (known !== undefined) return known;
    const parts = this.#contributions.get(value);
    if (parts === undefined) return null;
    const total = this.#sum(value.node, parts);
    this.#totals.set(value, total);
    return total;
  }

  ofAll(values: readonly Value[], isActive: (value: Value) => boolean): (Value | null)[] {
    return values.map((value) => (isActive(value) ? this.of(value) : null));
  }

  /** What the node passes on from its results to its active operands. */
  passThrough(node: Node, isActive: (value: Value) => boolean): void {
    if (node.kind === "leaf") return;
    this.pass(node, this.ofAll(node.values, isActive), isActive);
  }

  /** The same from given derivatives by its results. */
  pass(
    node: Exclude<Node, { kind: "leaf" }>,
    cotangents: readonly (Value | null)[],
    isActive: (value: Value) => boolean,
  ): void {
    if (cotangents.every((cotangent) => cotangent === null)) return;
    for (const part of this.#parts(node, cotangents, isActive)) this.contribute(part);
  }

  #parts(
    node: Exclude<Node, { kind: "leaf" }>,
    cotangents: readonly (Value | null)[],
    isActive: (value: Value) => boolean,
  ): readonly Contribution[] {
    const [context, batchMax] = [this.#context, this.#batchMax];
    switch (node.kind) {
      case "compute":
        return contributionsOf(context, node, cotangents, isActive, batchMax);
      case "scatter":
        return scatterContributions(context, node, cotangents[0]!, isActive, batchMax);
      case "scan":
        return loopContributions(context, node, cotangents, isActive, batchMax);
      case "call": {
        const given = (result: number, leaf: Value) => cotangents[result] ?? zeros(context, leaf);
        return gradientsOfCall(context, node, given, batchMax)
          .map((value, i) => ({ operand: node.inputs[i]!, value }))
          .filter(({ operand }) => isActive(operand));
      }
    }
  }

  /** The sum of the contributions of a value's uses, in the order in which they were met. */
  #sum(source: Node, parts: readonly Value[]): Value {
    const context = this.#context;
    const [first] = parts;
    if (parts.length === 1) return first!;
    const place = first!.shape.map((_, axis) => axisAffine(axis));
    const body = parts
      .map<Scalar>((part) => context.load(part, place))
      .reduce((sum, part) => context.call("add", sum, part));
    const total: Compute = context.compute({ parallel: first!.shape, body });
    context.inheritOrigins(total, source, true);
    return total.values[0]!;
  }
}

export function zeros(context: GraphContext, { shape, dtype }: Value): Value {
  return context.compute({ parallel: shape, body: context.constant(0, dtype) }).values[0]!;
}
