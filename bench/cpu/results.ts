/** The file that rows are kept in: what the machine is, and of which commit, stands before those of a run. */

import { appendFileSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
import { join } from "node:path";
import { commitOf } from "../commit.ts";
import type { Start } from "../start.ts";
import type { Omission, Row } from "./rows.ts";

export interface RunHead {
  readonly date: string;
  readonly commit: string;
  readonly processor: string;
  readonly cores: number;
  readonly memory_gb: number;
  readonly node: string;
  readonly compiler: string;
  readonly rounds: number;
  readonly seconds: number;
  /** Of all threads in GFLOP/s before the run. */
  readonly peak_gflops: Readonly<Record<string, number>>;
  /** What else the machine did in the minute before. */
  readonly load: number;
  /** Of PyTorch: whose products it uses. */
  readonly openblas: "system" | "openmp";
}

export type ResultLine = RunHead | Row | Omission | Start;

export function describeRun(
  root: string,
  measured: Pick<RunHead, "rounds" | "seconds" | "peak_gflops" | "openblas" | "compiler">,
): RunHead {
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: commitOf(root),
    processor: processorName(),
    cores: cpus().length,
    memory_gb: Math.round(totalmem() / 2 ** 30),
    node: process.versions.node,
    load: loadavg()[0]!,
    ...measured,
  };
}

/** With family and model, as names of virtual processors say little. */
function processorName(): string {
  const [cpu] = cpus();
  const name = cpu?.model.trim() ?? "unknown processor";
  if (!existsSync("/proc/cpuinfo")) return name;
  const text = readFileSync("/proc/cpuinfo", "utf8");
  const number = (key: string) => new RegExp(`^${key}\\s*: (\\d+)$`, "m").exec(text)?.[1];
  const family = number("cpu family");
  return family === undefined ? name : `${name} (family ${family}, model ${number("model")})`;
}

function slug(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "");
}

export function resultPath(root: string, { date, processor }: RunHead): string {
  return join(root, "bench", "results", `${date}-cpu-${slug(processor)}.jsonl`);
}

export function appendResults(path: string, lines: readonly ResultLine[]): void {
  appendFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
}

export function readResults(path: string): ResultLine[] {
  const text = readFileSync(path, "utf8").trim();
  return text.split("\n").map((line) => JSON.parse(line) as ResultLine);
}

/** The newest file of the CPU's. */
export function latestResults(root: string): string | undefined {
  const folder = join(root, "bench", "results");
  const names = readdirSync(folder).filter((name) => /^\d{4}-\d\d-\d\d-cpu-.*\.jsonl$/.test(name));
  const last = names.sort().at(-1);
  return last === undefined ? undefined : join(folder, last);
}
