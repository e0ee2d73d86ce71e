/**
 * How long it takes from `nnc train` to the first finished step, with an empty and with a filled cache: processes that
 * train one batch, until they tell its loss, and the median of three. Also the milliseconds of each pass, and the size of
 * the built trainer.
 */

import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { Column } from "../runtime/data/column.ts";
import { formatNpy } from "../runtime/data/npy-writer.ts";
import { compileBenchModel } from "./compile-model.ts";
import { drawColumn } from "./cpu/prepare.ts";
import type { CpuWorkload } from "./cpu/workloads.ts";
import { median } from "./statistics.ts";

export interface Start {
  readonly workload: string;
  /** From before the process is started until the line with the loss of its first step; nothing compiled before. */
  readonly cold_seconds: number;
  /** The same with the kernels in the cache. */
  readonly warm_seconds: number;
  /** `--time-passes`. */
  readonly passes: string;
  /** Everything of the trainer's folder but the addon and the sources for reading. */
  readonly trainer_bytes: number;
  readonly trainer_gzip_bytes: number;
}

const here = dirname(fileURLToPath(import.meta.url));
const main = join(here, "../cli/main.js");

export async function measureStart(workload: CpuWorkload, folder: string): Promise<Start> {
  const data = join(folder, `${workload.name}-data`);
  writeData(data, workload);
  const model = join(here, "../../bench/models", workload.model);
  const cache = join(folder, `${workload.name}-cache`);
  const train = () => runNnc(["train", model, "--data", data, "--json"], data, cache);
  const cold: number[] = [];
  const warm: number[] = [];
  for (let i = 0; i < 3; i++) {
    rmSync(cache, { recursive: true, force: true });
    cold.push((await train()).seconds);
    warm.push((await train()).seconds);
  }
  const out = join(data, "out");
  const built = await runNnc(["build", model, "-o", out, "--time-passes"], data, cache);
  const files = readdirSync(out)
    .filter((name) => /\.(js|so)$/.test(name))
    .map((name) => readFileSync(join(out, name)));
  return {
    workload: workload.name,
    cold_seconds: median(cold),
    warm_seconds: median(warm),
    passes: built.errors,
    trainer_bytes: files.reduce((sum, { length }) => sum + length, 0),
    trainer_gzip_bytes: files.reduce((sum, file) => sum + gzipSync(file).length, 0),
  };
}

interface NncRun {
  /** Until it printed something. */
  readonly seconds: number;
  readonly errors: string;
}

function runNnc(args: readonly string[], cwd: string, cache: string): Promise<NncRun> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    let seconds: number | undefined;
    let errors = "";
    const child = spawn(process.execPath, [main, ...args], {
      cwd,
      env: { ...process.env, XDG_CACHE_HOME: cache },
    });
    child.stdout.on("data", () => {
      seconds ??= (performance.now() - start) / 1000;
    });
    child.stderr.on("data", (data: Buffer) => {
      errors += data.toString();
    });
    child.on("error", reject);
    // What is compiled beside the training is done then, too.
    child.on("close", (code) => {
      if (code === 0 && seconds !== undefined) resolve({ seconds, errors });
      else reject(new Error(`nnc ${args.join(" ")} failed:\n${errors}`));
    });
  });
}

/** One batch, as the models of bench/models read it. */
function writeData(folder: string, { model, below, batch }: CpuWorkload): void {
  mkdirSync(folder, { recursive: true });
  const { plan } = compileBenchModel(model, {});
  for (const column of plan.columns) {
    const end = below[column.name as "x" | "y"] ?? 2;
    const data: Column = { ...column, rows: batch, data: drawColumn(column, batch, end) };
    writeFileSync(join(folder, `${column.name}.npy`), formatNpy(data));
  }
}

/** For the terminal. */
export function formatStart(start: Start): string {
  const { workload, cold_seconds, warm_seconds, trainer_bytes, trainer_gzip_bytes } = start;
  return (
    `${workload.padEnd(9)} first step after ${cold_seconds.toFixed(2)} s cold, ` +
    `${warm_seconds.toFixed(2)} s warm; trainer ${trainer_bytes} bytes, ${trainer_gzip_bytes} gzipped`
  );
}
