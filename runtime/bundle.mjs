/**
 * Makes the two files that a generated trainer is given beside its own: `dist/runtime.js`, the runtime in one
 * module with what it uses of npm, and `dist/runtime.d.ts`, its types. Also marks the build, and lets the command
 * line be run. Runs after `tsc`.
 */

import { createHash } from "node:crypto";
import { chmodSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
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
