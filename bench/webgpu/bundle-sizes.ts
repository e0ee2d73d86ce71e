/**
 * What a page loads to train: the peers' sides of this benchmark as esbuild bundles them, which holds what they use of
 * their libraries and no more, against the modules that `nnc build --target wgsl` writes for the small net.
 */

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { hasPeers, peerFolder, root } from "./peer-package.ts";

export interface BundleSize {
  readonly of: string;
  readonly minified_bytes: number;
  readonly gzip_bytes: number;
}

export async function measureSizes(folder: string): Promise<BundleSize[]> {
  const peers = hasPeers() ? [await bundlePeer("jax-js", "webgpu"), await bundlePeer("tfjs")] : [];
  return [...buildTrainer(folder), ...peers];
}

/** A peer's module with what it imports; `chunk` names what it loads only when it is used. */
async function bundlePeer(name: string, chunk?: string): Promise<BundleSize> {
  const { outputFiles } = await build({
    entryPoints: [join(peerFolder, `${name}.mjs`)],
    bundle: true,
    minify: true,
    splitting: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    write: false,
    outdir: "out",
    logLevel: "error",
  });
  const initial = new Set([`${name}.js`]);
  for (const file of initial) {
    const text = outputFiles.find(({ path }) => path.endsWith(`/${file}`))?.text ?? "";
    for (const [, found] of text.matchAll(/(?:from|import)"\.\/([^"]+)"/g)) initial.add(found!);
  }
  const loaded = outputFiles.filter(({ path }) => {
    const file = path.slice(path.lastIndexOf("/") + 1);
    return initial.has(file) || (chunk !== undefined && file.startsWith(`${chunk}-`));
  });
  return measure(
    name,
    loaded.map(({ contents }) => contents),
  );
}

/** Only where nnc itself is built: the trainer's runtime is bundled then. */
function buildTrainer(folder: string): BundleSize[] {
  const main = join(root, "dist", "cli", "main.js");
  if (!existsSync(main)) return [];
  const out = join(folder, "trainer");
  const model = join(root, "bench", "models", "mlp-small.nn");
  const { status, stderr } = spawnSync(
    process.execPath,
    [main, "build", model, "--target", "wgsl", "-o", out],
    { encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`nnc build failed:\n${stderr}`);
  const modules = ["trainer.js", "runtime.js"].map((name) => readFileSync(join(out, name)));
  return [measure("nnc", modules)];
}

function measure(of: string, files: readonly Uint8Array[]): BundleSize {
  return {
    of,
    minified_bytes: files.reduce((sum, { length }) => sum + length, 0),
    gzip_bytes: files.reduce((sum, file) => sum + gzipSync(file, { level: 9 }).length, 0),
  };
}
