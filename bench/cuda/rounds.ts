/** Peers timed in turns: neighbours in time see the same machine, so ratios are taken within a round. */

import type { PeerProcess } from "../peer-process.ts";
import { median } from "../statistics.ts";

export interface Contender {
  readonly name: string;
  readonly process: PeerProcess;
  /** Of the job in that process. */
  readonly id: string;
}

export interface Timing {
  readonly name: string;
  /** Medians over the rounds, the smallest and the largest. */
  readonly seconds: number;
  readonly least: number;
  readonly most: number;
  /** Time of this contender over the first one's: above 1, the first is faster. */
  readonly ratio: number;
  readonly error?: undefined;
}

export interface Failure {
  readonly name: string;
  readonly error: string;
}

export interface RoundOptions {
  readonly rounds: number;
  /** Of each contender in a round. */
  readonly seconds: number;
}

/** Seconds that an answer may take beyond what was asked for: first repetitions compile and find their number. */
const patience = 20;

/** The first contender is what the others are held against. */
export async function takeRounds(
  contenders: readonly Contender[],
  { rounds, seconds }: RoundOptions,
): Promise<(Timing | Failure)[]> {
  const times = contenders.map((): number[] => []);
  const errors = new Map<number, string>();
  // The round before the first lets everyone find the number of repetitions.
  for (let round = -1; round < rounds; round++) {
    for (const [i, { process, id }] of contenders.entries()) {
      if (errors.has(i)) continue;
      const answer = await process.request({ command: "time", id, seconds }, patience);
      if (answer.seconds === undefined) errors.set(i, answer.error ?? "answered nothing");
      else if (round >= 0) times[i]!.push(answer.seconds);
    }
  }
  return contenders.map(({ name }, i) => {
    const error = errors.get(i);
    return error === undefined ? timingOf(name, times[i]!, times[0]!) : { name, error };
  });
}

/** NaN as a ratio where the first has no times. */
export function timingOf(name: string, times: readonly number[], first: readonly number[]): Timing {
  const ratios = times.map((time, round) => time / (first[round] ?? Number.NaN));
  return {
    name,
    seconds: median(times),
    least: Math.min(...times),
    most: Math.max(...times),
    ratio: median(ratios),
  };
}
