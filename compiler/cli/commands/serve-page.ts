/** `nnc serve-page`: serves a built page to the browsers of this computer, as any static server would to others. */

import { existsSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { CommandError } from "../failure.ts";
import { createPageServer } from "../page-server.ts";
import type { Streams } from "../streams.ts";

interface ServeFlags {
  readonly port?: number;
}

const HOST = "127.0.0.1";
/** Taken if it is free; browsers keep a page's checkpoints by its port, so it should stay the same. */
const USUAL_PORT = 8080;
/** Exit codes as shells know them: 128 and the number of the signal. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/** Serves until the user or the system ends the process; gives the exit code. */
export async function servePage(
  given: string,
  { port }: ServeFlags,
  streams: Streams,
): Promise<number> {
  const folder = resolve(given);
  checkFolder(given, folder);
  const server = createPageServer(folder);
  const listen = (number: number) =>
    new Promise<void>((listening, fail) => {
      server.once("error", fail);
      server.listen(number, HOST, () => {
        server.off("error", fail);
        listening();
      });
    });
  await listen(port ?? USUAL_PORT).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "EACCES") {
      throw new CommandError(`port ${port} may not be used`, "take one above 1023 with --port");
    }
    if (error.code !== "EADDRINUSE") throw error;
    if (port !== undefined) {
      throw new CommandError(`port ${port} is in use`, "take another with --port");
    }
    // Some free one.
    return listen(0);
  });
  const { port: number } = server.address() as AddressInfo;
  streams.out.write(`${given} is at http://${HOST}:${number}/ (Ctrl-C ends it)\n`);
  const signal = await new Promise<keyof typeof EXIT_CODES>((end) => {
    for (const name of Object.keys(EXIT_CODES) as (keyof typeof EXIT_CODES)[]) {
      process.once(name, () => end(name));
    }
  });
  server.close();
  server.closeAllConnections();
  return EXIT_CODES[signal];
}

function checkFolder(given: string, folder: string): void {
  if (existsSync(join(folder, "index.html"))) return;
  if (existsSync(join(folder, "trainer.js"))) {
    throw new CommandError(
      `${given} is a trainer without a page`,
      "build it with `nnc build model.nn --target wgsl --page`",
    );
  }
  throw new CommandError(
    existsSync(folder) ? `there is no page in ${given}` : `there is no folder ${given}`,
    "give the folder that `nnc build model.nn --target wgsl --page` wrote",
  );
}
