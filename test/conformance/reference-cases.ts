/** Every reference case beside the checkout, on each target: gradients, optimizers, Keras' own figures. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hasShared, needsShared, sharedPath } from "../shared-folder.ts";
import { runFolder } from "./cases/run-folder.ts";
import type { Target } from "./cases/target.ts";

/** Declares a test for every case of the folders. */
export function testReferenceCases(target: Target): void {
  describe.each(["grad", "optim", "keras"])("%s", (family) => {
    const path = `conformance/${family}`;
    if (!hasShared(path)) {
      test.skip(`reference cases ${needsShared(path)}`, () => {});
      return;
    }
    const folder = sharedPath(path);
    const manifest = readFileSync(join(folder, "manifest.json"), "utf8");
    const { cases } = JSON.parse(manifest) as {
      readonly cases: readonly { readonly name: string }[];
    };
    test.concurrent.each(cases)("$name", async ({ name }) => {
      for await (const { verdict } of runFolder(folder, target, (other) => other === name)) {
        expect(verdict).toEqual({ kind: "passed" });
      }
    });
  });
}
