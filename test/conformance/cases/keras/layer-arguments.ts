/** A layer's configuration, as Keras' cases give it, in the words of the language. */

import { literal } from "./literal.ts";

/** What says nothing of what is computed. */
const unsaid: ReadonlySet<string> = new Set(["name", "dtype"]);

export const argumentsOf = (config: readonly (readonly [string, unknown])[]): string =>
  config
    .filter(([name]) => !unsaid.has(name))
    .map(([name, value]) => `${name} = ${literal(value)}`)
    .join(", ");
