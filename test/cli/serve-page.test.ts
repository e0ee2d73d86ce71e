/** `nnc serve-page`: what a browser is given, what nobody is given, and how it ends. */

import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { servePage } from "../../compiler/cli/commands/serve-page.ts";
import { createPageServer } from "../../compiler/cli/page-server.ts";

const folder = mkdtempSync(join(tmpdir(), "nnc-serve-"));
const page = join(folder, "page");
const server = createPageServer(page);

beforeAll(async () => {
  mkdirSync(join(page, "data"), { recursive: true });
  writeFileSync(join(page, "index.html"), "<!doctype html>");
  writeFileSync(join(page, "worker.js"), "export {};");
  writeFileSync(join(page, "data", "a b.idx.gz"), "data");
  writeFileSync(join(page, ".hidden"), "secret");
  writeFileSync(join(folder, "outside.txt"), "secret");
  symlinkSync(join(folder, "outside.txt"), join(page, "link.txt"));
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
});

afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
}

/** Paths as they are: `fetch` would resolve the dots. */
function get(
  path: string,
  headers: Readonly<Record<string, string>> = {},
  method = "GET",
): Promise<Answer> {
  const { port } = server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    request({ host: "127.0.0.1", port, path, headers, method }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      response.on("end", () =>
        resolve({ status: response.statusCode, headers: response.headers, body }),
      );
    })
      .on("error", reject)
      .end();
  });
}

test.each([
  ["/", "text/html; charset=utf-8"],
  ["/index.html?x=1", "text/html; charset=utf-8"],
  ["/worker.js", "text/javascript; charset=utf-8"],
  ["/data/a%20b.idx.gz", "application/gzip"],
])("%s is %s", async (path, type) => {
  const { status, headers } = await get(path);
  expect(status).toBe(200);
  expect(headers["content-type"]).toBe(type);
  // A browser would unpack what the trainer wants packed.
  expect(headers["content-encoding"]).toBeUndefined();
  expect(headers["content-security-policy"]).toContain("default-src 'self'");
  expect(headers["cross-origin-opener-policy"]).toBe("same-origin");
  expect(headers["cross-origin-embedder-policy"]).toBe("require-corp");
  expect(headers["x-content-type-options"]).toBe("nosniff");
});

test.each([
  "/../outside.txt",
  "/data/../../outside.txt",
  "/%2e%2e/outside.txt",
  "/..%2foutside.txt",
  "/..%5coutside.txt",
  "/link.txt",
  "/.hidden",
  "/data",
  "/data/",
  "/nothing",
  "/%00",
  "/%",
])("%s is nothing", async (path) => {
  const { status, body } = await get(path);
  expect(status).toBe(404);
  expect(body).not.toContain("secret");
});

test("what did not change is not sent again", async () => {
  const { headers } = await get("/worker.js");
  const again = await get("/worker.js", { "if-none-match": String(headers.etag) });
  expect([again.status, again.body]).toEqual([304, ""]);
});

test("HEAD has no body, other methods and other hosts are refused", async () => {
  const head = await get("/worker.js", {}, "HEAD");
  expect([head.status, head.headers["content-length"], head.body]).toEqual([200, "10", ""]);
  expect((await get("/worker.js", {}, "POST")).status).toBe(405);
  expect((await get("/worker.js", { host: "evil.example" })).status).toBe(403);
});

describe("the command", () => {
  const streams = { out: { write: () => true }, errors: { write: () => true }, color: false };

  beforeAll(() =>
    build({
      stdin: {
        contents: `
          import { servePage } from "./serve-page.ts";
          const { stdout: out, stderr: errors } = process;
          process.exitCode = await servePage(${JSON.stringify(page)}, { port: 0 }, { out, errors, color: false });`,
        resolveDir: fileURLToPath(new URL("../../compiler/cli/commands", import.meta.url)),
        loader: "ts",
      },
      bundle: true,
      platform: "node",
      format: "esm",
      outfile: join(folder, "serve.mjs"),
    }),
  );

  test("says what is wrong with a folder or a port", async () => {
    await expect(servePage(join(folder, "none"), {}, streams)).rejects.toThrow(
      "there is no folder",
    );
    await expect(servePage(join(page, "data"), {}, streams)).rejects.toThrow("there is no page in");
    writeFileSync(join(page, "data", "trainer.js"), "");
    await expect(servePage(join(page, "data"), {}, streams)).rejects.toThrow(
      "a trainer without a page",
    );
    const other = createServer();
    await new Promise<void>((listening) => other.listen(0, "127.0.0.1", listening));
    const { port } = other.address() as AddressInfo;
    await expect(servePage(page, { port }, streams)).rejects.toThrow(`port ${port} is in use`);
    other.close();
  });

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("serves until %s, and exits with %i", async (signal, code) => {
    const child = spawn(process.execPath, [join(folder, "serve.mjs")], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let out = "";
    const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
    await new Promise<void>((served) => {
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        out += text;
        if (out.includes("\n")) served();
      });
      child.on("close", () => served());
    });
    const url = /http:\/\/127\.0\.0\.1:\d+\//.exec(out)?.[0];
    expect((await fetch(url!)).status).toBe(200);
    child.kill(signal);
    expect(await ended).toBe(code);
  });
});
