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
    const cacheBytes = readCaches();
    const facts = { architecture, cpuinfo: readText("/proc/cpuinfo") };
    return describeCpu(cacheBytes === undefined ? facts : { ...facts, cacheBytes });
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
