/** An ARM processor in software: a cross compiler for it, and QEMU, which runs what it makes in place of the native addon. */

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const compiler = "aarch64-linux-gnu-gcc";
const emulator = "qemu-aarch64";
/** Debian's folder of the processor's C library. */
const system = "/usr/aarch64-linux-gnu";

export const hasArm64 = process.env.CI === "true" || [compiler, emulator].every(isInstalled);

/** Ends the name of a test that needs it, so that a skipped one says why. */
export const needsArm64 = "(needs gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user)";

export interface Arm64 {
  /** In which the C compiler is the one for ARM. */
  readonly environment: NodeJS.ProcessEnv;
  /** What CpuDevice loads in place of the native addon. */
  readonly addon: string;
}

/** Compiles the program that runs steps; the addon's stand-in finds it in this process's environment. */
export function emulateArm64(): Arm64 {
  const runner = join(mkdtempSync(join(tmpdir(), "nnc-arm64-")), "run_steps");
  const headers = fileURLToPath(new URL("../../runtime/native", import.meta.url));
  const source = fileURLToPath(new URL("run_steps.c", import.meta.url));
  execFileSync(compiler, ["-O1", "-Wall", "-Werror", `-I${headers}`, source, "-o", runner, "-ldl"]);
  process.env.NNC_ARM64_STAND_IN = JSON.stringify({ emulator: [emulator, "-L", system], runner });
  return {
    environment: { ...process.env, CC: compiler },
    addon: fileURLToPath(new URL("stand-in-addon.cjs", import.meta.url)),
  };
}

function isInstalled(program: string): boolean {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.some((folder) => existsSync(join(folder, program)));
}
