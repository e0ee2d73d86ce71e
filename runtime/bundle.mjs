/**
 * Makes the two files that a generated trainer is given beside its own: `dist/runtime.js`, the runtime in one
 * module with what it uses of npm, and `dist/runtime.d.ts`, its types. Runs after `tsc`.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const dist = join(root, "dist");

await build({
  entryPoints: [join(root, "runtime", "index.ts")],
  outfile: join(dist, "runtime.js"),
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  charset: "utf8",
  legalComments: "inline",
  // CommonJS packages call `require` for Node's own modules, which an ES module does not have.
  banner: {
    js: [
      "// The runtime of trainers that nnc builds: data readers, training loop, devices. Generated, do not edit.",
      'import { createRequire as createRequireOfRuntime } from "node:module";',
      "const require = createRequireOfRuntime(import.meta.url);",
    ].join("\n"),
  },
  logLevel: "warning",
});
writeFileSync(join(dist, "runtime.d.ts"), flattenDeclarations(join(dist, "runtime", "index.d.ts")));

/**
 * One declaration file of those that `entry` imports, dependencies first. Every declaration stays exported under its
 * own name, so imports between the files can be dropped; two of the same name would be a mistake.
 */
function flattenDeclarations(entry) {
  const seen = new Set();
  const names = new Map();
  const parts = [];
  visit(entry);
  return `// Types of runtime.js. Generated, do not edit.\n\n${parts.join("\n")}`;

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
