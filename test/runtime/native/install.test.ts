/** Installing where the addon cannot be built, and where it already is. */

import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeEach, expect, test } from "vitest";
import { createFolder } from "./kernel-library.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const folders: ReturnType<typeof createFolder>[] = [];
afterAll(() => {
  for (const folder of folders) folder.remove();
});

/** A copy of runtime/native, beside the packages that it needs. */
let copy: string;
beforeEach(() => {
  const folder = createFolder();
  folders.push(folder);
  copy = join(folder.path, "runtime", "native");
  mkdirSync(copy, { recursive: true });
  cpSync(join(root, "runtime", "native"), copy, { recursive: true, preserveTimestamps: true });
  symlinkSync(join(root, "node_modules"), join(folder.path, "node_modules"));
});

function install(environment: NodeJS.ProcessEnv) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(copy, "install.mjs")], {
    encoding: "utf8",
    env: environment,
  });
  return { status, output: `${stdout}${stderr}` };
}

test("without tools it succeeds, says what does not work and what to install", () => {
  // A source that differs from what was built.
  cpSync(join(copy, "nnc_step.h"), join(copy, "changed.h"));
  const { status, output } = install({ PATH: "/nonexistent" });
  expect(status).toBe(0);
  expect(output).toContain("the native addon could not be built, so models cannot be run here");
  expect(output).toContain("npm rebuild nnc");
  expect(output).toMatch(/Needs it: +nnc train/);
  expect(output).toContain("apt-get install g++");
});

test("what is up to date is left alone", () => {
  const addon = join(copy, "build", "Release", "nnc.node");
  expect(existsSync(addon)).toBe(true);
  const before = statSync(addon).mtimeMs;
  expect(install({ PATH: "/nonexistent" })).toEqual({ status: 0, output: "" });
  expect(statSync(addon).mtimeMs).toBe(before);
});
