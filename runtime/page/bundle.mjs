/**
 * Makes `dist/page/`, what `nnc build --page` copies beside a trainer: page, worker and style in a file each. The worker
 * loads the trainer, and with it the runtime, from the folder that it lies in.
 */

import { cpSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const outdir = join(here, "..", "..", "dist", "page");

rmSync(outdir, { recursive: true, force: true });
mkdirSync(outdir, { recursive: true });
await build({
  entryPoints: {
    page: join(here, "page.ts"),
    worker: join(here, "worker", "worker.ts"),
    style: join(here, "styles", "page.css"),
  },
  outdir,
  bundle: true,
  // The same as in trainers' data.js, without Node's buffers.
  alias: { "csv-parse/sync": "csv-parse/browser/esm/sync" },
  minify: true,
  format: "esm",
  platform: "browser",
  // Browsers with WebGPU are newer than these.
  target: ["chrome113", "firefox141", "safari26"],
  charset: "utf8",
  legalComments: "inline",
  logLevel: "warning",
});
for (const name of ["index.html", "icon.svg"]) cpSync(join(here, name), join(outdir, name));
