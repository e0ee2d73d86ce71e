/** Tests that are steps of one way: where one fails, those after it would only wait in vain. */

import { afterEach, beforeEach } from "vitest";

/** To be called in a `describe` whose tests build on each other. */
export function stopAtFirstFailure(): void {
  let failed = "";
  afterEach(({ task }) => {
    if (task.result?.state === "fail") failed ||= task.name;
  });
  beforeEach(() => {
    if (failed !== "") throw new Error(`the step before failed: ${failed}`);
  });
}
