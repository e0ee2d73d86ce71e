/** Index notation with axes of a rule's own names, which no value of a program has. */

import type { NodeCall, Value } from "./rule.ts";

/** `name[n < 4, c < 5] = body`; the type is f32 unless it is given. */
export function notation(
  call: NodeCall,
  axes: readonly string[],
  shape: readonly number[],
  body: string,
  dtype?: Value["dtype"],
): Value {
  return call.indexed(shape, () => body, dtype, axes);
}
