/**
 * Which values of a loop its derivative reads from stacks, and which it computes again from those: a cheapest cut between
 * what only the loop itself can compute and what the derivative reads, as in Jain et al., "Checkmate" (2020). A value is
 * saved at the price of a pass over memory, or computed again at that of its operations.
 *
 *     z = …; i = sigmoid(z)      di reads i · (1 − i)      i is saved, and z is not
 */

import { visitScalars } from "../graph/context.ts";
import { elementsAt } from "../graph/extent.ts";
import { minimumCut, numberValues } from "../graph/minimum-cut.ts";
import type { Node, Scan, Value } from "../graph/node.ts";
import { scalarCost } from "../graph/scalar-cost.ts";

/** Operations on an element that take as long as to write and read it. */
const passOperations = 8;

export interface SavedValues {
  /** What the derivative reads of the loop's values. */
  readonly wanted: readonly Value[];
  readonly isStacked: (value: Value) => boolean;
  readonly batchMax: number;
}

/** The values to read from their stacks; all others that are wanted follow from those. */
export function chooseSaved(
  scan: Scan,
  { wanted, isStacked, batchMax }: SavedValues,
): ReadonlySet<Value> {
  const { values, edges, sinks } = numberValues(wanted, (value) => operandsOf(value, scan));
  const elements = values.map(({ shape }) => elementsAt(shape, batchMax));
  const costs = values.map((value, at) =>
    isStacked(value) ? passOperations * elements[at]! : Number.POSITIVE_INFINITY,
  );
  const again = values.map((value, at) =>
    canComputeAgain(value) ? operationsOf(value) * elements[at]! : 0,
  );
  const sources = values.flatMap((value, at) => (canComputeAgain(value) ? [] : [at]));
  const cut = minimumCut({ costs, edges, sources, sinks, again });
  return new Set([...cut].map((at) => values[at]!));
}

/** Whether a value follows from others without a carry, a reduction or a loop. */
export function canComputeAgain({ node }: Value): boolean {
  return node.kind === "call" || (node.kind === "compute" && node.reducer === null);
}

/** What of the loop a value that can be computed again is computed from. */
function operandsOf(value: Value, { loop }: Scan): readonly Value[] {
  const { node } = value;
  if (!canComputeAgain(value) || node.kind === "leaf") return [];
  const operands = node.kind === "call" ? [node.primal[value.result]!] : node.operands;
  return operands.filter((operand) => operand.node.loops.has(loop));
}

/** Operations on an element; random numbers are never stored. */
function operationsOf({ node }: Value): number {
  if (node.kind !== "compute") return 0;
  let isRandom = false;
  visitScalars(node.body, ({ kind }) => {
    if (kind === "random") isRandom = true;
  });
  return isRandom ? 0 : scalarCost(node.body);
}

/** The values of a loop that others, which are made of them, read. */
export function readsOf(scan: Scan, roots: readonly Value[]): readonly Value[] {
  const own = new Set<Node>([...scan.nodes, ...scan.carries.map(({ leaf }) => leaf.node)]);
  const read = new Set<Value>();
  const seen = new Set<Value>();
  const pending = [...roots];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (seen.has(value) || !value.node.loops.has(scan.loop)) continue;
    seen.add(value);
    const { node } = value;
    if (own.has(node)) read.add(value);
    else if (node.kind !== "leaf") pending.push(...node.operands);
  }
  return [...read];
}
