/** Which files a column is read from. */

import type { ColumnSource } from "../plan.ts";

/** Its own first, then those that number the words of a text. Relative to the model's folder, as in the model. */
export function filesOf({ path, options, vocabulary }: ColumnSource): readonly string[] {
  const listed = typeof options.vocabulary === "string" ? [options.vocabulary] : [];
  return [path, ...listed, ...(vocabulary === undefined ? [] : filesOf(vocabulary))];
}
