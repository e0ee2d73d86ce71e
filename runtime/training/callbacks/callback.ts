/**
 * What a callback is. The hooks, their order and their arguments are those of Keras 3 (`callbacks/callback.py`);
 * epochs and batches count from 0. A callback's state goes into checkpoints, so that a resumed run decides as the
 * unbroken one would have.
 */

import type { TensorData } from "../../data/column.ts";
import type { FileStorage } from "../../storage/file-storage.ts";

/** Metrics by name, `loss` first, then `val_…`; hooks may add entries, which later callbacks and History see. */
export type Logs = Record<string, number>;

/** Params and layer states by path. */
export type WeightsSnapshot = ReadonlyMap<string, TensorData>;

/** What a callback may see of a running `fit`, and do to it. */
export interface TrainingControl {
  /** Names of the metrics without `val_`. */
  readonly metrics: readonly string[];
  /** Where this run keeps its files. */
  readonly storage: FileStorage;
  /** The learning rate now in use; undefined if the optimizer has none that can change. */
  learningRate(): number | undefined;
  setLearningRate(value: number): void;
  /** Ends training when the current batch, and the epoch's validation, are done. */
  stop(): void;
  /** Marks the run as failed: the command line exits with a code other than 0. */
  fail(message: string): void;
  /** What a schedule of the model's file makes of an epoch and a learning rate. */
  scheduled(schedule: string, epoch: number, learningRate: number): number;
  /** Whether the optimizer keeps values that take the place of weights when training ends, such as averages. */
  readonly hasFinalValues: boolean;
  exchangeFinalValues(): Promise<void>;
  snapshotWeights(): Promise<WeightsSnapshot>;
  restoreWeights(weights: WeightsSnapshot): Promise<void>;
  /** Writes a weights file, or a whole checkpoint, atomically, making its folder if need be. */
  save(path: string, content: "weights" | "checkpoint"): Promise<void>;
  message(text: string): void;
  warn(text: string): void;
}

/** Plain data for a checkpoint's metadata, and weights to keep beside it. */
export interface CallbackState {
  readonly values: Readonly<Record<string, number | string | boolean | null | readonly string[]>>;
  readonly weights?: WeightsSnapshot | undefined;
}

export interface Callback {
  readonly name: string;
  /** Backups that a run goes on from, if there are any, the newest first. */
  readonly backups?: readonly string[];
  /** Files that it writes, perhaps with fields to be filled in: whether they can be written is checked at the start. */
  readonly files?: readonly string[];
  /** Files to remove when training is over. */
  readonly obsolete?: readonly string[];
  /** Stop exactly after the first batch whose loss is NaN or infinite, and call `onNonFinite`. */
  readonly watchesLoss?: boolean;
  /** Batches until `onBatchEnd` has to be called, counted from now; batches run in bulk up to there. */
  batchesUntilCall?(): number;
  onTrainBegin?(control: TrainingControl): void | Promise<void>;
  /** Not where a run goes on within the epoch. */
  onEpochBegin?(epoch: number, control: TrainingControl): void | Promise<void>;
  /** Before the batches that `batchesUntilCall` asks for, if they are one. */
  onBatchBegin?(
    at: { readonly epoch: number; readonly batch: number },
    control: TrainingControl,
  ): void | Promise<void>;
  /** Around the validation of an epoch. */
  onTestBegin?(control: TrainingControl): void | Promise<void>;
  onTestEnd?(control: TrainingControl): void | Promise<void>;
  /** Called where `batchesUntilCall` asked for it; `ran` batches have run since the last call. */
  onBatchesRun?(
    at: { readonly epoch: number; readonly batch: number; readonly ran: number },
    control: TrainingControl,
    logs: () => Promise<Logs>,
  ): void | Promise<void>;
  onNonFinite?(
    at: { readonly epoch: number; readonly batch: number; readonly loss: number },
    control: TrainingControl,
  ): void;
  onEpochEnd?(epoch: number, logs: Logs, control: TrainingControl): void | Promise<void>;
  onTrainEnd?(control: TrainingControl): void | Promise<void>;
  /** Undefined where there is nothing to keep. */
  state?(): CallbackState;
  /** After `onTrainBegin`, when a run is resumed. */
  restore?(state: CallbackState): void;
}
