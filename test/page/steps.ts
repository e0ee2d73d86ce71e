/** Tests that are steps of one way: where one fails, those after it would only wait in vain. */

import { afterEach, beforeEach } from "vitest";

/** To be called in a `describe` whose tests build on each other; `shown` is what to print of where the first one failed. */
export function stopAtFirstFailure(shown: () => Promise<string>): void {
  let failed = "";
  afterEach(async ({ task }) => {
    if (task.result?.state !== "fail" || failed !== "") return;
    failed = task.name;
    console.error(await shown());
  });
  beforeEach(() => {
    if (failed !== "") throw new Error(`the step before failed: ${failed}`);
  });
}
