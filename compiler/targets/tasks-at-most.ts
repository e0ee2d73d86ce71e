/** How many tasks there are for the largest batch: what launches are made for. */

import { invariant } from "../diagnostics/diagnostic.ts";
import { constant, literalOf } from "../kernel/build.ts";
import type { Kernel } from "../kernel/ir.ts";
import { mapExpression } from "../kernel/rewrite.ts";
import { foldConstant } from "./fold-constants.ts";

export function tasksAtMost({ tasks }: Pick<Kernel, "tasks">, batchMax: number): number {
  const most = mapExpression(tasks, (e) =>
    e.kind === "symbol" && e.symbol === "n" ? constant(batchMax) : foldConstant(e),
  );
  const count = literalOf(most);
  invariant(count !== undefined, "the number of tasks depends on more than n");
  return count;
}
