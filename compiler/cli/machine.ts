/** What this machine is, for the target's description; the compiler itself reads no files. */

import { readFileSync } from "node:fs";
import {
  type CpuDescription,
  cpuLevels,
  cpuOfLevel,
  describeCpu,
} from "../targets/cpu/description.ts";
import { CommandError } from "./failure.ts";

/** The processor to compile for: this one (`native`), or any with the features of a level. */
export function describeTarget(march: string | undefined): CpuDescription {
  const architecture = process.arch;
  if (march === undefined || march === "native") {
    const [first, second, third] = [1, 2, 3].map(readCache);
    return describeCpu({
      architecture,
      cpuinfo: readText("/proc/cpuinfo"),
      ...(first !== undefined && second !== undefined && { cacheBytes: [first, second] }),
      ...(third !== undefined && { sharedCacheBytes: third }),
    });
  }
  const levels = cpuLevels(architecture);
  if (!levels.includes(march)) {
    throw new CommandError(
      `unknown processor ${march}`,
      `--march takes native, ${levels.join(", ")}`,
    );
  }
  return cpuOfLevel(architecture, march);
}

/** Bytes of a data cache of the first core: `/sys` has them as `48K`. */
function readCache(level: number): number | undefined {
  for (let index = 0; index < 4; index++) {
    const folder = `/sys/devices/system/cpu/cpu0/cache/index${index}`;
    if (readText(`${folder}/level`).trim() !== String(level)) continue;
    if (readText(`${folder}/type`).trim() === "Instruction") continue;
    const match = /^(\d+)([KM])/.exec(readText(`${folder}/size`));
    if (match !== null) return Number(match[1]) * (match[2] === "K" ? 1024 : 1024 * 1024);
  }
  return undefined;
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
