/**
 * Reverse-mode differentiation of scalar bodies, through the derivative rows of the table of functions. Where a
 * body is a product of loads its adjoints are bare products again, so that what was a contraction
 * stays one.
 */

import { type GraphContext, scalarChildren } from "../graph/context.ts";
import { isFloat } from "../graph/dtype.ts";
import type { GatherScalar, LoadScalar, Scalar } from "../graph/node.ts";
import { algebraOf, scalarFunctions } from "../graph/scalar-functions.ts";

/** What reads an element of an operand. */
export type Read = LoadScalar | GatherScalar;

/**
 * The adjoint of each active read: `seed`, the adjoint of the body, times the derivative of the body by the
 * read. `result`, if given, is a cheaper scalar with the body's value: the node's own result, loaded.
 */
export function adjointsOf(
  context: GraphContext,
  body: Scalar,
  seed: Scalar,
  isActive: (read: Read) => boolean,
  result: Scalar | null,
): ReadonlyMap<Read, Scalar> {
  const order = activeScalars(body, isActive);
  const active = new Set(order);
  const adjoints = new Map<Scalar, Scalar>();
  const reads = new Map<Read, Scalar>();
  const flow = (scalar: Scalar, adjoint: Scalar): void => {
    const known = adjoints.get(scalar);
    adjoints.set(scalar, known === undefined ? adjoint : plus(context, known, adjoint));
  };
  if (active.has(body)) flow(body, seed);
  for (const scalar of order.reverse()) {
    const adjoint = adjoints.get(scalar);
    if (adjoint === undefined || isConstant(adjoint, 0)) continue;
    if (scalar.kind === "load" || scalar.kind === "gather") reads.set(scalar, adjoint);
    else if (scalar.kind === "cast") flow(scalar.of, context.cast(adjoint, scalar.of.dtype));
    else if (scalar.kind === "call") {
      const { derivative } = scalarFunctions[scalar.fn];
      const value = scalar === body && result !== null ? result : scalar;
      const partials = derivative(algebraOf(context, scalar.dtype), scalar.args, value);
      scalar.args.forEach((arg, i) => {
        const partial = partials[i];
        if (partial !== null && partial !== undefined && active.has(arg)) {
          flow(arg, times(context, adjoint, partial));
        }
      });
    }
  }
  return reads;
}

/** Scalars through which a derivative flows to an active read, children before users. */
function activeScalars(body: Scalar, isActive: (read: Read) => boolean): Scalar[] {
  const order: Scalar[] = [];
  const known = new Map<Scalar, boolean>();
  const visit = (scalar: Scalar): boolean => {
    const before = known.get(scalar);
    if (before !== undefined) return before;
    // Integers and booleans are steps: nothing flows through them.
    let reaches = false;
    if (isFloat(scalar.dtype)) {
      reaches = (scalar.kind === "load" || scalar.kind === "gather") && isActive(scalar);
      for (const child of scalarChildren(scalar)) reaches = visit(child) || reaches;
    }
    known.set(scalar, reaches);
    if (reaches) order.push(scalar);
    return reaches;
  };
  visit(body);
  return order;
}

export function isConstant(scalar: Scalar, value: number): boolean {
  return scalar.kind === "constant" && scalar.value === value;
}

/** a + b, without zeros. */
export function plus(context: GraphContext, a: Scalar, b: Scalar): Scalar {
  if (isConstant(a, 0)) return b;
  if (isConstant(b, 0)) return a;
  return context.call("add", a, b);
}

/**
 * adjoint · partial. Choices between something and nothing are moved outwards, so that what is not chosen does
 * not turn 0 into NaN: the derivative of `select(x > 0, log(x), 0)` is 0 at 0, not 0 · infinity.
 */
export function times(context: GraphContext, adjoint: Scalar, partial: Scalar): Scalar {
  if (isConstant(partial, 0) || isConstant(adjoint, 1)) return partial;
  if (isConstant(adjoint, 0) || isConstant(partial, 1)) return adjoint;
  if (isConstant(partial, -1)) return context.call("negate", adjoint);
  for (const [choice, other] of [
    [partial, adjoint],
    [adjoint, partial],
  ] as const) {
    if (choice.kind !== "call" || choice.fn !== "select") continue;
    const [condition, a, b] = choice.args;
    if (!isConstant(a!, 0) && !isConstant(b!, 0)) continue;
    const branch = (of: Scalar) =>
      choice === partial ? times(context, other, of) : times(context, of, other);
    return context.call("select", condition!, branch(a!), branch(b!));
  }
  if (partial.kind === "call" && partial.fn === "negate") {
    return context.call("negate", times(context, adjoint, partial.args[0]!));
  }
  return context.call("multiply", adjoint, partial);
}
