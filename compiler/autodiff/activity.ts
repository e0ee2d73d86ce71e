/** Which values depend on those by which a loss is differentiated. */

import { isFloat } from "../graph/dtype.ts";
import type { Node, Scan, Value } from "../graph/node.ts";

/** The float values that depend on a wanted one, which are the only ones with a derivative to compute. */
export function activeValues(nodes: readonly Node[], wanted: Iterable<Value>): ReadonlySet<Value> {
  const active = new Set(wanted);
  const isActive = (value: Value) => active.has(value);
  for (const node of nodes) {
    if (node.kind === "leaf") continue;
    if (node.kind === "scan") {
      const inside = activeInLoop(node, isActive);
      const ends = [...node.carries.map(({ leaf }) => leaf), ...node.stacks.map((s) => s.value)];
      node.values.forEach((value, i) => {
        if (inside.has(ends[i]!) || isActive(ends[i]!)) active.add(value);
      });
      continue;
    }
    const read = node.kind === "call" ? node.inputs : node.operands;
    if (!read.some(isActive)) continue;
    for (const value of node.values) if (isFloat(value.dtype)) active.add(value);
  }
  return active;
}

/** The active values of a loop's body, carries among them. */
export function activeInLoop(
  { carries, nodes }: Scan,
  isActive: (value: Value) => boolean,
): ReadonlySet<Value> {
  const outside = new Set<Value>();
  for (const node of nodes) {
    if (node.kind === "leaf") continue;
    for (const value of node.operands) if (isActive(value)) outside.add(value);
  }
  const active = new Set(carries.flatMap(({ leaf, init }) => (isActive(init) ? [leaf] : [])));
  for (;;) {
    const inside = activeValues(nodes, [...outside, ...active]);
    const more = carries.filter(
      ({ leaf, next }) => !active.has(leaf) && (inside.has(next) || isActive(next)),
    );
    if (more.length === 0) {
      return new Set([...inside].filter((value) => active.has(value) || !outside.has(value)));
    }
    for (const { leaf } of more) active.add(leaf);
  }
}
