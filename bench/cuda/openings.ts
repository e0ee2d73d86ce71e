/**
 * Peers with training steps that are ready to be timed. They get ready at the same time, each compiling in its own way,
 * while other things go on; they are timed later, one at a time.
 */

import { join } from "node:path";
import { type Answer, PeerProcess } from "../peer-process.ts";
import type { Budget } from "./budget.ts";
import type { StepJob } from "./job.ts";
import type { Peer } from "./peers.ts";

export interface Opening {
  readonly process: PeerProcess;
  readonly answer: Promise<Answer>;
}

/** Lets so many tasks run at a time, the first come first. */
export function limiter(atMost: number): <T>(task: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (task) => {
    if (running === atMost) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}

export class Openings {
  readonly #folder: string;
  readonly #budget: Budget;
  readonly #limit: <T>(task: () => Promise<T>) => Promise<T>;
  readonly #shared = new Map<string, PeerProcess>();
  readonly #started: PeerProcess[] = [];
  readonly #opened = new Map<string, Promise<{ process: PeerProcess; answer: Answer }>>();

  /** Until the budget is spent; `folder` has those of the jobs. */
  constructor(folder: string, budget: Budget, atOnce: number) {
    this.#folder = folder;
    this.#budget = budget;
    this.#limit = limiter(atOnce);
  }

  open(peer: Peer, job: StepJob): void {
    const request = (process: PeerProcess) =>
      process.request(
        { command: "open", job, folder: join(this.#folder, job.id) },
        this.#budget.remaining,
      );
    const opened = peer.isShared
      ? this.#openShared(peer, request)
      : this.#limit(async () => {
          const process = this.#start(peer);
          return { process, answer: await request(process) };
        });
    this.#opened.set(key(peer, job), opened);
  }

  /** What came of it; undefined if it was not opened. */
  async opened(
    peer: Peer,
    job: StepJob,
  ): Promise<{ process: PeerProcess; answer: Answer } | undefined> {
    return this.#opened.get(key(peer, job));
  }

  /** When all are ready, have failed, or are late. */
  async settled(): Promise<void> {
    await Promise.all(this.#opened.values());
  }

  /** Forgets a job, and ends processes that were for it alone. */
  async close(peer: Peer, job: StepJob): Promise<void> {
    const opened = await this.opened(peer, job);
    if (opened === undefined) return;
    if (peer.isShared) await opened.process.request({ command: "close", id: job.id }, 10);
    else opened.process.dispose();
  }

  dispose(): void {
    for (const process of this.#started) process.dispose();
  }

  /** Commands of a process wait for each other. */
  async #openShared(peer: Peer, request: (process: PeerProcess) => Promise<Answer>) {
    const process = this.#shared.get(peer.name) ?? this.#start(peer);
    this.#shared.set(peer.name, process);
    return { process, answer: await request(process) };
  }

  #start(peer: Peer): PeerProcess {
    const process = new PeerProcess(peer.command);
    this.#started.push(process);
    return process;
  }
}

function key(peer: Peer, job: StepJob): string {
  return `${peer.name}/${job.id}`;
}
