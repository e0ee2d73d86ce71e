/** Compiles small hand-written kernel libraries with the system's C compiler, for tests. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const headers = fileURLToPath(new URL("../../../runtime/native", import.meta.url));

/** A folder that goes with the test run. */
export function createFolder(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "nnc-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** The path of a shared object made of `source`, which needs no include of its own. */
export function compileLibrary(folder: string, name: string, source: string): string {
  const file = join(folder, `${name}.c`);
  const library = join(folder, `${name}.so`);
  writeFileSync(file, `#include "nnc_step.h"\n${source}`);
  execFileSync("cc", ["-O1", "-shared", "-fPIC", `-I${headers}`, file, "-o", library, "-ldl"]);
  return library;
}

export const abi = "int32_t nnc_abi(void) { return NNC_ABI; }\n";
