/** Runs a program to its end, or to the end of its time. */

import { spawn } from "node:child_process";

export interface CommandOptions {
  readonly seconds: number;
  readonly cwd?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Of the standard input. */
  readonly input?: string;
}

export interface CommandResult {
  /** null if it could not be started, or was ended. */
  readonly status: number | null;
  readonly out: string;
  readonly errors: string;
  readonly isMissing: boolean;
  readonly isTimedOut: boolean;
}

export function runCommand(
  program: string,
  args: readonly string[],
  { seconds, cwd, environment, input = "" }: CommandOptions,
): Promise<CommandResult> {
  return new Promise((resolve) => {
    let out = "";
    let errors = "";
    let isMissing = false;
    let isTimedOut = false;
    const child = spawn(program, args, {
      ...(cwd === undefined ? {} : { cwd }),
      env: { ...process.env, ...environment },
      stdio: ["pipe", "pipe", "pipe"],
      // A group of its own, so that what it started ends with it.
      detached: true,
    });
    const timer = setTimeout(() => {
      isTimedOut = true;
      try {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      } catch {
        // It has just ended.
      }
    }, 1000 * seconds);
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors += text;
    });
    // What it does not read is lost.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
    child.on("error", (error: NodeJS.ErrnoException) => {
      isMissing = error.code === "ENOENT";
      errors += error.message;
    });
    child.on("close", (status) => {
      clearTimeout(timer);
      const isKilled = isMissing || isTimedOut;
      resolve({ status: isKilled ? null : status, out, errors, isMissing, isTimedOut });
    });
  });
}

/** What to say of a command that failed. */
export function failureOf({ status, out, errors, isMissing, isTimedOut }: CommandResult): string {
  if (isMissing) return "not found";
  if (isTimedOut) return "not done in its time";
  const last = (text: string) => text.trim().split("\n").at(-1) ?? "";
  return `status ${status}: ${last(errors) || last(out)}`;
}
