/** What this machine is, for the target's description; the compiler itself reads no files. */

import { readFileSync } from "node:fs";
import { baselineCpu, type CpuDescription, describeCpu } from "../targets/cpu/description.ts";
import { CommandError } from "./failure.ts";

/** Linux' names of the features that each level of the x86-64 psABI promises, as far as kernels use them. */
const X86_LEVELS: Readonly<Record<string, string>> = {
  "x86-64": "",
  "x86-64-v2": "sse4_2",
  "x86-64-v3": "sse4_2 avx avx2 fma",
  "x86-64-v4": "sse4_2 avx avx2 fma avx512f avx512bw avx512dq avx512vl",
};

/** The processor to compile for: this one (`native`), or any with the features of a level. */
export function describeTarget(march: string | undefined): CpuDescription {
  const architecture = process.arch;
  if (march === undefined || march === "native") {
    const cacheBytes = readCaches();
    const facts = { architecture, cpuinfo: readText("/proc/cpuinfo") };
    return describeCpu(cacheBytes === undefined ? facts : { ...facts, cacheBytes });
  }
  const levels =
    architecture === "x64" ? Object.keys(X86_LEVELS) : [baselineCpu(architecture).march];
  if (!levels.includes(march)) {
    throw new CommandError(
      `unknown processor ${march}`,
      `--march takes native, ${levels.join(", ")}`,
    );
  }
  const flags = X86_LEVELS[march] ?? "";
  if (flags === "") return baselineCpu(architecture);
  const described = describeCpu({ architecture, cpuinfo: `flags : ${flags}` });
  return { ...described, march, processor: march };
}

/** Data caches of the first core: `/sys` has them as `48K`. */
function readCaches(): readonly [number, number] | undefined {
  const sizes = [1, 2].map((level) => {
    for (let index = 0; index < 4; index++) {
      const folder = `/sys/devices/system/cpu/cpu0/cache/index${index}`;
      if (readText(`${folder}/level`).trim() !== String(level)) continue;
      if (readText(`${folder}/type`).trim() === "Instruction") continue;
      const match = /^(\d+)([KM])/.exec(readText(`${folder}/size`));
      if (match !== null) return Number(match[1]) * (match[2] === "K" ? 1024 : 1024 * 1024);
    }
    return undefined;
  });
  const [first, second] = sizes;
  return first === undefined || second === undefined ? undefined : [first, second];
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
