/**
 * `npm run conformance -- DIR [--target cpu|wgsl|cuda|interpreter] [--only TEXT] [--share I/N]`: turns every case of a
 * conformance folder into a program by general rules, runs it, and compares outputs, gradients and trajectories with the
 * truth in the folder. With `--share 0/4` it takes every fourth case, from the first: processes can take turns.
 */

import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { requireCudaDevice } from "../../compiler/cli/cuda-kernels.ts";
import { describeFailure } from "../../compiler/cli/failure.ts";
import { resolveTarget } from "../../compiler/cli/target.ts";
import { openGpu } from "../../runtime/devices/webgpu/node-gpu.ts";
import { cpuTarget, cudaTarget, wgslTarget } from "./cases/compiled-target.ts";
import { interpreterTarget } from "./cases/interpreter-target.ts";
import { runFolder } from "./cases/run-folder.ts";
import type { Target } from "./cases/target.ts";

const compiled = { cpu: cpuTarget, wgsl: wgslTarget, cuda: cudaTarget } as const;

const targets: Readonly<Record<string, () => Promise<Target>>> = {
  auto: async () => compiled[await resolveTarget()],
  cpu: async () => cpuTarget,
  wgsl: async () => {
    // Says at once, and not once a case, that there is none.
    await openGpu();
    return wgslTarget;
  },
  cuda: async () => {
    await requireCudaDevice();
    return cudaTarget;
  },
  interpreter: async () => interpreterTarget,
};

const usage = `usage: npm run conformance -- DIR [--target ${Object.keys(targets).join("|")}] [--only TEXT] [--share I/N]\n`;

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        target: { type: "string", default: "cpu" },
        only: { type: "string", default: "" },
        share: { type: "string", default: "0/1" },
      },
    });
  } catch (error) {
    process.stderr.write(`error: ${error instanceof Error ? error.message : error}\n${usage}`);
    return undefined;
  }
}

async function main(): Promise<number> {
  const given = readArguments();
  if (given === undefined) return 2;
  const { values, positionals } = given;
  const openTarget = targets[values.target];
  if (openTarget === undefined || positionals.length === 0) {
    process.stderr.write(usage);
    return 2;
  }
  const missing = positionals.find((folder) => !existsSync(folder));
  if (missing !== undefined) {
    process.stderr.write(`error: there is no folder ${missing}\n`);
    return 2;
  }
  if (!/^\d+\/[1-9]\d*$/.test(values.share)) {
    process.stderr.write(`error: --share takes I/N, such as 0/4, not ${values.share}\n${usage}`);
    return 2;
  }
  const target = await openTarget();
  const [share, shares] = values.share.split("/").map(Number) as [number, number];
  let count = 0;
  const isWanted = (name: string) => name.includes(values.only) && count++ % shares === share;
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const folder of positionals) {
    for await (const { name, verdict } of runFolder(folder, target, isWanted)) {
      counts[verdict.kind]++;
      if (verdict.kind !== "passed")
        process.stdout.write(`${verdict.kind} ${name}: ${verdict.why}\n`);
    }
  }
  const { passed, failed, skipped } = counts;
  process.stdout.write(`conformance: ${passed} passed, ${failed} failed, ${skipped} skipped\n`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(describeFailure(error));
  return 1;
});
