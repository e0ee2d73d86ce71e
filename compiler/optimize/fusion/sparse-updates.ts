/**
 * Updates by a gradient that is a scatter alone, which leave what they update as it is where the gradient is 0: they are
 * computed where something was added, by the kernels of the scatter, and the gradient is never in memory. A step then
 * costs by the rows that it reads, not by those that there are.
 *
 * Whether an update is one follows from its formula with 0 for the gradient, by the rules below: they take step scalars,
 * weights and what optimizers keep to be finite, as a sum with 0 times them is their update as well.
 */

import type { GraphContext } from "../../graph/context.ts";
import { gathersOf, loadsOf, operandsOf } from "../../graph/context.ts";
import { sameShape } from "../../graph/extent.ts";
import type { Compute, LoadScalar, Scalar, Scatter, Value } from "../../graph/node.ts";
import { scalarFunctions } from "../../graph/scalar-functions.ts";
import { identityIndex, type Work } from "./copies.ts";
import type { Order } from "./order.ts";
import { isIdentity } from "./places.ts";

export interface SparseOptions {
  readonly order: Order;
  readonly stored: ReadonlyMap<Value, Value>;
  /** Values that must be in memory at the end of the step. */
  readonly kept: ReadonlySet<Value>;
  readonly readersOf: (value: Value) => readonly Work[];
}

/** The updates of each scatter that has such, in the order of nodes. */
export function sparseUpdates(
  context: GraphContext,
  options: SparseOptions,
): ReadonlyMap<Scatter, readonly Compute[]> {
  const found = new Map<Scatter, readonly Compute[]>();
  const together = new Map<Work, readonly Work[]>();
  for (const node of options.order.nodes) {
    if (node.kind !== "scatter") continue;
    const updates = updatesOf(node, options);
    if (updates === undefined || !areUnchanged(context, node, updates, options)) continue;
    const all = [node, ...updates];
    if (!isConvex(all, options.order, together)) continue;
    for (const each of all) together.set(each, all);
    found.set(node, updates);
  }
  return found;
}

/** All that is made of a scatter's result, if it is maps of its elements that read leaves beside it and are stored. */
function updatesOf(
  scatter: Scatter,
  { order, stored, kept, readersOf }: SparseOptions,
): readonly Compute[] | undefined {
  const [result] = scatter.values;
  if (kept.has(result)) return undefined;
  const inside = new Set<Work>();
  const pending: Value[] = [result];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    for (const reader of readersOf(value)) {
      if (inside.has(reader)) continue;
      inside.add(reader);
      pending.push(...reader.values);
    }
  }
  const updates = order.nodes.filter((node) => inside.has(node));
  const made = new Set([result, ...updates.flatMap(({ values }) => values)]);
  const targets = updates.flatMap(({ values: [value] }) => stored.get(value!) ?? []);
  const isUpdate = (node: Work): node is Compute => {
    if (node.kind !== "compute" || node.reducer !== null) return false;
    const [value] = node.values;
    const isStored = stored.get(value!)?.node.kind === "leaf";
    return (
      sameShape(node.parallel, result.shape) &&
      (isStored || !kept.has(value!)) &&
      gathersOf(node.body).length === 0 &&
      loadsOf(node.body).every(
        (load) =>
          (made.has(load.value) || load.value.node.kind === "leaf") &&
          (load.value.shape.length === 0 || isWhole(load)),
      )
    );
  };
  const isOwn = targets.every((target) => readsOwnPlaces(scatter, target));
  return targets.length > 0 && isOwn && updates.every(isUpdate) ? updates : undefined;
}

/** Whether a scatter reads what is overwritten at no other places than those where it adds: then only before. */
function readsOwnPlaces({ index, body }: Scatter, target: Value): boolean {
  const reads = (scalar: Scalar) => operandsOf(scalar).includes(target);
  return (
    !index.some(reads) &&
    loadsOf(body).every(({ value }) => value !== target) &&
    gathersOf(body).every(
      (gather) => gather.value !== target || gather.index.every((at, d) => at === index[d]),
    )
  );
}

