/**
 * Makes `dist/cli/`, the program that people run: the compiler in a few modules, one for each command's own needs,
 * so that a start reads files by the dozen and not, with Chevrotain's and lodash's, by the thousand. Runs after `tsc`.
 */

import { chmodSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { programOptions } from "./bundle-options.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const outdir = join(root, "dist", "cli");

rmSync(outdir, { recursive: true, force: true });
await build({
  ...programOptions,
  entryPoints: [join(root, "compiler", "cli", "main.ts")],
  outdir,
  // Large, and only for `nnc build`.
  external: ["ts-morph"],
});
chmodSync(join(outdir, "main.js"), 0o755);
