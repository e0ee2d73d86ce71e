/**
 * Makes `dist/cli/`, the program that people run: the compiler in a few modules, one for each command's own needs,
 * so that a start reads files by the dozen and not, with Chevrotain's and lodash's, by the thousand. Each is a function
 * of what CommonJS gives a module; `boot/modules.ts` calls them. Runs after `tsc`.
 */

import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";
import { programOptions } from "./bundle-options.mjs";
import { keepCode } from "./keep-code.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const folder = join(root, "compiler", "cli");
const outdir = join(root, "dist", "cli");

rmSync(outdir, { recursive: true, force: true });
mkdirSync(outdir, { recursive: true });
// The folder's modules are no ES modules, which the package's are.
writeFileSync(join(outdir, "package.json"), '{ "type": "commonjs" }\n');
await build({
  ...programOptions,
  banner: { js: "#!/usr/bin/env node" },
  splitting: false,
  format: "cjs",
  entryPoints: ["main", "keep-code"].map((name) => join(folder, "boot", `${name}.ts`)),
  outdir,
});
const { outputFiles, metafile } = await build({
  ...programOptions,
  banner: {},
  // Read as one byte a character.
  charset: "ascii",
  define: { "import.meta.url": "moduleUrl" },
  entryPoints: [join(folder, "start.ts")],
  outdir,
  // Large, and only for `nnc build`.
  external: ["ts-morph"],
  metafile: true,
  write: false,
});
refuseCycles(metafile.outputs);
await Promise.all(
  outputFiles.map(async ({ path, text }) => {
    const { code } = await transform(takeImports(text), {
      format: "cjs",
      target: "node20",
      charset: "ascii",
      // Modules of the bundle come from `require`.
      supported: { "dynamic-import": false },
    });
    // Others are found when they are asked for, and may be ES modules.
    const later = /Promise\.resolve\(\)\.then\(\(\) => __toESM\(require\(([^"\n].*)\)\)\)/g;
    const module = code.replace(later, "importModule($1)");
    const wrapped = `(function (exports, require, module, moduleUrl, importModule) {${module}\n})`;
    writeFileSync(join(outdir, basename(path)), wrapped);
  }),
);
chmodSync(join(outdir, "main.js"), 0o755);
if (!(await keepCode(outdir))) {
  console.warn("The model whose run keeps compiled code did not train here.");
}

/**
 * A module whose imports from others of the bundle are variables of its own. As CommonJS they would be read through two
 * getters each time: no module of the bundle changes what it exports, or imports from one that imports from it, see
 * `refuseCycles`.
 */
function takeImports(text) {
  return text.replace(/^import \{([^}]*)\} from ("\.\/[^"]+");$/gm, (_, names, module) => {
    const taken = names.replace(/([\w$]+) as ([\w$]+)/g, "$1: $2");
    return `const {${taken}} = require(${module});`;
  });
}

/** @throws Error if a module of the bundle imports, on starting, from one that imports from it. */
function refuseCycles(outputs) {
  const done = new Set();
  const follow = (module, importers) => {
    if (importers.includes(module)) throw new Error(`cycle: ${[...importers, module].join(" → ")}`);
    if (done.has(module)) return;
    for (const { path, kind } of outputs[module]?.imports ?? []) {
      if (kind === "import-statement") follow(path, [...importers, module]);
    }
    done.add(module);
  };
  for (const module of Object.keys(outputs)) follow(module, []);
}
