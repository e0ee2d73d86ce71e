/** Objects are made by any program that is called as a compiler is. */

import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { ObjectFiles } from "../../compiler/targets/object-files.ts";

test("a compiler's own files lie beside its objects, and go with them", async () => {
  const objects = new ObjectFiles({
    compiler: "sh",
    extension: ".c",
    objectArgs: (_, object) => ["-c", 'printf %s "$TMPDIR" > "$0"', object],
    directory: tmpdir(),
    environment: process.env,
  });
  objects.begin("int x;");
  expect(await objects.failureOf(["int x;"])).toBeNull();
  expect(await readFile(objects.objectsOf(["int x;"])[0]!, "utf8")).toBe(objects.folder);
  await objects.remove();
});
