/** What `fit` returns, as Keras' `History`: the metrics of every epoch that ran. */

import type { Logs } from "./callbacks/callback.ts";

export interface History {
  /** Numbers of the epochs, from 0. */
  readonly epoch: readonly number[];
  /** By metric, one value an epoch; an entry that began late has fewer values, as in Keras. */
  readonly history: Readonly<Record<string, readonly number[]>>;
}

export const emptyHistory: History = { epoch: [], history: {} };

export function appendEpoch(
  { epoch, history }: History,
  number: number,
  logs: Readonly<Logs>,
): History {
  const extended: Record<string, readonly number[]> = { ...history };
  for (const [name, value] of Object.entries(logs)) {
    extended[name] = [...(extended[name] ?? []), value];
  }
  return { epoch: [...epoch, number], history: extended };
}
