/** Every reference case beside the checkout, on a target: gradients, optimizers, Keras' own figures, ONNX' models. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hasShared, needsShared, sharedPath } from "../shared-folder.ts";
import { type ManifestCase, verdictOf } from "./cases/run-folder.ts";
import type { Target } from "./cases/target.ts";

interface ReferenceCase extends ManifestCase {
  readonly category?: string;
}

interface Choice {
  readonly families?: readonly string[];
  /** Which cases run here; all unless it is given. */
  readonly only?: (c: ReferenceCase) => boolean;
  /** What the language is known to lack; a case that needs other things fails. */
  readonly lacking?: readonly string[];
}

/** Declares a test for every case of the folders. */
export function testReferenceCases(
  target: Target,
  { families = ["grad", "optim", "keras"], only = () => true, lacking = [] }: Choice = {},
): void {
  describe.each(families)("%s", (family) => {
    const path = `conformance/${family}`;
    if (!hasShared(path)) {
      test.skip(`reference cases ${needsShared(path)}`, () => {});
      return;
    }
    const folder = sharedPath(path);
    const manifest = readFileSync(join(folder, "manifest.json"), "utf8");
    const { cases } = JSON.parse(manifest) as { readonly cases: readonly ReferenceCase[] };
    test.concurrent.for(cases.filter(only))("$name", async (c, { skip }) => {
      const verdict = await verdictOf(c, folder, target);
      if (verdict.kind === "skipped" && lacking.includes(verdict.why)) skip(verdict.why);
      expect(verdict).toEqual({ kind: "passed" });
    });
  });
}
