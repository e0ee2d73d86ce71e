/** `h.all` and `h.last`: what the names of a loop's body are after it; `layer.units`: a layer's arguments. */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import { nearest } from "../diagnostics/nearest.ts";
import { constantAffine, substituteSteps, zeroAffine } from "../graph/affine.ts";
import { stackedAxis } from "../graph/extent.ts";
import type { Value as GraphValue } from "../graph/node.ts";
import type { MemberExpression } from "../syntax/ast.ts";
import { findName, lookUp } from "./evaluate.ts";
import { argumentOf } from "./layer-copies.ts";
import type { LoopName } from "./scope.ts";
import { type Environment, type LoopFrame, report } from "./session.ts";
import { holdsTensors, mapTensors } from "./tensor-lists.ts";
import { type SlicePart, slice } from "./tensors/layout.ts";
import { describe, errorValue, tensorValue, type Value } from "./values.ts";

const members = ["all", "last"];

export function evaluateMember(
  { object, member, span }: MemberExpression,
  env: Environment,
): Value {
  const { name } = object;
  const of = env.scope.loopName(name);
  if (of === undefined) {
    const bound = env.scope.get(name)?.value ?? lookUp(object, env, member.name);
    if (bound.kind === "error") return errorValue;
    if (bound.kind === "instance") return argumentOf(bound.instance, member, env);
    if (bound.kind === "layer") {
      const expected = "a layer that was made, with its arguments";
      const values = { what: `\`${name}\``, expected, found: describe(bound) };
      return report(env, diagnostics.wrongType(object.span, values));
    }
    const isFunction = findName(member.name, env)?.kind === "builtin";
    const call = isFunction ? `${member.name}(${name})` : undefined;
    return report(env, diagnostics.noNameOfLoop(object.span, { name, call }));
  }
  if (!members.includes(member.name)) {
    const values = { name: member.name, nearest: nearest(member.name, members) };
    return report(env, diagnostics.unknownMember(member.span, values));
  }
  if (of.all === null) {
    return report(env, diagnostics.unstackedName(span, { name, found: describe(of.last()) }));
  }
  return member.name === "all" ? of.all : of.last();
}

/** What the loop made of `value`, a name's in the body; `last` where it was carried. */
export function loopNameOf(
  value: Value,
  stacked: (tensor: GraphValue) => GraphValue,
  frame: LoopFrame,
  env: Environment,
  last: Value | undefined,
): LoopName {
  if (!holdsTensors(value)) return { all: null, last: () => value };
  const all = mapTensors(value, (tensor) => {
    const at = stackedAxis(tensor.value.shape);
    const sources = [...tensor.sources.slice(0, at), null, ...tensor.sources.slice(at)];
    return tensorValue(stacked(tensor.value), sources);
  });
  const lastOf = () =>
    mapTensors(value, (tensor) =>
      tensorValue(lastPlace(stacked(tensor.value), tensor.value, frame, env), tensor.sources),
    );
  return { all, last: () => last ?? lastOf() };
}

/** The slice of the stack that the last iteration filled. */
function lastPlace(
  stack: GraphValue,
  { shape }: GraphValue,
  { place, length }: LoopFrame,
  env: Environment,
): GraphValue {
  const index = substituteSteps(place, () => constantAffine(length - 1));
  const parts: SlicePart[] = shape.map((extent) => ({
    kind: "range",
    start: zeroAffine,
    step: 1,
    extent,
  }));
  parts.splice(stackedAxis(shape), 0, { kind: "at", index });
  return slice(env.session.context, stack, parts);
}
