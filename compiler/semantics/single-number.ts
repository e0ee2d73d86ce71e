/** What must be one number, losses, metrics and penalties, and what to do where it is something else. */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Value as GraphValue } from "../graph/node.ts";
import { convertTensor } from "./conversions.ts";
import { findName } from "./evaluate.ts";
import { type Environment, report } from "./session.ts";
import { scalarTensor } from "./tensors/scalar-tensor.ts";
import type { Checked } from "./types.ts";
import { describe, type Value } from "./values.ts";

/** The value as f32 of rank 0; reports anything else. */
export function singleNumber(
  env: Environment,
  value: Value,
  { what, span }: Checked,
): GraphValue | undefined {
  if (value.kind === "error") return undefined;
  const tensor = scalarTensor(env, value, "f32");
  if (tensor !== undefined && tensor.value.shape.length === 0) {
    return convertTensor(env, tensor, "f32").value;
  }
  const values = { what, found: describe(value), advice: advice(env, value) };
  report(env, diagnostics.notAScalar(span, values));
  return undefined;
}

/** A tensor has a mean; a function, or its name as Keras takes it, is to be called. */
function advice(env: Environment, value: Value): string | undefined {
  switch (value.kind) {
    case "list":
      return "several are written without brackets: `metrics a, b`";
    case "tensor":
      return "take the mean: `mean(…)`";
    case "function": {
      const { name, config, parameters } = value.declaration;
      const isBare = config !== null && value.config === null;
      const given = parameters.filter((parameter) => parameter.default === null);
      const list = given.map((parameter) => parameter.name.name).join(", ");
      return `call it: \`${name.name}${isBare ? "()" : ""}(${list})\``;
    }
    case "template": {
      const { declaration } = value;
      if (declaration.kind !== "metric") return undefined;
      const list = declaration.inputs.slice(0, 2).map((parameter) => parameter.name.name);
      return `call it: \`${declaration.name.name}()(${list.join(", ")})\``;
    }
    case "string": {
      const found = findName(value.value, env);
      return found === undefined || found.kind === "string" ? undefined : advice(env, found);
    }
    default:
      return undefined;
  }
}
