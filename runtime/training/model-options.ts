/** The options of a model's methods, and a check of their names for programs that no type checker has seen. */

import type { CallbackSpec } from "../plan.ts";
import type { Callback } from "./callbacks/callback.ts";
import { TrainingError } from "./error.ts";
import type { FitProgress } from "./report/progress-reporter.ts";
import type { Reporter } from "./report/reporter.ts";

/** Keras' arguments of `fit`; what is left out is as in the model's train block. */
export interface FitOptions<Data> {
  readonly epochs?: number;
  readonly batchSize?: number;
  readonly shuffle?: boolean;
  /** The number of the first epoch; `epochs` is that after the last. */
  readonly initialEpoch?: number;
  /** Batches of an epoch, where that is not once through the rows; the next epoch goes on where it ends. */
  readonly stepsPerEpoch?: number;
  /** Batches to validate on, where that is not all of them. */
  readonly validationSteps?: number;
  /** Epochs from one validation to the next, or those after which there is one, counted from 1. */
  readonly validationFreq?: number | readonly number[];
  readonly learningRate?: number;
  /** Run-time numbers of the optimizer by name, `learning_rate` among them. */
  readonly hypers?: Readonly<Record<string, number>>;
  /** A share of the rows, taken from their end, or data of its own; null for none. */
  readonly validation?: number | Data | null;
  readonly callbacks?: readonly (CallbackSpec | Callback)[];
  /** Prints a line an epoch. */
  readonly verbose?: boolean;
  /** Gets what training has to say, instead of the console. */
  readonly reporter?: Reporter;
  /** Called several times a second while an epoch runs. */
  readonly onProgress?: (progress: FitProgress) => void;
  /** File to keep the run in, for the method `resume`: in the working folder, or among those of the browser's origin. */
  readonly checkpoint?: string;
  /** Write it within epochs too, every so many seconds; by default only between them. */
  readonly checkpointSeconds?: number;
  /** Pauses after the steps in flight: `fit` gives the history so far, and with `resume: true` goes on. */
  readonly signal?: AbortSignal;
  /** Goes on with the run that `signal` paused, with the same data, instead of beginning one. */
  readonly resume?: boolean;
  /** Trains even on a device that fails the self-test. */
  readonly force?: boolean;
}

export interface LoadOptions {
  /** Leaves out what the file does not have, or has with other shapes. */
  readonly skipMismatch?: boolean;
  /** What parts of the model are called in the file: `{ "Mine/trunk": "Digits/encoder" }`; implies `skipMismatch`. */
  readonly parts?: Readonly<Record<string, string>>;
}

export interface BatchOptions {
  readonly batchSize?: number;
}

export const fitOptionNames: OptionNames<FitOptions<unknown>> = {
  epochs: true,
  batchSize: true,
  shuffle: true,
  initialEpoch: true,
  stepsPerEpoch: true,
  validationSteps: true,
  validationFreq: true,
  learningRate: true,
  hypers: true,
  validation: true,
  callbacks: true,
  verbose: true,
  reporter: true,
  onProgress: true,
  checkpoint: true,
  checkpointSeconds: true,
  signal: true,
  resume: true,
  force: true,
};
export const batchOptionNames: OptionNames<BatchOptions> = { batchSize: true };
export const loadOptionNames: OptionNames<LoadOptions> = { skipMismatch: true, parts: true };

/** A row for each option, so that none is forgotten. */
export type OptionNames<Options> = { readonly [K in keyof Required<Options>]: true };

/** @throws TrainingError for an option that the method does not take. */
export function checkOptions(
  method: string,
  names: Readonly<Record<string, true>>,
  given: object,
): void {
  const unknown = Object.keys(given).find((name) => !(name in names));
  if (unknown === undefined) return;
  throw new TrainingError(
    `${method} has no option ${unknown}`,
    `it has ${Object.keys(names).join(", ")}`,
  );
}

/**
 * For `create` of a trainer that was built for `device`.
 * @throws TrainingError for an option that it does not take, or another device.
 */
export function checkCreation(
  device: string,
  names: Readonly<Record<string, true>>,
  given: { readonly device?: string },
): void {
  checkOptions("create", names, given);
  const { device: wanted = "auto" } = given;
  if (wanted === "auto" || wanted === device) return;
  throw new TrainingError(
    `this trainer was built for ${device}, not for ${wanted}`,
    "leave device out, or build one with another --target",
  );
}
