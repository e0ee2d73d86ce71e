/** What the machine can do at this moment: multiply-adds on registers, by bench/peers/peak_fma.c. */

import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Two threads that reach less than this times the peak of one share a core, and figures of two mean nothing. */
const leastSpeedUp = 1.7;

/** GFLOP/s; `speedUp` is that of all threads over one. */
export interface Peak {
  readonly gflops: number;
  readonly speedUp: number;
}

export class PeakMeter {
  readonly #program: string | null;

  /** Compiles the program into the folder. */
  constructor(folder: string) {
    const source = join(dirname(fileURLToPath(import.meta.url)), "../../../bench/peers/peak_fma.c");
    const program = join(folder, "peak");
    const flags = ["-O2", "-march=native", "-ffp-contract=off", "-fno-math-errno", "-pthread"];
    const { status } = spawnSync("cc", [...flags, source, "-o", program]);
    this.#program = status === 0 ? program : null;
  }

  /** null without a C compiler. */
  measure(threads: number): Peak | null {
    if (this.#program === null) return null;
    const one = this.#run(this.#program, 1);
    if (threads === 1) return { gflops: one, speedUp: 1 };
    const gflops = this.#run(this.#program, threads);
    return { gflops, speedUp: gflops / one };
  }

  #run(program: string, threads: number): number {
    return Number(spawnSync(program, [String(threads)], { encoding: "utf8" }).stdout);
  }
}

/** Whether as many cores are there as threads. */
export function isWhole(peak: Peak | null, threads: number): boolean {
  return peak === null || peak.speedUp >= (leastSpeedUp / 2) * threads || threads === 1;
}
