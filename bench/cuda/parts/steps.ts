/** Training steps, nnc fused and unfused against PyTorch and JAX. */

import { join } from "node:path";
import { type LossTolerance, lossDisagreement } from "../../loss-check.ts";
import type { OpenAnswer } from "../../peer-process.ts";
import { PeerProcess } from "../../peer-process.ts";
import type { Budget } from "../budget.ts";
import type { Precision, StepJob } from "../job.ts";
import type { Openings } from "../openings.ts";
import { nncWorker, type Peer, torchPeer } from "../peers.ts";
import { type Contender, takeRounds } from "../rounds.ts";
import type { RunContext } from "./context.ts";

/** With what rounding of operands makes of the gradients, in which libraries differ: PyTorch keeps more in f32 than JAX. */
export const tolerances: { readonly [P in Precision]: LossTolerance } = {
  f32: { first: 1e-4, progress: 0.02 },
  tf32: { first: 2e-3, progress: 0.1 },
  bf16: { first: 1e-2, progress: 0.2 },
};

export async function runSteps(
  jobs: readonly StepJob[],
  peers: readonly Peer[],
  openings: Openings,
  budget: Budget,
  context: RunContext,
): Promise<void> {
  for (const job of jobs) {
    if (budget.isSpent) {
      context.report.skip("steps", job.id, "the time is spent");
      continue;
    }
    const takers = peers.filter(({ takes }) => takes(job));
    const ready: { contender: Contender; answer: OpenAnswer }[] = [];
    for (const peer of takers) {
      const opened = await openings.opened(peer, job);
      if (opened === undefined) continue;
      const { process, answer } = opened;
      if (answer.error !== undefined)
        context.report.fail("steps", `${job.id}, ${peer.name}`, answer.error);
      else ready.push({ contender: { name: peer.name, process, id: job.id }, answer });
    }
    await compare(job, ready, context);
    for (const peer of takers) await openings.close(peer, job);
  }
}

/** Ratios are to the first, and it must be nnc: without it there is nothing to compare. */
async function compare(
  job: StepJob,
  ready: readonly { contender: Contender; answer: OpenAnswer }[],
  { quick, report }: RunContext,
): Promise<void> {
  const own = ready[0];
  if (own === undefined || own.contender.name !== "nnc") return;
  const agreeing = ready.filter(({ contender: { name }, answer }) => {
    const disagreement = lossDisagreement(
      lossesOf(own.answer),
      lossesOf(answer),
      tolerances[job.precision],
    );
    if (disagreement === undefined) return true;
    report.fail("steps", `${job.id}, ${name}`, `computes something else: ${disagreement}`);
    return false;
  });
  const contenders = agreeing.map(({ contender }) => contender);
  const timings = await takeRounds(
    contenders,
    quick ? { rounds: 2, seconds: 0.02 } : { rounds: 5, seconds: 0.1 },
  );
  for (const [i, timing] of timings.entries()) {
    if (timing.error !== undefined) {
      report.fail("steps", `${job.id}, ${timing.name}`, timing.error);
      continue;
    }
    const { first, twentieth } = agreeing[i]!.answer;
    report.add("steps", {
      job: job.id,
      precision: job.precision,
      peer: timing.name,
      ms_per_step: 1e3 * timing.seconds,
      ms_range: [1e3 * timing.least, 1e3 * timing.most],
      ratio_to_nnc: timing.ratio,
      first_loss: first,
      loss: twentieth,
    });
  }
  report.say(`steps: ${job.id}: ${timings.map(({ name }) => name).join(", ")}`);
}

function lossesOf({ first = Number.NaN, twentieth = Number.NaN }: OpenAnswer) {
  return { first, twentieth };
}

/** `max-autotune` compiles for minutes: only the largest nets, and only if there is time. */
export async function runAutotune(
  jobs: readonly StepJob[],
  budget: Budget,
  context: RunContext,
): Promise<void> {
  const { folder, report } = context;
  const chosen = jobs.filter(
    ({ network, precision }) =>
      (network === "transformer" || network === "mlp") && precision === "bf16",
  );
  const least = 60;
  if (budget.remaining < least) {
    report.skip("steps", "torch-autotune", "the time is spent");
    return;
  }
  const open = async (
    name: string,
    command: ConstructorParameters<typeof PeerProcess>[0],
    job: StepJob,
  ) => {
    const process = new PeerProcess(command);
    const request = { command: "open", job, folder: join(folder, job.id) } as const;
    const answer = await process.request(request, budget.remaining);
    return { contender: { name, process, id: job.id }, answer };
  };
  const opened = await Promise.all(
    chosen.map((job) =>
      Promise.all([
        open("nnc", nncWorker("fused"), job),
        open("torch-autotune", torchPeer(context, "autotune"), job),
      ]),
    ),
  );
  for (const [i, pair] of opened.entries()) {
    const failed = pair.find(({ answer }) => answer.error !== undefined);
    if (failed === undefined) await compare(chosen[i]!, pair, context);
    else report.fail("steps", `${chosen[i]!.id}, ${failed.contender.name}`, failed.answer.error!);
    for (const { contender } of pair) contender.process.dispose();
  }
}
