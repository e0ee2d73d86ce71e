/**
 * Makes `dist/gpu/`: what `bench/gpu.sh` runs, with what it uses of npm, so that it needs no `node_modules` where it
 * runs. Runs after `tsc`; notes the commit, as there may be no repository either.
 */

import { rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { programOptions } from "../compiler/cli/bundle-options.mjs";
import { commitOf } from "../dist/bench/commit.js";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const outdir = join(root, "dist", "gpu");

rmSync(outdir, { recursive: true, force: true });
await build({
  ...programOptions,
  entryPoints: {
    run: join(root, "bench", "cuda", "run.ts"),
    prepare: join(root, "bench", "cuda", "prepare.ts"),
    worker: join(root, "bench", "cuda", "worker.ts"),
    table: join(root, "bench", "cuda", "print-table.ts"),
    conformance: join(root, "test", "conformance", "main.ts"),
  },
  outdir,
  // Not used on the way.
  external: ["ts-morph", "webgpu"],
});
writeFileSync(join(outdir, "commit"), commitOf(root));
