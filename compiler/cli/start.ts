/** The `nnc` program, for whoever loads it. */

import { endWithOutput } from "../../runtime/training/command/output.ts";
import { runCli } from "./program.ts";
import { processStreams } from "./streams.ts";

export async function start(): Promise<void> {
  endWithOutput();
  process.exitCode = await runCli(process.argv.slice(2), processStreams());
}
