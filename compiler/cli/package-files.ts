/** Where nnc's own files are, in the source tree as well as in the installed package. */

import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { invariant } from "../diagnostics/diagnostic.ts";

export interface PackageFiles {
  readonly root: string;
  readonly version: string;
  /** The folder of the standard library. */
  readonly std: string;
  readonly runtime: string;
  readonly runtimeTypes: string;
  /** Identifies a build of the compiler: what it made may be kept. Absent in the source tree. */
  readonly buildId: string | undefined;
  /** The folder of what a build keeps of the library, see keep-trees.ts. Absent in the source tree. */
  readonly trees: string | undefined;
}

export function findPackageFiles(): PackageFiles {
  let root = dirname(fileURLToPath(import.meta.url));
  // The bundle's own folder has a `package.json` as well.
  while (!existsSync(join(root, "package.json")) || !existsSync(join(root, "compiler", "std"))) {
    invariant(root !== dirname(root), "nnc's package.json was not found");
    root = dirname(root);
  }
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const buildId = join(root, "dist", "build-id");
  const isBuilt = import.meta.url.endsWith(".js") && existsSync(buildId);
  return {
    root,
    version: String(version),
    std: join(root, "compiler", "std"),
    runtime: join(root, "dist", "runtime.js"),
    runtimeTypes: join(root, "dist", "runtime.d.ts"),
    buildId: isBuilt ? readFileSync(buildId, "utf8") : undefined,
    trees: isBuilt ? join(root, "dist", "cli") : undefined,
  };
}
