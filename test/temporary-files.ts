/**
 * Where tests put files: what they make in the system's folder for temporary ones is gone after the run, also what
 * programs that they end leave there. What is worth keeping for the next run stays.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Of a folder for files that later runs use, too. */
export function keptFolder(name: string): string {
  return join(process.env.NNC_TEST_KEPT ?? tmpdir(), name);
}

/** Called before and after all tests; the processes that run them inherit its variables. */
export default function setUp(): () => void {
  process.env.NNC_TEST_KEPT ??= tmpdir();
  const folder = mkdtempSync(join(tmpdir(), "nnc-tests-"));
  process.env.TMPDIR = folder;
  return () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}
