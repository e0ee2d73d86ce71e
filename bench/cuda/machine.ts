/** What the figures were measured on. */

import { readFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { commitOf } from "../commit.ts";
import type { BenchTarget } from "./program.ts";
import { type CommandResult, runCommand } from "./run-command.ts";

export interface Machine {
  readonly gpu: string;
  readonly driver: string | null;
  readonly nvcc: string | null;
  /** Versions, null where a package is missing. */
  readonly torch: string | null;
  readonly jax: string | null;
  readonly node: string;
  readonly processor: string;
  readonly cores: number;
  readonly commit: string;
  /** UTC, to the second. */
  readonly date: string;
}

const versions = `
import importlib.metadata as m, json
def version(name):
    try: return m.version(name)
    except m.PackageNotFoundError: return None
print(json.dumps({name: version(name) for name in ("torch", "jax")}))
`;

export async function describeMachine(
  root: string,
  target: BenchTarget,
  python: string,
): Promise<Machine> {
  const seconds = 20;
  const [smi, nvcc, packages] = await Promise.all([
    runCommand("nvidia-smi", ["--query-gpu=name,driver_version", "--format=csv,noheader"], {
      seconds,
    }),
    runCommand(process.env.NNC_NVCC || "nvcc", ["--version"], { seconds }),
    runCommand(python, ["-c", versions], { seconds }),
  ]);
  const [gpu = "", driver = null] = firstLine(smi)?.split(", ") ?? [];
  const { torch, jax } = JSON.parse(firstLine(packages) ?? "{}") as Partial<Machine>;
  const processor = cpus()[0]?.model ?? process.arch;
  return {
    gpu: target === "cpu" ? `no GPU, ${processor}` : gpu || "unknown GPU",
    driver,
    nvcc: /release ([\d.]+)/.exec(nvcc.out)?.[1] ?? null,
    torch: torch ?? null,
    jax: jax ?? null,
    node: process.versions.node,
    processor,
    cores: availableParallelism(),
    commit: builtCommit(root),
    date: `${new Date().toISOString().slice(0, 19)}Z`,
  };
}

/** null if there is no such program, or it failed. */
function firstLine({ status, out }: CommandResult): string | null {
  return status === 0 ? (out.trim().split("\n")[0] ?? null) : null;
}

/** The build notes it, as there may be no repository here. */
function builtCommit(root: string): string {
  try {
    return readFileSync(join(root, "dist", "gpu", "commit"), "utf8");
  } catch {
    return commitOf(root);
  }
}
