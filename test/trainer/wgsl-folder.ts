/** A trainer for WebGPU written to a folder as `nnc build` does, with the runtime made of the sources. */

import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { CompiledProgram } from "../../compiler/compiled-program.ts";
import { type TrainerFiles, writeTrainerFiles } from "../../compiler/trainer/trainer-files.ts";

export const root = fileURLToPath(new URL("../../", import.meta.url));

type Bundles = Readonly<Record<string, Parameters<typeof build>[0]>>;

/** As runtime/bundle.mjs makes them. */
export async function runtimeBundles(): Promise<Bundles> {
  const { bundles } = await import(new URL("../../runtime/bundles.mjs", import.meta.url).href);
  return bundles;
}

const parts = {
  "runtime.js": "runtime-web.js",
  "data.js": "runtime-data.js",
  "node.js": "runtime-node.js",
};

export const lineFiles = (program: CompiledProgram): TrainerFiles =>
  writeTrainerFiles(program, {
    name: "line",
    sourceFile: "line.nn",
    dataFolder: ".",
    compilerVersion: "0.0.0",
  });

export async function writeLineTrainer(folder: string, program: CompiledProgram): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(lineFiles(program))) {
    writeFileSync(join(folder, name), text);
  }
  const bundles = await runtimeBundles();
  for (const [name, bundle] of Object.entries(parts)) {
    await build({ ...bundles[bundle], outfile: join(folder, name) });
  }
}

/** Makes the npm package `webgpu` known below a folder, as `npm install webgpu` would. */
export function linkWebGpu(folder: string): void {
  const link = join(folder, "node_modules", "webgpu");
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync(join(root, "node_modules", "webgpu"), link);
}
