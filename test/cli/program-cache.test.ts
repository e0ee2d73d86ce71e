/** Kept programs are used while their sources are the same, and never believed when damaged. */

import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { ProgramCache } from "../../compiler/cli/program-cache.ts";
import { smallProgram } from "../trainer/small-program.ts";

const folder = mkdtempSync(join(tmpdir(), "program-cache-"));
const library = join(folder, "kernels.so");
const sources = new Map([
  ["line.nn", "model Line {}"],
  ["std:core.nn", "layer Dense"],
]);
const host = {
  readFile: (path: string) => sources.get(path),
  readStd: (name: string) => sources.get(`std:${name}`),
};
const { plan, functions } = smallProgram;
const kernels = { target: "cpu", library } as const;
const kept = { program: { plan, functions }, kernels, warnings: "warning: odd\n" };
const cacheFor = (request: object) => new ProgramCache({ ...request }, host);

beforeAll(() => {
  vi.stubEnv("XDG_CACHE_HOME", folder);
  writeFileSync(library, "machine code");
  const checksum = createHash("sha256").update("machine code").digest("hex");
  writeFileSync(`${library}.sha256`, checksum);
});

afterAll(() => {
  vi.unstubAllEnvs();
});

describe("the program cache", () => {
  it("gives what was kept for the same request and sources", async () => {
    expect(await cacheFor({ entry: "line.nn" }).read()).toBeUndefined();
    await cacheFor({ entry: "line.nn" }).write(kept, sources);
    expect(await cacheFor({ entry: "line.nn" }).read()).toMatchObject(kept);
    expect(await cacheFor({ entry: "line.nn", batchSize: 2 }).read()).toBeUndefined();
  });

  it("forgets when a file of the model or of the library changed, or the kernels did", async () => {
    for (const name of [...sources.keys()]) {
      const text = sources.get(name)!;
      sources.set(name, `${text} `);
      expect(await cacheFor({ entry: "line.nn" }).read()).toBeUndefined();
      sources.set(name, text);
    }
    writeFileSync(library, "other code");
    expect(await cacheFor({ entry: "line.nn" }).read()).toBeUndefined();
    writeFileSync(library, "machine code");
    expect(await cacheFor({ entry: "line.nn" }).read()).toBeDefined();
  });

  it("takes no damaged entry", async () => {
    const entries = join(folder, "nnc", "programs");
    const path = join(entries, readdirSync(entries)[0]!);
    const bytes = readFileSync(path);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(bytes.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.boolean(),
        async (at, mask, cut) => {
          const copy = Buffer.from(cut ? bytes.subarray(0, at) : bytes);
          if (!cut) copy[at]! ^= mask;
          writeFileSync(path, copy);
          expect(await cacheFor({ entry: "line.nn" }).read()).toBeUndefined();
        },
      ),
    );
  });
});
