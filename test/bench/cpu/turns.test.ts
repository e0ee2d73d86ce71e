/** Who is timed when, and what becomes of it: with peers and a meter that say what they are told to. */

import { expect, test } from "vitest";
import { jobOf } from "../../../bench/cpu/job.ts";
import type { Peak } from "../../../bench/cpu/peak.ts";
import { disagreement, rowsOf } from "../../../bench/cpu/rows.ts";
import { type Contender, takeTurns } from "../../../bench/cpu/turns.ts";
import { cpuWorkloads } from "../../../bench/cpu/workloads.ts";
import type { Answer, PeerProcess } from "../../../bench/peer-process.ts";

/** A contender whose answers are given, the last one again and again. */
function contender(name: string, ...answers: Answer[]): Contender & { readonly asked: string[] } {
  const asked: string[] = [];
  const request = async ({ command }: { readonly command: string }) => {
    asked.push(command);
    return answers[Math.min(asked.length, answers.length) - 1]!;
  };
  return { name, asked, process: { request } as unknown as PeerProcess };
}

function meter(...speedUps: number[]) {
  let next = 0;
  return {
    measure: (): Peak => {
      const speedUp = speedUps[Math.min(next++, speedUps.length - 1)]!;
      return { gflops: 100 * speedUp, speedUp };
    },
  };
}

const options = { id: "job", rounds: 2, seconds: 0.01 };

test("a round counts if the threads had cores of their own before and after it", async () => {
  const peer = contender("nnc", { seconds: 0.001 });
  const shared = await takeTurns([peer], { ...options, threads: 2, meter: meter(2, 1, 1, 2, 2) });
  // Before and after the first round; before the second, which is left; around the third.
  expect(shared.dropped).toBe(2);
  expect(shared.rounds.map(({ peak }) => peak?.speedUp)).toEqual([2, 2]);
  const never = await takeTurns([peer], { ...options, threads: 2, meter: meter(1.1) });
  expect(never.rounds).toEqual([]);
  const alone = await takeTurns([peer], { ...options, threads: 1, meter: meter(1) });
  expect([alone.rounds.length, alone.dropped]).toEqual([2, 0]);
});

test("a failure ends a peer's turns, and not the others'", async () => {
  const good = contender("nnc", { seconds: 0.001 });
  const bad = contender("peer", { error: "out of memory" });
  const turns = await takeTurns([good, bad], { ...options, threads: 1, meter: meter(1) });
  expect(turns.errors).toEqual(new Map([["peer", "out of memory"]]));
  expect(turns.rounds.map(({ seconds }) => [...seconds.keys()])).toEqual([["nnc"], ["nnc"]]);
  expect(bad.asked).toHaveLength(1);
});

test("what takes much longer than a turn is timed in one round", async () => {
  const slow = contender("slow", { seconds: 9 });
  const { rounds } = await takeTurns([slow], { ...options, threads: 1, meter: meter(1) });
  expect(rounds.map(({ seconds }) => seconds.get("slow"))).toEqual([9, undefined]);
});

test("figures are medians, ratios those within a round", () => {
  const [workload] = cpuWorkloads;
  const round = (nnc: number, peer: number) => ({
    peak: { gflops: 100, speedUp: 1 },
    seconds: new Map([
      ["nnc", nnc],
      ["peer", peer],
    ]),
  });
  const losses = { first: 2.4, twentieth: 2.3 };
  const [own, its, other] = rowsOf({
    job: jobOf(workload!, "step", 128),
    threads: 1,
    flops: 1e9,
    answers: new Map<string, Answer>([
      ["nnc", { ...losses, planned_bytes: 5, resident_bytes: 6, code_bytes: 7 }],
      ["peer", losses],
      ["other", { first: 2.5, twentieth: 2.4 }],
    ]),
    turns: {
      rounds: [round(0.125, 0.25), round(0.25, 1), round(0.125, 0.375)],
      dropped: 0,
      errors: new Map(),
    },
  });
  expect(own).toMatchObject({
    workload: "mlp_small",
    peer: "nnc",
    ratio_to_nnc: 1,
    ms_per_step: 125,
    ms_range: [125, 250],
    loss: 2.3,
    share_of_peak: 0.08,
    planned_bytes: 5,
    resident_bytes: 6,
    code_bytes: 7,
    node_bytes: null,
  });
  expect(its).toMatchObject({ ratio_to_nnc: 3, rounds: 3 });
  expect(other).toMatchObject({ peer: "other", why: expect.stringContaining("a loss of 2.5") });
});

test("inference is compared by its outputs, training by its losses", () => {
  const outputs = { outputs: [1, -2] };
  expect(disagreement({ kind: "inference" }, outputs, { outputs: [1, -2.0001] })).toBeUndefined();
  expect(disagreement({ kind: "inference" }, outputs, { outputs: [1, -2.1] })).toContain(
    "output 1",
  );
  expect(disagreement({ kind: "inference" }, outputs, {})).toContain("output 0");
  const losses = { first: 2, twentieth: 1 };
  expect(disagreement({ kind: "step" }, losses, { first: 2 })).toBeUndefined();
  expect(disagreement({ kind: "step" }, losses, {})).toContain("NaN");
  expect(disagreement({ kind: "step" }, losses, { error: "gone" })).toBe("gone");
});
