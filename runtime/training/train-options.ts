/** What a call of `fit` may ask for, and how it is checked. */

import type { Column } from "../data/column.ts";
import type { CallbackSpec, TrainingPlan } from "../plan.ts";
import type { Callback } from "./callbacks/callback.ts";
import { allRows, type Dataset, type Selection, splitRows } from "./dataset.ts";
import { TrainingError } from "./error.ts";
import type { Reporter } from "./report/reporter.ts";

/** What `fit` takes; the train block of the model says what is left out. */
export interface TrainOptions {
  readonly epochs?: number | undefined;
  readonly batchSize?: number | undefined;
  readonly shuffle?: boolean | undefined;
  /** The number of the first epoch; `epochs` is that after the last. */
  readonly initialEpoch?: number | undefined;
  /** Batches of an epoch, where that is not once through the rows. */
  readonly stepsPerEpoch?: number | undefined;
  /** A share of the rows, taken from their end, or columns of its own; null for none. */
  readonly validation?: number | readonly Column[] | null | undefined;
  /** Batches to validate on, where that is not all of them. */
  readonly validationSteps?: number | undefined;
  /** Epochs from one validation to the next, or those after which there is one, counted from 1. */
  readonly validationFreq?: number | readonly number[] | undefined;
  readonly callbacks?: readonly (CallbackSpec | Callback)[] | undefined;
  readonly reporter?: Reporter | undefined;
  /** File to keep the run in, so that it can be resumed. */
  readonly checkpoint?: string | undefined;
  /** Also save within epochs, after so many seconds; by default only between them. */
  readonly checkpointSeconds?: number | undefined;
  /** Interrupts the run after the steps in flight; nothing of it is lost, see `resume`. */
  readonly signal?: AbortSignal | undefined;
  /** Goes on with the run that `signal` interrupted, with the same data, instead of beginning one. */
  readonly resume?: boolean | undefined;
  /** Trains even on a device that fails the self-test. */
  readonly force?: boolean | undefined;
}

/** Rows to train on, and rows held back where validation is a share of them. */
export function divide(
  dataset: Dataset,
  validation: TrainOptions["validation"] | TrainingPlan["validation"],
): { readonly train: Selection; readonly validation: Selection | null } {
  if (typeof validation === "number") return splitRows(dataset, validation);
  if (typeof validation === "object" && validation !== null && "fraction" in validation) {
    return splitRows(dataset, validation.fraction);
  }
  return { train: allRows(dataset), validation: null };
}

export function optionalCount(what: string, value: number | undefined): number | undefined {
  return value === undefined ? undefined : checkCount(what, value, 1);
}

export function checkCount(what: string, value: number, least: number): number {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new TrainingError(`${what} must be a whole number of at least ${least}, not ${value}`);
  }
  return value;
}
