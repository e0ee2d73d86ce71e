/** The modules that trainers for WebGPU are given: fit for any page, and small. */

import { readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";
import { root, runtimeBundles } from "../trainer/wgsl-folder.ts";

async function bundle(name: string) {
  const bundles = await runtimeBundles();
  const { outputFiles, metafile } = await build({
    ...bundles[name],
    absWorkingDir: root,
    write: false,
    metafile: true,
  });
  return { text: outputFiles[0]!.text, metafile };
}

describe.each(["runtime-web.js", "runtime-data.js"])("%s", (name) => {
  it("imports nothing, Node's own modules least of all", async () => {
    const { text, metafile } = await bundle(name);
    for (const { imports } of Object.values(metafile.outputs)) expect(imports).toEqual([]);
    const inputs = Object.entries(metafile.inputs);
    const fromNode = inputs.flatMap(([path, { imports }]) =>
      imports
        .filter(({ path: to }) => to.startsWith("node:") || builtinModules.includes(to))
        .map(({ path: to }) => `${path} imports ${to}`),
    );
    expect(fromNode).toEqual([]);
    expect(text).not.toMatch(/\bfrom\s*"|\bimport\s*"|\brequire\s*\(/);
  });

  it("makes no code of text, as a strict Content-Security-Policy forbids it", async () => {
    const { text } = await bundle(name);
    expect(text).not.toMatch(/\beval\s*\(|\bnew Function\b|\bFunction\s*\(/);
  });
});

describe("runtime-web.js", () => {
  it("has no data readers, no command line and nothing of npm", async () => {
    const { metafile } = await bundle("runtime-web.js");
    const unwanted = Object.keys(metafile.inputs).filter((path) =>
      /node_modules|\/command\/|csv\.ts|npz?\.ts|idx\.ts|json-lines|bar-reporter|cpu/.test(path),
    );
    expect(unwanted).toEqual([]);
  });

  it("leaves room for the kernels of a small model in 40 KB", async () => {
    const bytes = gzipSync((await bundle("runtime-web.js")).text).length;
    console.log(`runtime.js: ${(bytes / 1000).toFixed(1)} KB gzipped`);
    // Those of digits.nn, with its trainer, take 10 KB.
    expect(bytes).toBeLessThan(29_000);
  });

  it("does not use what only Node has, but to find out where it runs", async () => {
    const { metafile } = await bundle("runtime-web.js");
    const users = Object.keys(metafile.inputs).filter((path) =>
      /\bprocess\.|\bBuffer\.|\bsetImmediate\(|\b__dirname\b/.test(
        readFileSync(join(root, path), "utf8").replace(/\/\*.*?\*\//gs, ""),
      ),
    );
    expect(users).toEqual([]);
  });
});
