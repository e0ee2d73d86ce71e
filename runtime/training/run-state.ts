/**
 * Everything besides tensors that a training is made of between two batches. With the persistent arena it
 * determines all that follows, so this is what a checkpoint holds.
 */

import type { CallbackState } from "./callbacks/callback.ts";
import { emptyHistory, type History } from "./history.ts";

export interface RunState {
  /** Of initial weights, shuffling and random numbers in the model. */
  readonly seed: number;
  /** Rows of a full batch and of the data: a position within an epoch means nothing with others. */
  readonly batchSize: number;
  readonly trainingRows: number;
  /** The epoch under way, from 0, and how many of its batches are done. */
  readonly epoch: number;
  readonly position: number;
  /** Epochs of earlier calls of `fit` on this model: shuffling goes on where they ended. */
  readonly earlierEpochs: number;
  /** Batches trained so far, and updates made, of all kinds together. */
  readonly batch: number;
  readonly t: number;
  /** Updates made by the names of their graphs. */
  readonly updates: Readonly<Record<string, number>>;
  /** Run-time numbers as they are now, `learning_rate` among them. */
  readonly hypers: Readonly<Record<string, number>>;
  /** The same as the model's file had them, as far as the run knows; those that it was given since are none of these. */
  readonly planned: Readonly<Record<string, number>>;
  readonly history: History;
  /** In order of the train block's callbacks. */
  readonly callbacks: readonly { readonly name: string; readonly state: CallbackState | null }[];
  /** A callback ended the training; there is nothing to resume. */
  readonly stopped: boolean;
}

export function initialRunState(
  seed: number,
  batchSize: number,
  trainingRows: number,
  hypers: Readonly<Record<string, number>>,
): RunState {
  return {
    seed,
    batchSize,
    trainingRows,
    epoch: 0,
    position: 0,
    earlierEpochs: 0,
    batch: 0,
    t: 0,
    updates: {},
    hypers,
    planned: hypers,
    history: emptyHistory,
    callbacks: [],
    stopped: false,
  };
}

/** What a resumed run keeps of its own that the model's file has changed since, in words: nobody would notice else. */
export function outdatedNumbers(
  { hypers, planned }: RunState,
  now: Readonly<Record<string, number>>,
): readonly string[] {
  return Object.entries(now).flatMap(([name, value]) => {
    const kept = hypers[name];
    const before = planned[name];
    if (before === undefined || before === value || kept === value) return [];
    const how = name === "learning_rate" ? ` (--learning-rate ${value} takes that)` : "";
    return [
      `the run goes on with the checkpoint's ${name} ${kept}; the model's file now says ${value}${how}`,
    ];
  });
}
