/**
 * Makes the modules that a generated trainer is given beside its own, each with what it uses of npm, and their types:
 *
 * - `dist/runtime.js` for the CPU;
 * - `dist/runtime-web.js` for WebGPU, in browsers and in Node, and `dist/runtime-data.js`, which reads data files
 *   there: both small, and without anything of Node's;
 * - `dist/runtime-node.js`, what a trainer for WebGPU has in Node besides: its command line.
 *
 * Also marks the build, and lets the command line be run. Runs after `tsc`.
 */

import { createHash } from "node:crypto";
import { chmodSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { bundles } from "./bundles.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const dist = join(root, "dist");

await Promise.all(
  Object.entries(bundles).map(([name, options]) =>
    build({ ...options, outfile: join(dist, name) }),
  ),
);

const types = { runtime: "index", "runtime-web": "web", "runtime-data": "web-data" };
for (const [name, entry] of Object.entries(types)) {
  const declarations = flattenDeclarations(join(dist, "runtime", `${entry}.d.ts`));
  writeFileSync(join(dist, `${name}.d.ts`), declarations);
}

// Programs that a build of nnc compiled are kept for as long as that build.
writeFileSync(
  join(dist, "build-id"),
  hashOf(["compiler", "runtime"].map((name) => join(dist, name))),
);
chmodSync(join(dist, "compiler", "cli", "main.js"), 0o755);

/** Of all modules below the folders, in order of their paths. */
function hashOf(folders) {
  const hash = createHash("sha256");
  for (const folder of folders) {
    for (const path of readdirSync(folder, { recursive: true }).sort()) {
      if (path.endsWith(".js")) hash.update(path).update(readFileSync(join(folder, path)));
    }
  }
  return hash.digest("hex");
}

/**
 * One declaration file of those that `entry` imports, dependencies first. Every declaration stays exported under its
 * own name, so imports between the files can be dropped; two of the same name would be a mistake.
 */
function flattenDeclarations(entry) {
  const seen = new Set();
  const names = new Map();
  const parts = [];
  visit(entry);
  return `// Types of the module beside this. Generated, do not edit.\n\n${parts.join("\n")}`;

  function visit(file) {
    if (seen.has(file)) return;
    seen.add(file);
    let text = readFileSync(file, "utf8");
    const relative = /^(?:import|export)\s[^;]*?\sfrom\s"(\.[^"]+)";\n/gm;
    for (const [, path] of text.matchAll(relative)) {
      visit(join(dirname(file), path.replace(/\.(?:ts|js)$/, ".d.ts")));
    }
    text = text.replace(relative, "").replace(/^export \{\};\n/m, "");
    for (const [, name] of text.matchAll(/^export (?:declare )?(?:abstract )?(?:\w+) (\w+)/gm)) {
      if (names.has(name)) throw new Error(`${name} is declared in ${names.get(name)} and ${file}`);
      names.set(name, file);
    }
    parts.push(text.trim(), "");
  }
}
