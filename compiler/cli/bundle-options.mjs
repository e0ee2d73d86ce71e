/** How programs for Node are bundled from TypeScript, by esbuild: into modules that share what they have in common. */

export const programOptions = {
  bundle: true,
  splitting: true,
  platform: "node",
  format: "esm",
  target: "node20",
  charset: "utf8",
  legalComments: "inline",
  // CommonJS packages call `require` for Node's own modules, which an ES module does not have.
  banner: {
    js: [
      'import { createRequire as createRequireOfProgram } from "node:module";',
      "const require = createRequireOfProgram(import.meta.url);",
    ].join("\n"),
  },
  logLevel: "warning",
};
