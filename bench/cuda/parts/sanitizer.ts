/** NVIDIA's compute-sanitizer on a few training steps of every network, at tiny sizes as it is slow. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Answer, Command } from "../../peer-process.ts";
import type { Budget } from "../budget.ts";
import type { StepJob } from "../job.ts";
import { nncWorker } from "../peers.ts";
import { type CommandResult, failureOf, runCommand } from "../run-command.ts";
import type { RunContext } from "./context.ts";

const tools = ["memcheck", "racecheck"] as const;
const errorStatus = 99;

export async function runSanitizer(
  jobs: readonly StepJob[],
  budget: Budget,
  { folder, report }: RunContext,
): Promise<void> {
  const program = await findSanitizer();
  if (program === undefined) {
    report.skip("sanitizer", "compute-sanitizer", "it is not installed");
    return;
  }
  const commands = jobs.flatMap((job): Command[] => [
    { command: "open", job, folder: join(folder, job.id) },
    { command: "close", id: job.id },
  ]);
  const input = commands.map((command) => `${JSON.stringify(command)}\n`).join("");
  const seconds = budget.remaining;
  const worker = nncWorker("fused");
  await Promise.all(
    tools.map(async (tool) => {
      const args = ["--tool", tool, "--error-exitcode", String(errorStatus)];
      const result = await runCommand(program, [...args, worker.program, ...worker.args], {
        seconds,
        input,
      });
      const verdict = sanitizerVerdict(result, commands.length);
      if (verdict === undefined)
        report.add("sanitizer", { of: tool, jobs: jobs.length, clean: true });
      else report.fail("sanitizer", tool, verdict);
    }),
  );
}

/** undefined if all steps were made, and nothing was found in them. */
export function sanitizerVerdict(result: CommandResult, commands: number): string | undefined {
  const text = `${result.out}\n${result.errors}`;
  const found = /^=+ (?!COMPUTE-SANITIZER)(.*(?:error|hazard|Invalid|Race).*)$/im.exec(
    text.replaceAll(/^=+ (?:ERROR|RACECHECK) SUMMARY: 0 .*$/gm, ""),
  );
  if (result.status === errorStatus) return `found: ${found?.[1]?.trim() ?? "errors"}`;
  if (result.status !== 0) return failureOf(result);
  const answers = result.out
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Answer);
  const error = answers.find((answer) => answer.error !== undefined)?.error;
  if (error !== undefined) return error;
  if (answers.length < commands) return "the worker ended early";
  return found === null ? undefined : `found: ${found[1]!.trim()}`;
}

async function findSanitizer(): Promise<string | undefined> {
  const places = [process.env.CUDA_HOME, process.env.CUDA_PATH, "/usr/local/cuda"]
    .flatMap((folder) => (folder ? [join(folder, "bin", "compute-sanitizer")] : []))
    .filter((path) => existsSync(path));
  const { isMissing } = await runCommand("compute-sanitizer", ["--version"], { seconds: 20 });
  return isMissing ? places[0] : "compute-sanitizer";
}
