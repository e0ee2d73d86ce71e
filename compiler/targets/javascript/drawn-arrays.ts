/**
 * Arrays that begin as random numbers: where each element of an array is made of the number drawn for its own index,
 * the numbers are drawn all at once, into the array itself.
 */

import { load } from "../../kernel/build.ts";
import type { Expression, Loop, Statement } from "../../kernel/ir.ts";
import { mapStatements, walkStatements } from "../../kernel/rewrite.ts";

export interface DrawnArray {
  readonly stream: string;
  /** The loop, which finds in each element the number that it would have drawn. */
  readonly loop: Loop;
}

/** Undefined unless the loop makes all of `array`, of one stream's numbers; `textOf` prints an expression. */
export function drawnArray(
  array: Statement & { readonly kind: "buffer" },
  loop: Loop,
  textOf: (e: Expression) => string,
): DrawnArray | undefined {
  const streams = new Set<string>();
  const indexes = new Set<string>();
  let stores = 0;
  let isSimple = array.dtype === "f32";
  walkStatements(
    [loop],
    (s) => {
      if (s.kind !== "store") return;
      stores++;
      indexes.add(textOf(s.place.index));
      if (s.place.buffer !== array.name || s.mask !== null) isSimple = false;
    },
    (e) => {
      if (e.kind === "load" && e.place.buffer === array.name) isSimple = false;
      if (e.kind !== "random") return;
      streams.add(e.stream);
      indexes.add(textOf(e.index));
    },
  );
  const [stream] = streams;
  if (!isSimple || stream === undefined) return undefined;
  if (streams.size !== 1 || stores !== 1 || indexes.size !== 1) return undefined;
  const [drawn] = mapStatements([loop], (e) =>
    e.kind === "random" ? load({ buffer: array.name, index: e.index, row: null }, e.type) : e,
  );
  return { stream, loop: drawn as Loop };
}
