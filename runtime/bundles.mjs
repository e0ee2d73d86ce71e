/** The modules that trainers are given, as esbuild makes them of the sources; see `bundle.mjs`. */

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = dirname(fileURLToPath(import.meta.url));

const shared = { bundle: true, format: "esm", charset: "utf8", logLevel: "warning" };
const title = "The runtime of trainers that nnc builds: data readers, training loop, devices.";

const forNode = {
  ...shared,
  platform: "node",
  target: "node20",
  legalComments: "inline",
  // CommonJS packages call `require` for Node's own modules, which an ES module does not have.
  banner: {
    js: [
      `// ${title} Generated, do not edit.`,
      'import { createRequire as createRequireOfRuntime } from "node:module";',
      "const require = createRequireOfRuntime(import.meta.url);",
    ].join("\n"),
  },
};

const forBrowsers = {
  ...shared,
  // Not "node", so that a module of Node's that is imported by mistake fails the build.
  platform: "browser",
  target: "es2022",
  minify: true,
  legalComments: "inline",
  banner: { js: `// ${title} Minified; the source is nnc's runtime folder.` },
};

/** Options of `esbuild.build` by name of the file, without where to write it. */
export const bundles = {
  "runtime.js": { ...forNode, entryPoints: [join(folder, "index.ts")] },
  "runtime-node.js": {
    ...forNode,
    entryPoints: [join(folder, "node.ts")],
    // A native package, found from where the trainer lies.
    external: ["webgpu"],
  },
  "runtime-web.js": { ...forBrowsers, entryPoints: [join(folder, "web.ts")] },
  "runtime-data.js": {
    ...forBrowsers,
    entryPoints: [join(folder, "web-data.ts")],
    alias: { "csv-parse/sync": "csv-parse/browser/esm/sync" },
  },
};
