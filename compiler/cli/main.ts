#!/usr/bin/env node
/** The `nnc` program. */

import nodeModule from "node:module";

// From Node 22.8 on compiled code is kept between runs; it has to be asked for before anything large is loaded.
const { enableCompileCache } = nodeModule as { readonly enableCompileCache?: () => unknown };
enableCompileCache?.();

const [{ runCli }, { processStreams }] = await Promise.all([
  import("./program.ts"),
  import("./streams.ts"),
]);

// A reader that has seen enough (`nnc explain … | head`) is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

process.exitCode = await runCli(process.argv.slice(2), processStreams());
