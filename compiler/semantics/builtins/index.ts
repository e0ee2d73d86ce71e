/** Every builtin by name. */

import { boundBuiltins } from "./bounds.ts";
import type { Builtin } from "./builtin.ts";
import { derivativeBuiltins } from "./derivatives.ts";
import { elementwiseBuiltins } from "./elementwise.ts";
import { gatherBuiltins } from "./gathers.ts";
import { indexBuiltins } from "./indexes.ts";
import { layerBuiltins } from "./layers.ts";
import { listBuiltins } from "./lists.ts";
import { maskBuiltins } from "./masks.ts";
import { reductionBuiltins } from "./reductions.ts";
import { shapeBuiltins } from "./shapes.ts";
import { stringBuiltins } from "./strings.ts";
import { valueBuiltins } from "./values.ts";

const table: ReadonlyMap<string, Builtin> = new Map(
  [
    ...elementwiseBuiltins,
    ...reductionBuiltins,
    ...shapeBuiltins,
    ...gatherBuiltins,
    ...derivativeBuiltins,
    ...valueBuiltins,
    ...listBuiltins,
    ...stringBuiltins,
    ...boundBuiltins,
    ...indexBuiltins,
    ...maskBuiltins,
    ...layerBuiltins,
  ].map((builtin) => [builtin.name, builtin]),
);

/** In order, for the reference page. */
export const builtins: readonly Builtin[] = [...table.values()];

export const builtinNames: readonly string[] = [...table.keys()];

export function findBuiltin(name: string): Builtin | undefined {
  return table.get(name);
}
