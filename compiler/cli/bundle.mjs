/**
 * Makes `dist/cli/`, the program that people run: the compiler in a few modules, one for each command's own needs,
 * so that a start reads files by the dozen and not, with Chevrotain's and lodash's, by the thousand. Runs after `tsc`.
 */

import { chmodSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const outdir = join(root, "dist", "cli");

rmSync(outdir, { recursive: true, force: true });
await build({
  entryPoints: [join(root, "compiler", "cli", "main.ts")],
  outdir,
  bundle: true,
  splitting: true,
  platform: "node",
  format: "esm",
  target: "node20",
  charset: "utf8",
  legalComments: "inline",
  // Large, and only for `nnc build`.
  external: ["ts-morph"],
  // CommonJS packages call `require` for Node's own modules, which an ES module does not have.
  banner: {
    js: [
      'import { createRequire as createRequireOfProgram } from "node:module";',
      "const require = createRequireOfProgram(import.meta.url);",
    ].join("\n"),
  },
  logLevel: "warning",
});
chmodSync(join(outdir, "main.js"), 0o755);
