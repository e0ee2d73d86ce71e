/** The `nnc` program, for whoever loads it. */

import { runCli } from "./program.ts";
import { processStreams } from "./streams.ts";

export async function start(): Promise<void> {
  // A reader that has seen enough (`nnc explain … | head`) is no error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(0);
  });
  process.exitCode = await runCli(process.argv.slice(2), processStreams());
}
