/** Accesses to vectors as one access for each of their elements, for memory that is not read and written by vectors. */

import { BlockBuilder } from "../kernel/block-builder.ts";
import { add, constant, join, lane, load, store, vectorOf } from "../kernel/build.ts";
import type { Expression, Kernel, LoadExpression, Place, Statement } from "../kernel/ir.ts";
import { namesIn } from "./legal-names.ts";

export type Store = Statement & { readonly kind: "store" };

/** Hands out names that the kernel does not have. */
export function builderBeside({ parameters, body }: Kernel): BlockBuilder {
  const builder = new BlockBuilder();
  for (const name of [...parameters.map((p) => p.name), ...namesIn(body)]) builder.name(name);
  return builder;
}

/** Where one lane of an access lies. */
function placeOfLane({ buffer, index, row }: Place, number: number): Place {
  return {
    buffer,
    index: index.type.lanes === 1 ? add(index, constant(number)) : lane(index, number),
    row: row === null || row.type.lanes === 1 ? row : lane(row, number),
  };
}

function maskOfLane(mask: Expression | null, number: number): Expression | null {
  return mask === null || mask.type.lanes === 1 ? mask : lane(mask, number);
}

export function loadElements({ type, place, mask, active }: LoadExpression): Expression {
  const single = vectorOf(type.dtype, 1);
  return join(
    Array.from({ length: type.lanes }, (_, i) =>
      i < active
        ? load(placeOfLane(place, i), single, { mask: maskOfLane(mask, i) })
        : constant(0, type.dtype),
    ),
  );
}

/** What is stored, and where, is computed once, under names that `names` gives; single values stay as they are. */
export function storeElements(s: Store, names: BlockBuilder): Statement | readonly Statement[] {
  const { place, value, mask, active } = s;
  const { lanes } = value.type;
  if (lanes === 1) return s;
  return names.block(() => {
    const stored = names.let("stored", value);
    const at =
      place.index.type.lanes === 1 ? place : { ...place, index: names.let("at", place.index) };
    const where = mask === null ? null : names.let("where", mask);
    for (let i = 0; i < active; i++) {
      const options = { mask: maskOfLane(where, i) };
      names.emit(store(placeOfLane(at, i), lane(stored, i), options));
    }
  });
}
