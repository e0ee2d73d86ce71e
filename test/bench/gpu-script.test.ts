/** bench/gpu.sh where something is missing that it cannot do without. */

import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const script = fileURLToPath(new URL("../../bench/gpu.sh", import.meta.url));
let root: string;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "nnc-gpu-script-"));
  mkdirSync(join(root, "bench"));
  copyFileSync(script, join(root, "bench", "gpu.sh"));
});
afterAll(() => rmSync(root, { recursive: true }));

function run(environment: Readonly<Record<string, string>>, ...args: string[]) {
  return spawnSync("bash", [join(root, "bench", "gpu.sh"), ...args], {
    encoding: "utf8",
    env: { ...process.env, ...environment },
  });
}

/** Files that are there, as far as the script looks. */
function put(path: string, text: string): void {
  mkdirSync(join(root, path, ".."), { recursive: true });
  writeFileSync(join(root, path), text);
}

test("says what is missing, one after the other, and then runs", () => {
  const noNode = run({ NNC_NODE: "/no/such/node" });
  expect([noNode.status, noNode.stderr]).toEqual([
    2,
    "gpu.sh: no Node: put version 20 or newer into PATH, or name it in NNC_NODE\n",
  ]);
  const noBuild = run({ NNC_NODE: process.execPath });
  expect(noBuild.status).toBe(2);
  expect(noBuild.stderr).toContain("dist/gpu is missing");
  put("dist/gpu/run.js", "console.log(process.argv.slice(2).join()); process.exit(1)");
  const noAddon = run({ NNC_NODE: process.execPath });
  expect(noAddon.status).toBe(2);
  expect(noAddon.stderr).toContain("nnc.node is missing");
  put("runtime/native/build/Release/nnc.node", "");
  const complete = run({ NNC_NODE: process.execPath }, "--quick", "--seconds", "9.5");
  expect([complete.status, complete.stdout]).toEqual([1, "--quick,--seconds,9.5\n"]);
});

test("refuses a Node that is too old", () => {
  put("old-node", "#!/bin/sh\necho v18.20.0\n");
  spawnSync("chmod", ["755", join(root, "old-node")]);
  const { status, stderr } = run({ NNC_NODE: join(root, "old-node") });
  expect(status).toBe(2);
  expect(stderr).toContain("version 20 or newer is needed");
});
