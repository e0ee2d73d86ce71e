/** A server of static files for one folder: right types, a strict Content-Security-Policy, nothing from outside. */

import { createReadStream } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { extname, join, sep } from "node:path";

const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".csv": "text/csv; charset=utf-8",
  ".gz": "application/gzip",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".jsonl": "application/jsonl; charset=utf-8",
  ".md": "text/plain; charset=utf-8",
  ".svg": "image/svg+xml",
  ".ts": "text/plain; charset=utf-8",
  ".txt": "text/plain; charset=utf-8",
};

const HEADERS = {
  // The page needs no more than 'self'; connect-src is for data that the user loads by its URL.
  "content-security-policy":
    "default-src 'self'; connect-src 'self' https: http:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  // Isolated pages have precise clocks, and no other site sees them.
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-resource-policy": "same-origin",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  // A page that was built again is another one; the answer is short if it was not.
  "cache-control": "no-cache",
} as const;

/** Of the names under which this computer reaches itself: others may be a foreign site's that points here. */
const OWN_HOST = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;

export function createPageServer(folder: string): Server {
  return createServer((request, response) => {
    respond(folder, request, response).catch(() =>
      refuse(response, 500, "The file cannot be read."),
    );
  });
}

async function respond(
  folder: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (!OWN_HOST.test(request.headers.host ?? ""))
    return refuse(response, 403, "Not for this host.");
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.setHeader("allow", "GET, HEAD");
    return refuse(response, 405, "Only GET and HEAD.");
  }
  const path = await findFile(folder, request.url ?? "/");
  if (path === undefined) return refuse(response, 404, "There is no such file.");
  const { size, mtimeMs } = await stat(path);
  const tag = `"${size.toString(36)}-${Math.round(mtimeMs).toString(36)}"`;
  const type = TYPES[extname(path)] ?? "application/octet-stream";
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
  response.setHeader("etag", tag);
  if (request.headers["if-none-match"] === tag) {
    response.writeHead(304).end();
    return;
  }
  response.writeHead(200, { "content-type": type, "content-length": size });
  if (request.method === "HEAD") {
    response.end();
    return;
  }
  createReadStream(path)
    .on("error", () => response.destroy())
    .pipe(response);
}

/** Undefined for what is no file of the folder: `..` and links that lead out of it, hidden files. */
async function findFile(folder: string, url: string): Promise<string | undefined> {
  const [encoded = ""] = url.split(/[?#]/);
  let path: string;
  try {
    path = decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
  if (path.includes("\0") || path.includes("\\")) return undefined;
  const parts = path.split("/").filter((part) => part !== "");
  if (parts.some((part) => part.startsWith("."))) return undefined;
  if (path.endsWith("/")) parts.push("index.html");
  try {
    const [root, file] = await Promise.all([realpath(folder), realpath(join(folder, ...parts))]);
    const isInside = file.startsWith(root + sep);
    return isInside && (await stat(file)).isFile() ? file : undefined;
  } catch {
    return undefined;
  }
}

function refuse(response: ServerResponse, status: number, text: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, { ...HEADERS, "content-type": "text/plain; charset=utf-8" });
  response.end(`${text}\n`);
}
