/** A server of static files as strict as one may be: the page lies on a sub-path, and may load from nowhere else. */

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";

export interface StaticServer {
  /** Of the page, with a slash at the end. */
  readonly url: string;
  readonly port: number;
  readonly close: () => Promise<void>;
}

const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".json": "application/json",
  ".svg": "image/svg+xml",
};

export interface StaticOptions {
  /** Begins and ends with a slash. */
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const strictPolicy = { "content-security-policy": "default-src 'self'" };

export async function serveFolder(
  folder: string,
  { path = "/models/of/mine/", headers = strictPolicy }: StaticOptions = {},
): Promise<StaticServer> {
  const server = createServer(async (request, response) => {
    const url = decodeURIComponent((request.url ?? "").split("?")[0]!);
    const name = url === path ? "index.html" : normalize(url.slice(path.length));
    const bytes = url.startsWith(path)
      ? await readFile(join(folder, name)).catch(() => undefined)
      : undefined;
    if (bytes === undefined) {
      response.writeHead(404, headers).end("not found");
      return;
    }
    const type = TYPES[extname(name)] ?? "application/octet-stream";
    response.writeHead(200, { ...headers, "content-type": type, "content-length": bytes.length });
    response.end(bytes);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}${path}`,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}
