/** nnc and PyTorch side by side, one small job after the other: products against cuBLAS, passes over memory. */

import { join } from "node:path";
import { type OpenAnswer, PeerProcess } from "../../peer-process.ts";
import type { Budget } from "../budget.ts";
import type { Job } from "../job.ts";
import { nncWorker, torchPeer } from "../peers.ts";
import type { PartName } from "../report.ts";
import { type Contender, type Failure, type Timing, takeRounds } from "../rounds.ts";
import type { RunContext } from "./context.ts";

/** Seconds that a job may take to open: uploads of some 100 MB and one run. */
const patience = 30;

export type PairTiming = Timing & { readonly opened: OpenAnswer };

export class Pair {
  readonly #own = new PeerProcess(nncWorker("fused"));
  readonly #torch: PeerProcess | undefined;
  readonly #part: PartName;
  readonly #budget: Budget;
  readonly #context: RunContext;

  constructor(part: PartName, budget: Budget, context: RunContext) {
    this.#part = part;
    this.#budget = budget;
    this.#context = context;
    this.#torch =
      context.machine.torch === null ? undefined : new PeerProcess(torchPeer(context, "eager"));
  }

  /** By name of the peer. What went wrong is reported; nothing comes of it if the time is spent. */
  async measure(job: Job, hasOwn = true): Promise<ReadonlyMap<string, PairTiming>> {
    const { folder, quick, report } = this.#context;
    if (this.#budget.isSpent) {
      report.skip(this.#part, job.id, "the time is spent");
      return new Map();
    }
    const contenders: Contender[] = [];
    const answers = new Map<string, OpenAnswer>();
    const processes = {
      ...(hasOwn ? { nnc: this.#own } : {}),
      ...(this.#torch ? { torch: this.#torch } : {}),
    };
    for (const [name, process] of Object.entries(processes)) {
      const command = { command: "open", job, folder: join(folder, job.id) } as const;
      const answer = await process.request(command, patience);
      answers.set(name, answer);
      if (answer.error === undefined) contenders.push({ name, process, id: job.id });
      else report.fail(this.#part, `${job.id}, ${name}`, answer.error);
    }
    const options = quick ? { rounds: 2, seconds: 0.005 } : { rounds: 5, seconds: 0.03 };
    const timings = await takeRounds(contenders, options);
    for (const { process, id } of contenders)
      await process.request({ command: "close", id }, patience);
    return new Map(
      timings
        .flatMap((timing) => this.#successful(job, timing))
        .map(([name, timing]) => [name, { ...timing, opened: answers.get(name)! }]),
    );
  }

  dispose(): void {
    this.#own.dispose();
    this.#torch?.dispose();
  }

  #successful(job: Job, timing: Timing | Failure): [string, Timing][] {
    if (timing.error === undefined) return [[timing.name, timing]];
    this.#context.report.fail(this.#part, `${job.id}, ${timing.name}`, timing.error);
    return [];
  }
}
