/**
 * Runs nnc and built trainers as a user does: as processes of their own, on the built package, in folders of their
 * own. The package is built first where sources are newer than the build, as only a checkout under work has them.
 */

import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";

export const root = fileURLToPath(new URL("../../", import.meta.url));
export const examples = join(root, "dsl-examples");
/** The program of package.json, bundled. */
const main = join(root, "dist", "cli", "main.js");

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly errors: string;
}

export interface RunOptions {
  readonly cwd: string;
  readonly environment?: NodeJS.ProcessEnv;
  /** Ends the process with a signal when the promise gives one. */
  readonly interrupt?: Promise<NodeJS.Signals>;
}

/** A folder that goes when the test file ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "nnc-end-to-end-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs nnc with the arguments after its name. */
export async function nnc(argv: readonly string[], options: RunOptions): Promise<Outcome> {
  await ensureBuilt();
  return runNode([main, ...argv], options);
}

/** Runs Node with arguments. */
export async function runNode(
  argv: readonly string[],
  { cwd, environment = process.env, interrupt }: RunOptions,
): Promise<Outcome> {
  const child = spawn(process.execPath, argv, {
    cwd,
    env: environment,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  interrupt?.then((signal) => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, out, errors }));
  });
}

/** The last line of what a command printed, read as JSON; fails with all it printed if it failed. */
export function lastJson(outcome: Outcome): TrainingResult {
  if (outcome.code !== 0) {
    const { code, signal, out, errors } = outcome;
    throw new Error(`exit code ${code}, signal ${signal}\n${out}${errors}`);
  }
  return JSON.parse(outcome.out.trimEnd().split("\n").at(-1)!);
}

/** The last line of `nnc train --json`. */
export interface TrainingResult {
  readonly epochs: number;
  readonly updates: number;
  readonly samples_per_second: number | null;
  readonly history: Readonly<Record<string, readonly number[]>>;
  readonly test: Readonly<Record<string, number>>;
  readonly checkpoint: string;
}

let built: Promise<void> | undefined;

/** Two test files at once must not build into each other: the folder is the lock. */
function ensureBuilt(): Promise<void> {
  built ??= (async () => {
    const lock = join(root, "node_modules", ".nnc-build-lock");
    // A build has its identifier before all of its files.
    while (isOutdated() || existsSync(lock)) {
      if (makeFolder(lock)) {
        try {
          if (isOutdated()) build();
        } finally {
          rmSync(lock, { recursive: true, force: true });
        }
      } else await setTimeout(100);
    }
  })();
  return built;
}

function build(): void {
  const { status, stdout, stderr } = spawnSync("npm", ["run", "build"], {
    cwd: root,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`nnc cannot be built:\n${stdout}${stderr}`);
}

function isOutdated(): boolean {
  const buildId = join(root, "dist", "build-id");
  if (!existsSync(buildId)) return true;
  const { mtimeMs } = statSync(buildId);
  return ["compiler", "runtime"].some((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).some(
      (name) =>
        /\.(ts|css|html)$/.test(name) && statSync(join(root, folder, name)).mtimeMs > mtimeMs,
    ),
  );
}

function makeFolder(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch {
    return false;
  }
}

/** The state that a checkpoint holds besides tensors. */
export function readCheckpointState(path: string): { epoch: number; position: number; t: number } {
  const bytes = readFileSync(path);
  const header = JSON.parse(
    bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0))).toString("utf8"),
  );
  return JSON.parse(header.__metadata__.state);
}
