/**
 * Identifiers from the model's names, for generated code: `dense_1_kernel`, `dense_1`, `relu_gradient`. They
 * are hints; whoever prints makes them unique.
 */

import type { GraphContext } from "../graph/context.ts";
import type { Value } from "../graph/node.ts";
import { identifier } from "../kernel/block-builder.ts";

/** A value's name: a leaf's path within the model, or what the layer or function that made it is called. */
export function valueName(context: GraphContext, { node, result }: Value): string {
  if (node.kind === "leaf") {
    const path = withoutModel(node.path);
    return node.role === "scalar" ? `step_scalar_${path}` : identifier(path);
  }
  const [origin] = context.origins(node);
  if (origin === undefined) return `v${node.id}`;
  const path = withoutModel(origin.path);
  const label = identifier(origin.label);
  const isSame = path === "" || path.toLowerCase().endsWith(label.toLowerCase());
  const base = path === "" ? label : isSame ? identifier(path) : `${identifier(path)}_${label}`;
  const direction = origin.backward ? "_gradient" : "";
  const part = result === 0 ? "" : `_${result + 1}`;
  return `${base}${direction}${part}`.toLowerCase();
}

/** `Digits/dense_1/kernel` without its first part, if it has several. */
function withoutModel(path: string): string {
  const slash = path.indexOf("/");
  return slash < 0 ? path : path.slice(slash + 1);
}
