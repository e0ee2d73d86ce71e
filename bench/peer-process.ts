/** A peer in a process of its own: commands go in as JSON lines, one at a time, and answers come out. */

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** What is measured, as data; the benchmark that runs it says what else belongs to one. */
export interface AnyJob {
  /** Unique among all jobs of a process. */
  readonly id: string;
}

export type Command<J extends AnyJob = AnyJob> =
  | { readonly command: "open"; readonly job: J; readonly folder: string }
  | { readonly command: "time"; readonly id: string; readonly seconds: number }
  | { readonly command: "close"; readonly id: string };

export interface OpenAnswer {
  /** Losses of the first and of the twentieth training step. */
  readonly first?: number;
  readonly twentieth?: number;
  /** When the first loss was on the host, in seconds since 1970. */
  readonly first_step_at?: number;
  /** Of a product: what rounding its operands takes, in kernels of their own before it. */
  readonly copy_seconds?: number;
  /** Of inference: some of its outputs, the same ones of every peer. */
  readonly outputs?: readonly number[];
  /**
   * Of nnc on the CPU: the arenas, and by how much the resident set grew while it trained, the pages of its code apart; what
   * was there before.
   */
  readonly planned_bytes?: number;
  readonly resident_bytes?: number;
  readonly code_bytes?: number;
  readonly node_bytes?: number;
}

export interface Answer extends OpenAnswer {
  readonly seconds?: number;
  readonly error?: string;
}

export interface PeerCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** What is kept of what a peer says on its standard error. */
const errorBytes = 4000;

export class PeerProcess {
  /** Seconds since 1970. */
  readonly startedAt = Date.now() / 1000;
  readonly #child: ChildProcess;
  readonly #waiting: ((answer: Answer) => void)[] = [];
  #errors = "";
  #ended: string | undefined;

  constructor({ program, args, environment }: PeerCommand) {
    this.#child = spawn(program, args, {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, ...environment },
      // A group of its own: compilers that a peer starts end with it.
      detached: true,
    });
    this.#child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.#errors = (this.#errors + text).slice(-errorBytes);
    });
    createInterface({ input: this.#child.stdout! }).on("line", (line) => {
      // Libraries may print there, too.
      if (line.startsWith("{")) this.#waiting.shift()?.(JSON.parse(line) as Answer);
    });
    // Its end is seen below; what it no longer reads is lost.
    this.#child.stdin!.on("error", () => {});
    this.#child.on("error", (error) => this.#end(error.message));
    this.#child.on("close", (code, signal) => this.#end(this.#lastWords(code, signal)));
  }

  /** The answer; an error too if the process ends before or has not answered in time, which ends it. */
  async request<J extends AnyJob>(command: Command<J>, seconds: number): Promise<Answer> {
    if (this.#ended !== undefined) return { error: this.#ended };
    const answer = new Promise<Answer>((resolve) => this.#waiting.push(resolve));
    this.#child.stdin!.write(`${JSON.stringify(command)}\n`);
    const timer = setTimeout(() => {
      this.dispose();
      this.#end(`no answer to ${command.command} within ${Math.round(seconds)} s`);
    }, 1000 * Math.max(0, seconds));
    try {
      return await answer;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the process and those that it started. */
  dispose(): void {
    const { pid } = this.#child;
    if (pid === undefined || this.#ended !== undefined) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // It has just ended.
    }
  }

  #end(reason: string): void {
    this.#ended ??= reason;
    for (const resolve of this.#waiting.splice(0)) resolve({ error: this.#ended });
  }

  #lastWords(code: number | null, signal: NodeJS.Signals | null): string {
    const last = this.#errors.trim().split("\n").at(-1) ?? "";
    return `ended with ${signal ?? `status ${code}`}${last === "" ? "" : `: ${last}`}`;
  }
}
