/**
 * Identifiers from the model's names, for generated code: `dense_1_kernel`, `dense_1`, `relu_gradient`. They
 * are hints; whoever prints makes them unique.
 */

import type { GraphContext } from "../graph/context.ts";
import type { Leaf, Node, Value } from "../graph/node.ts";
import { identifier } from "../kernel/block-builder.ts";
import type { Group } from "../optimize/group.ts";

/** A value's name: a leaf's path within the model, or what the layer or function that made it is called. */
export function valueName(context: GraphContext, { node, result }: Value): string {
  if (node.kind === "leaf") {
    const path = withoutModel(node.path);
    return node.role === "scalar" ? `step_scalar_${path}` : identifier(path);
  }
  const part = result === 0 ? "" : `_${result + 1}`;
  const [origin] = context.origins(node);
  if (origin === undefined) return `${operationName(node)}${part}`;
  const path = withoutModel(origin.path);
  const label = identifier(origin.label);
  const isSame = path === "" || path.toLowerCase().endsWith(label.toLowerCase());
  const base = path === "" ? label : isSame ? identifier(path) : `${identifier(path)}_${label}`;
  const direction = origin.backward ? "_gradient" : "";
  return `${base}${direction}${part}`.toLowerCase();
}

/** What a node does, where nothing in the model is known to have made it. */
function operationName(node: Exclude<Node, Leaf>): string {
  if (node.kind !== "compute") return node.kind;
  const { reducer, body } = node;
  if (reducer !== null) return reducer;
  return body.kind === "call" ? body.fn : body.kind;
}

/**
 * A kernel's name, or undefined where the values that it writes name it well enough: an update is called after
 * the optimizer and the param, `rmsprop_dense_kernel`.
 */
export function updateName(
  context: GraphContext,
  { writes }: Group,
  stored: ReadonlyMap<Value, Value>,
): string | undefined {
  for (const value of writes) {
    const target = stored.get(value);
    if (target?.node.kind !== "leaf" || target.node.role !== "param") continue;
    const [origin] = context.origins(value.node);
    const optimizer = origin === undefined ? "update" : identifier(origin.label);
    return `${optimizer}_${valueName(context, target)}`.toLowerCase();
  }
  return undefined;
}

/** `Digits/dense_1/kernel` without its first part, if it has several. */
function withoutModel(path: string): string {
  const slash = path.indexOf("/");
  return slash < 0 ? path : path.slice(slash + 1);
}

/** Names that no kernel may take: C's <math.h>, which the kernels include, declares them. */
export const libraryFunctions: readonly string[] = (
  "acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh div drem erf erfc exp exp10 exp2 expm1 " +
  "fabs fdim finite floor fma fmax fmin fmod frexp gamma hypot ilogb isinf isnan j0 j1 jn ldexp lgamma " +
  "llrint llround log log10 log1p log2 logb lrint lround modf nan nearbyint nextafter nexttoward pow " +
  "remainder remquo rint round roundeven scalb scalbln scalbn signbit significand sin sincos sinh sqrt tan " +
  "tanh tgamma trunc y0 y1 yn"
).split(" ");
