/**
 * What a kernel computes, in the model's words, for `explain`: the layers, functions and metrics that its stages
 * come from, and of each what it does there: `dense_1: matmul, bias, softmax`.
 */

import type { GraphContext } from "../graph/context.ts";
import { classifyContraction } from "../graph/contraction.ts";
import type { Compute, Leaf, Scalar, Scatter, Value } from "../graph/node.ts";
import { scalarFunctions } from "../graph/scalar-functions.ts";
import type { Group, ScatterPart } from "../optimize/group.ts";

/** One line for each owner of consecutive stages. `stored` says which values take the place of params and states. */
export function describeGroup(
  context: GraphContext,
  { stages, scatter }: Group,
  stored: ReadonlyMap<Value, Value>,
): string[] {
  const runs: { owner: string; parts: Set<string> }[] = [];
  for (const stage of [...(scatter === null ? [] : [scatter.node]), ...stages]) {
    const owner = ownerOf(context, stage);
    const part =
      stage.kind === "scatter" ? scatterParts[scatter!.part] : partOf(context, stage, stored);
    const last = runs.at(-1);
    if (last?.owner === owner) last.parts.add(part);
    else runs.push({ owner, parts: new Set([part]) });
  }
  return runs.map(({ owner, parts }) => `${owner}: ${[...parts].join(", ")}`);
}

const scatterParts: { readonly [P in ScatterPart]: string } = {
  keys: "places",
  zeros: "zeros",
  links: "rows of one place",
  sums: "sums by place",
};

/** The layer by its path within the model, or else the function, metric or binding. */
function ownerOf(context: GraphContext, stage: Compute | Scatter): string {
  const [origin] = context.origins(stage);
  if (origin === undefined) return "step";
  const { path, label, backward } = origin;
  const slash = path.indexOf("/");
  const owner = slash < 0 ? label : path.slice(slash + 1);
  return backward ? `gradient of ${owner}` : owner;
}

/**
 * What a stage is to its owner: the state that it gives a new value, the function it belongs to, or what it does
 * by its structure alone.
 */
function partOf(context: GraphContext, stage: Compute, stored: ReadonlyMap<Value, Value>): string {
  for (const value of stage.values) {
    const target = stored.get(value)?.node;
    if (target?.kind === "leaf") return `new ${lastName(target)}`;
  }
  if (classifyContraction(stage) !== null) return "matmul";
  const [origin] = context.origins(stage);
  if (origin?.part !== undefined) return origin.part;
  if (stage.reducer !== null) return stage.reducer;
  return mapPart(stage.body);
}

function mapPart(body: Scalar): string {
  switch (body.kind) {
    case "call": {
      const param = body.args.find(isParam);
      // x + bias, x * gamma
      if (param?.kind === "load") return lastName(param.value.node as Leaf);
      return (
        scalarFunctions[body.fn].builtin ?? body.fn.replace(/[A-Z]/g, (c) => ` ${c.toLowerCase()}`)
      );
    }
    case "load":
      return "copy";
    case "cast":
      return body.of.kind === "load" ? "convert" : mapPart(body.of);
    case "random":
      return "random";
    default:
      return "fill";
  }
}

function isParam(scalar: Scalar): boolean {
  if (scalar.kind !== "load") return false;
  const { node } = scalar.value;
  return node.kind === "leaf" && node.role === "param";
}

function lastName({ role, path }: Leaf): string {
  if (role === "carry") return "carry";
  return path.slice(path.lastIndexOf("/") + 1);
}
