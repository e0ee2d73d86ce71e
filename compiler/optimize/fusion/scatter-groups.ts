/**
 * The kernels of a scatter. Rows of the source that go to one place are linked in reading order; then each first one
 * adds up all of its place, so that sums have the same bits however many threads there are, and cost no more than the
 * source has rows.
 */

import { bareAxis } from "../../graph/affine.ts";
import { elementsAt, sameExtent } from "../../graph/extent.ts";
import type { Compute, Scatter, Value } from "../../graph/node.ts";
import type { Group, Numbers, ScatterLayout, ScatterPart, Scope } from "../group.ts";
import { scalarAxes } from "../rules/node-rule.ts";
import type { TargetDescription } from "../target-description.ts";

/** A group before it has a number among the others. */
export type Unnumbered = Omit<Group, "index" | "apart">;

/** An axis that a dimension of the result runs through, and nothing else depends on, makes no rows. */
function scatterLayout({ parallel, shape, index }: Scatter): ScatterLayout {
  const uses = parallel.map(() => 0);
  for (const scalar of index) for (const axis of scalarAxes(scalar)) uses[axis]!++;
  const dense = index.flatMap((scalar, dimension) => {
    const axis = scalar.kind === "index" ? bareAxis(scalar.index) : undefined;
    const isDense =
      axis !== undefined && uses[axis] === 1 && sameExtent(parallel[axis]!, shape[dimension]!);
    return isDense ? [{ dimension, axis }] : [];
  });
  return {
    dense,
    rowAxes: parallel.map((_, axis) => axis).filter((a) => !dense.some(({ axis }) => axis === a)),
    places: shape.map((_, d) => d).filter((d) => !dense.some(({ dimension }) => dimension === d)),
  };
}

/** `updates` are maps on the sums alone, for which places that no row goes to need no sum. */
export function scatterGroups(
  node: Scatter,
  updates: readonly Compute[],
  isGlobal: (value: Value) => boolean,
  batchMax: number,
  { workgroup }: Pick<TargetDescription, "workgroup">,
): Unnumbered[] {
  const layout = scatterLayout(node);
  const rows = elementsAt(
    layout.rowAxes.map((axis) => node.parallel[axis]!),
    batchMax,
  );
  const keys = elementsAt(
    layout.places.map((dimension) => node.shape[dimension]!),
    batchMax,
  );
  const numbers = (name: string, elements = rows): Numbers => ({ name, dtype: "i32", elements });
  const memory = {
    keys: numbers("keys"),
    next: numbers("next"),
    counts: numbers("counts"),
    first: numbers("first"),
    last: numbers("last", keys),
  };
  const [result] = node.values;
  const made = [result, ...updates.flatMap(({ values }) => values)];
  const isDense = updates.length === 0;
  const scopes = new Map<Value, Scope>(
    made.map((value) => [value, isDense || isGlobal(value) ? "global" : "register"]),
  );
  const reads = [...node.operands, ...updates.flatMap(({ operands }) => operands)];
  const group = (part: ScatterPart): Unnumbered => ({
    kind: "scatter",
    tileSpace: [],
    stages: part === "sums" ? updates : [],
    scatter: { part, node, layout, memory },
    scopes: part === "sums" || part === "zeros" ? scopes : new Map(),
    reads: part === "zeros" ? [] : [...new Set(reads)].filter((value) => !made.includes(value)),
    writes:
      part === "sums" || part === "zeros"
        ? made.filter((value) => scopes.get(value) === "global")
        : [],
    saved: { values: 0, bytes: 0 },
  });
  const parts: readonly ScatterPart[] =
    workgroup === null ? ["zeros", "links", "sums"] : ["keys", "zeros", "links", "sums"];
  return parts.filter((part) => isDense || part !== "zeros").map(group);
}
