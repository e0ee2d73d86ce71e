/**
 * Peers timed in turns, each in a process of its own that lives through all rounds: neighbours in time see the same
 * machine. Beside each round stands what the machine could do then; rounds in which the threads had no cores of their own
 * are made again, as long as there is hope.
 */

import type { PeerProcess } from "../peer-process.ts";
import { median } from "../statistics.ts";
import { isWhole, type Peak, type PeakMeter } from "./peak.ts";

export interface Contender {
  readonly name: string;
  readonly process: PeerProcess;
}

export interface Round {
  readonly peak: Peak | null;
  /** Seconds of a step, by contender; slow ones are not in every round. */
  readonly seconds: ReadonlyMap<string, number>;
}

export interface Turns {
  readonly rounds: readonly Round[];
  /** Rounds in which the threads shared a core. */
  readonly dropped: number;
  /** What became of contenders that failed. */
  readonly errors: ReadonlyMap<string, string>;
}

export interface TurnOptions {
  /** Of the job, in all processes. */
  readonly id: string;
  readonly threads: number;
  readonly rounds: number;
  /** Of each contender in a round. */
  readonly seconds: number;
  readonly meter: Pick<PeakMeter, "measure">;
}

/** Chunks of a turn; its figure is their median, so that one interruption does not count. */
const chunks = 5;

/** A step that takes longer than a turn by this factor is timed once, in the first round. */
const slowness = 3;

/** Rounds that may be dropped for each that is wanted. */
const hope = 1;

/** Seconds that an answer may take beyond what was asked for. */
const patience = 120;

export async function takeTurns(
  contenders: readonly Contender[],
  { id, threads, rounds: wanted, seconds, meter }: TurnOptions,
): Promise<Turns> {
  const rounds: Round[] = [];
  const errors = new Map<string, string>();
  const slow = new Set<string>();
  let dropped = 0;
  while (rounds.length < wanted && dropped <= hope * wanted) {
    const before = meter.measure(threads);
    if (!isWhole(before, threads)) {
      dropped++;
      continue;
    }
    const times = new Map<string, number>();
    for (const { name, process } of contenders) {
      if (errors.has(name) || slow.has(name)) continue;
      const turn = await takeTurn(process, id, seconds);
      if (typeof turn === "string") errors.set(name, turn);
      else {
        times.set(name, turn);
        if (turn > slowness * seconds) slow.add(name);
      }
    }
    const after = threads === 1 ? before : meter.measure(threads);
    if (isWhole(after, threads)) rounds.push({ peak: before, seconds: times });
    else dropped++;
  }
  return { rounds, dropped, errors };
}

/** Seconds of one step, or what went wrong. */
async function takeTurn(
  process: PeerProcess,
  id: string,
  seconds: number,
): Promise<number | string> {
  const times: number[] = [];
  for (let spent = 0; spent < seconds && times.length < chunks; ) {
    const start = performance.now();
    const command = { command: "time", id, seconds: seconds / chunks } as const;
    const answer = await process.request(command, patience);
    if (answer.seconds === undefined) return answer.error ?? "answered nothing";
    times.push(answer.seconds);
    spent += (performance.now() - start) / 1000;
  }
  return median(times);
}
