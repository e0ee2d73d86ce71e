/** Files of runs in Node's file system. */

import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { DataError } from "../../../runtime/data/data-error.ts";
import { noStorage } from "../../../runtime/storage/file-storage.ts";
import { nodeStorage } from "../../../runtime/storage/node-storage.ts";

const folder = () => mkdtempSync(join(tmpdir(), "storage-"));
const bytes = (text: string) => new TextEncoder().encode(text);

it("reads what was written, in folders that it makes", async () => {
  const path = join(folder(), "runs", "one", "file");
  expect(await nodeStorage.read(path)).toBeUndefined();
  expect(await nodeStorage.size(path)).toBe(0);
  await nodeStorage.write(path, bytes("first"));
  await nodeStorage.write(path, bytes("then"));
  expect(await nodeStorage.read(path)).toEqual(bytes("then"));
  expect(await nodeStorage.size(path)).toBe(4);
});

it("writes behind what is there, and drops what lies beyond", async () => {
  const path = join(folder(), "logs", "log.csv");
  await nodeStorage.writeAt(path, 0, bytes("head\n"));
  await nodeStorage.writeAt(path, 5, bytes("a long row\n"));
  await nodeStorage.writeAt(path, 5, bytes("row\n"));
  expect(readFileSync(path, "utf8")).toBe("head\nrow\n");
});

it("says what is wrong with a path", async () => {
  const file = join(folder(), "file");
  writeFileSync(file, "");
  const below = join(file, "below");
  await expect(nodeStorage.write(below, bytes("x"))).rejects.toThrow(DataError);
  await expect(nodeStorage.writeAt(below, 0, bytes("x"))).rejects.toThrow(DataError);
  await expect(nodeStorage.read(join(file, ".."))).rejects.toThrow(/: expected to read the file, /);
  expect(existsSync(below)).toBe(false);
});

it("tells whether a path can be written without writing anything", async () => {
  const root = folder();
  const file = join(root, "file");
  await nodeStorage.checkWritable(file);
  await nodeStorage.checkWritable(join(root, "runs", "one", "file"));
  expect(existsSync(join(root, "runs"))).toBe(false);
  writeFileSync(file, "old");
  await nodeStorage.checkWritable(file);
  expect(readFileSync(file, "utf8")).toBe("old");
  await expect(nodeStorage.checkWritable(root)).rejects.toThrow(/found it is a folder/);
  await expect(nodeStorage.checkWritable(join(file, "runs", "one"))).rejects.toThrow(
    `one: expected a file that can be written, found ${file} is not a folder (give another path)`,
  );
});

it("is missing where a model was given none, which says what to do instead", async () => {
  await expect(noStorage.write("run.safetensors", bytes("x"))).rejects.toMatchObject({
    name: "TrainingError",
    message: expect.stringContaining("run.safetensors"),
    hint: expect.stringContaining("checkpoint()"),
  });
});
