/** Index notation with axes of a rule's own names, which no value of a program has. */

import { notation as inWords } from "../case-rules.ts";
import type { NodeCall, Value } from "./rule.ts";

/** `name[n < 4, c < 5] = body`. */
export function notation(
  call: NodeCall,
  axes: readonly string[],
  shape: readonly number[],
  body: string,
  dtype: Value["dtype"] = "f32",
): Value {
  const [name] = call.fresh(1) as [string];
  call.state(inWords(name, axes, shape, body), [name]);
  return { dtype, shape, expression: name };
}
