/**
 * What lies beside the checkout and does not ship with it: data whose licences do not allow that, and reference
 * cases. Tests that need it are skipped where it is absent, except in CI, where its absence is a mistake.
 */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../shared/", import.meta.url));

/** Whether `../shared/<path>` may be read; what needs it is declared by `test.runIf(hasShared(path))`. */
export function hasShared(path: string): boolean {
  return process.env.CI === "true" || existsSync(join(root, path));
}

export function sharedPath(path: string): string {
  const found = join(root, path);
  if (!existsSync(found)) throw new Error(`${found} is missing: it must lie beside the checkout`);
  return found;
}

/** Ends the name of a test that needs `../shared/<path>`, so that a skipped one says why. */
export function needsShared(path: string): string {
  return `(needs ../shared/${path})`;
}
