/**
 * What the page and its worker say to each other: plain data, so that it can be cloned. The page asks; the worker
 * answers with events, in their order, and never keeps the page waiting.
 */

import type { TensorData } from "../data/column.ts";
import type { ElementType, TrainerPlan } from "../plan.ts";

/** What the user may choose; the model's train block says what it starts from. */
export interface Settings {
  readonly epochs: number;
  readonly batchSize: number;
  readonly seed: number;
  /** Run-time numbers of the optimizer, `learning_rate` among them. */
  readonly hypers: Readonly<Record<string, number>>;
}

export type Logs = Readonly<Record<string, number>>;

/** Where the bytes of a data file come from. */
export type FileSource =
  | { readonly kind: "server" }
  | { readonly kind: "file"; readonly file: File }
  | { readonly kind: "url"; readonly url: string };

/** A file that the model's data blocks name. */
export interface FileStatus {
  /** As in the model. */
  readonly path: string;
  readonly state: "missing" | "available" | "loading" | "loaded" | "failed";
  /** Where it comes from: a name or an address. */
  readonly origin: string | null;
  /** Of the file, as far as known; of what has been loaded while that goes on. */
  readonly bytes: number | null;
  readonly loadedBytes: number;
  /** Rows of each block, once it was read: `train`, `test`. */
  readonly rows: Readonly<Record<string, number>>;
  readonly problem: Problem | null;
}

/** What went wrong, in words for people, and what to do about it. */
export interface Problem {
  readonly title: string;
  readonly detail: string;
  readonly advice: string | null;
}

/** A run that this browser keeps. */
export interface KeptRun {
  readonly savedAt: number;
  /** It was to have so many. */
  readonly epochs: number;
  readonly bytes: number;
  readonly epoch: number;
  readonly position: number;
  readonly batches: number;
}

/** Where a run stands, when the page is to show another one than it did. */
export interface RunSummary {
  readonly seed: number;
  readonly batchSize: number;
  readonly epoch: number;
  readonly position: number;
  readonly batches: number;
  readonly updates: number;
  readonly hypers: Readonly<Record<string, number>>;
  /** It is to have so many; null for one that does not say, from a file. */
  readonly epochs: number | null;
  /** By metric, one value an epoch. */
  readonly history: Readonly<Record<string, readonly number[]>>;
}

export interface OutputValues {
  readonly name: string;
  readonly dtype: ElementType;
  /** Of one row. */
  readonly shape: readonly number[];
  readonly data: TensorData;
}

/** A row of the data, chosen at random. */
export interface Sample {
  readonly block: string;
  readonly row: number;
  /** By column, inputs and targets. */
  readonly values: Readonly<Record<string, TensorData>>;
}

export type Request =
  /** Opens the device and tests it; `force` goes on with one that failed its test. */
  | { readonly kind: "open"; readonly force: boolean }
  | { readonly kind: "use-file"; readonly path: string; readonly source: FileSource }
  | { readonly kind: "train"; readonly settings: Settings }
  | { readonly kind: "pause" }
  /** Forgets the run: new weights from the seed. */
  | { readonly kind: "reset"; readonly seed: number }
  | { readonly kind: "evaluate" }
  | { readonly kind: "resume-kept" }
  | { readonly kind: "discard-kept" }
  | { readonly kind: "predict"; readonly inputs: Readonly<Record<string, TensorData>> }
  | { readonly kind: "sample" }
  | { readonly kind: "export"; readonly content: "checkpoint" | "weights" }
  | { readonly kind: "import"; readonly file: File };

/** What the worker does; whatever else is asked for waits until it is done. */
export type Busy = "opening" | "testing" | "loading" | "evaluating" | "restoring";

/** Kernels are compiled beside all else: only steps that run them wait. */
export interface Compiling {
  readonly done: number;
  readonly all: number;
}

export type WorkerEvent =
  | { readonly kind: "plan"; readonly plan: TrainerPlan; readonly files: readonly FileStatus[] }
  | { readonly kind: "busy"; readonly busy: Busy | null }
  | { readonly kind: "compiling"; readonly compiling: Compiling | null }
  | { readonly kind: "opened"; readonly device: string; readonly software: boolean }
  | {
      readonly kind: "self-test";
      readonly result:
        | { readonly passed: true; readonly compared: number }
        | {
            readonly passed: false;
            readonly deviations: readonly string[];
            readonly forced: boolean;
          }
        | null;
    }
  | { readonly kind: "file"; readonly file: FileStatus }
  /** What training images look like: see `image/image-input.ts`. */
  | { readonly kind: "palette"; readonly maximum: number; readonly darkOnLight: boolean }
  | {
      readonly kind: "run-begin";
      readonly epochs: number;
      readonly rows: number;
      readonly validates: boolean;
    }
  | { readonly kind: "progress"; readonly progress: Progress }
  | { readonly kind: "epoch-end"; readonly epoch: number; readonly logs: Logs }
  | { readonly kind: "run-end"; readonly end: "completed" | "paused" | "failed" }
  /** The run that is shown is another one now: restored, uploaded, or new. */
  | { readonly kind: "run"; readonly run: RunSummary }
  | { readonly kind: "tested"; readonly logs: Logs; readonly rows: number }
  | { readonly kind: "kept"; readonly kept: KeptRun | null; readonly fromEarlierVisit: boolean }
  | { readonly kind: "prediction"; readonly outputs: readonly OutputValues[] }
  | { readonly kind: "sample"; readonly sample: Sample }
  | { readonly kind: "exported"; readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "notice"; readonly notice: Notice };

export interface Progress {
  readonly epoch: number;
  readonly batch: number;
  readonly batches: number;
  /** Means since the epoch began. */
  readonly logs: Logs;
  readonly samplesPerSecond: number | null;
  readonly secondsLeft: number | null;
}

export interface Notice {
  readonly level: "error" | "warning" | "note";
  readonly problem: Problem;
  /** What the user can do about it with one button. */
  readonly action: "reopen" | "force" | null;
}

/** Narrows `Request` or `WorkerEvent` by its kind. */
export type OfKind<
  Message extends { readonly kind: string },
  Kind extends Message["kind"],
> = Extract<Message, { readonly kind: Kind }>;
