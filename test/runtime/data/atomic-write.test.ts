import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeFileAtomically } from "../../../runtime/data/atomic-write.ts";
import { DataError } from "../../../runtime/data/data-error.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "nnc-"));
});
afterEach(() => rm(folder, { recursive: true }));

test("writes text, bytes and sequences of both, making folders", async () => {
  const path = join(folder, "a", "b.txt");
  await writeFileAtomically(path, "text");
  expect(await readFile(path, "utf8")).toBe("text");
  await writeFileAtomically(path, new Uint8Array([65, 66]));
  expect(await readFile(path, "utf8")).toBe("AB");
  await writeFileAtomically(path, ["one\n", new Uint8Array([50]), "\n"]);
  expect(await readFile(path, "utf8")).toBe("one\n2\n");
  expect(await readdir(join(folder, "a"))).toEqual(["b.txt"]);
});

test("a failure half-way keeps the old file and leaves no other", async () => {
  const path = join(folder, "file");
  await writeFile(path, "old");
  async function* content() {
    yield "new";
    throw new Error("the source broke");
  }
  await expect(writeFileAtomically(path, content())).rejects.toThrow(DataError);
  await expect(writeFileAtomically(path, content())).rejects.toThrow("the source broke");
  expect(await readFile(path, "utf8")).toBe("old");
  expect(await readdir(folder)).toEqual(["file"]);
});

test("a folder in the way is a DataError that names the file", async () => {
  await writeFile(join(folder, "taken"), "");
  const path = join(folder, "taken", "file");
  await expect(writeFileAtomically(path, "x")).rejects.toThrow(path);
  await expect(writeFileAtomically(folder, "x")).rejects.toThrow(DataError);
});

test("what killed processes left is removed, what others are writing is not", async () => {
  const { pid: dead } = spawnSync(process.execPath, ["-e", ""]);
  const path = join(folder, "file");
  const name = (pid: number) => `.file.${pid}.0123456789ab.tmp`;
  const kept = [".file.tmp", name(process.pid), `.other.${dead}.0123456789ab.tmp`];
  for (const other of [...kept, name(dead)]) await writeFile(join(folder, other), "half");
  await writeFileAtomically(path, "whole");
  expect((await readdir(folder)).sort()).toEqual([...kept, "file"].sort());
});
