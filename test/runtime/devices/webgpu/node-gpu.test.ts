/** How Node comes by a graphics processor, and how its processes end. */

import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { request } from "../request.ts";
import { expectedTotal } from "../sum-data.ts";
import { hasGpu, needsGpu } from "./software-gpu.ts";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
let folder = "";

interface Outcome {
  readonly code: number | string | null;
  readonly out: string;
  readonly errors: string;
}

/** Runs the program bundled in `folder` in a process that is ended if it does not end by itself. */
function runProcess(
  mode: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ["--expose-gc", join(folder, "program.mjs"), mode],
      { env: { ...process.env, ...environment }, timeout: 60_000 },
      (error, out, errors) => resolve({ code: error?.code ?? error?.signal ?? 0, out, errors }),
    );
  });
}

async function bundle(name: string, into: string): Promise<void> {
  await build({
    entryPoints: [fileURLToPath(new URL(name, import.meta.url))],
    outfile: join(into, "program.mjs"),
    bundle: true,
    platform: "node",
    format: "esm",
    logLevel: "error",
  });
}

beforeAll(async () => {
  // Below the project, so that the package webgpu is found from there.
  folder = await mkdtemp(join(root, "node_modules", ".webgpu-test-"));
  await bundle("node-program.ts", folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.runIf(hasGpu)(`a process that trains ${needsGpu}`, () => {
  test.each([
    ["dispose", 10],
    ["leave", 10],
    ["collect", 3],
    ["leave within a run", 3],
    ["dispose within a run", 3],
  ])("ends by itself: %s, %i times", async (mode, times) => {
    const total = `total ${expectedTotal(request())}\n`;
    for (let attempt = 0; attempt < times; attempt++) {
      expect(await runProcess(mode)).toEqual({ code: 0, out: total, errors: "" });
    }
  });

  test("finds no hardware where there is software only, and prints nothing", async () => {
    expect(await runProcess("find")).toEqual({ code: 0, out: "undefined\n", errors: "" });
  });
});

describe("a machine without a graphics processor", () => {
  const noDrivers = {
    VK_ICD_FILENAMES: "/nowhere.json",
    VK_DRIVER_FILES: "/nowhere.json",
    XDG_DATA_DIRS: "/nowhere",
    HOME: "/nowhere",
  };

  test("has no hardware, and prints nothing", async () => {
    expect(await runProcess("find", noDrivers)).toEqual({
      code: 0,
      out: "undefined\n",
      errors: "",
    });
  });

  test("says what to install", async () => {
    const { out } = await runProcess("open", noDrivers);
    expect(out).toMatch(/^DeviceError: no graphics processor was found: install the driver/);
    expect(out).toContain("VK_ICD_FILENAMES=");
  });

  test("without the package webgpu says how to install it", async () => {
    const own = folder;
    folder = await mkdtemp("/tmp/webgpu-test-");
    try {
      await bundle("node-program.ts", folder);
      const { out, errors } = await runProcess("open");
      expect(out).toMatch(/^DeviceError: .*`npm install webgpu`\n$/);
      expect(errors).toBe("");
      expect((await runProcess("find")).out).toBe("undefined\n");
    } finally {
      rmSync(folder, { recursive: true });
      folder = own;
    }
  });
});