function isWhole(load: LoadScalar): boolean {
  return load.guard.kind === "true" && isIdentity(load);
}

/** Whether every stored value is the old one where the scatter adds nothing. */
function areUnchanged(
  context: GraphContext,
  { values: [result] }: Scatter,
  updates: readonly Compute[],
  { stored }: SparseOptions,
): boolean {
  const zero = context.constant(0, result.dtype);
  const known = new Map<Value, Scalar>([[result, zero]]);
  return updates.every(({ body, values: [value] }) => {
    const without = atZero(context, body, known);
    known.set(value!, without);
    const target = stored.get(value!);
    if (target === undefined) return true;
    return without === context.load(target, identityIndex(target.shape.length));
  });
}

/** A body where the values that are known are what they are known to be, simplified by what holds of zeros. */
function atZero(context: GraphContext, body: Scalar, known: ReadonlyMap<Value, Scalar>): Scalar {
  const visited = new Map<Scalar, Scalar>();
  const visit = (scalar: Scalar): Scalar => {
    const before = visited.get(scalar);
    if (before !== undefined) return before;
    const value = evaluate(scalar);
    visited.set(scalar, value);
    return value;
  };
  const evaluate = (scalar: Scalar): Scalar => {
    if (scalar.kind === "load") return known.get(scalar.value) ?? scalar;
    if (scalar.kind === "cast") {
      const of = visit(scalar.of);
      return isZero(of) ? context.constant(0, scalar.dtype) : context.cast(of, scalar.dtype);
    }
    if (scalar.kind !== "call") return scalar;
    const args = scalar.args.map(visit);
    return zeroCall(context, scalar, args) ?? context.call(scalar.fn, ...args);
  };
  return visit(body);
}

const isZero = (scalar: Scalar): boolean => scalar.kind === "constant" && scalar.value === 0;

/** What a call with zeros among its arguments comes to, if that is simpler. */
function zeroCall(
  context: GraphContext,
  { fn, dtype }: Extract<Scalar, { kind: "call" }>,
  args: readonly Scalar[],
): Scalar | undefined {
  const [a, b, c] = args as [Scalar, Scalar, Scalar];
  if (args.every((arg) => arg.kind === "constant")) {
    const numbers = args.map((arg) => (arg.kind === "constant" ? arg.value : Number.NaN));
    const row = scalarFunctions[fn];
    if (dtype !== "i32") return context.constant(row.evaluate(...numbers), dtype);
  }
  switch (fn) {
    case "add":
      return isZero(a) ? b : isZero(b) ? a : undefined;
    case "subtract":
      return isZero(b) ? a : undefined;
    case "multiply":
      return isZero(a) || isZero(b) ? context.constant(0, dtype) : undefined;
    case "divide":
      return isZero(a) ? context.constant(0, dtype) : undefined;
    case "fma":
      return isZero(a) || isZero(b) ? c : undefined;
    case "select":
      return a.kind === "constant" ? (a.value !== 0 ? b : c) : b === c ? b : undefined;
    default:
      return undefined;
  }
}

/** Whether no path leaves nodes and comes back, where those in `together` are one already. */
function isConvex(
  nodes: readonly Work[],
  { nodes: all, successors }: Order,
  together: ReadonlyMap<Work, readonly Work[]>,
): boolean {
  const number = new Map(all.map((node, i) => [node, i]));
  const inside = new Set(nodes);
  const seen = new Set<Work>();
  const next = (node: Work) => [...successors[number.get(node)!]!].map((i) => all[i]!);
  const pending = nodes.flatMap(next).filter((node) => !inside.has(node));
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (inside.has(node)) return false;
    if (seen.has(node)) continue;
    for (const each of together.get(node) ?? [node]) {
      seen.add(each);
      pending.push(...next(each));
    }
  }
  return true;
}
