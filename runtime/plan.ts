/**
 * What a generated trainer hands to the runtime: everything that the compiler decided, as plain data, and
 * the few functions that it wrote. The runtime reads this and knows neither the language nor the compiler.
 */

import type { CudaProgram } from "./devices/cuda/cuda-program.ts";
import type { WgslProgram } from "./devices/webgpu/wgsl-program.ts";

export type ElementType = "f32" | "i32" | "u8" | "bool";

/** A tensor in memory; `shape` in elements, offsets in bytes from the start of its arena. */
export interface TensorPlan {
  readonly name: string;
  readonly dtype: ElementType;
  readonly shape: readonly number[];
  readonly offset: number;
}

/** A column of the data: one row a sample, `shape` without the batch dimension. */
export interface ColumnPlan {
  readonly name: string;
  readonly dtype: ElementType;
  readonly shape: readonly number[];
  /** What the elements may be, where the model uses them as indexes. */
  readonly indexes?: IndexBounds;
}

/** Whole numbers from 0 to below `count`, and `besides`, such as a class that is left out. */
export interface IndexBounds {
  /** What one of them is called: `class`. */
  readonly what: string;
  readonly count: number;
  readonly besides?: number;
}

/** A parameter, optimizer slot, layer state or metric total, in the persistent arena, row-major. */
export interface PersistentTensor extends TensorPlan {
  /** Equal to `name`, the path: `Digits/dense_1/kernel`. */
  readonly role: "param" | "slot" | "state" | "metric";
  /** Of a slot: the param whose place it takes when training ends, such as a moving average of it. */
  readonly finalOf?: string;
}

/** One compiled graph: a function of the kernel library. */
export interface GraphPlan {
  readonly name: string;
  /** The exported symbol. */
  readonly symbol: string;
  /** Numbers uploaded for every step, see `TrainerDefinition.stepScalars`. */
  readonly scalars: number;
  /** Slots of `TrainerPlan.columns` that the graph reads. */
  readonly columns: readonly number[];
  /** In the results arena; a leading dimension of N is given as the batch maximum. */
  readonly results: readonly TensorPlan[];
}

/** Where the rows of one column come from. */
export interface ColumnSource {
  readonly column: ColumnPlan;
  readonly reader: "idx" | "csv" | "npy" | "npz" | "jsonl" | "binary";
  /** As written in the model, relative to the model's folder. */
  readonly path: string;
  readonly options: Readonly<Record<string, OptionValue>>;
  /** The training column that a text column's words are numbered by, if it is another and no file lists them. */
  readonly vocabulary?: ColumnSource;
}

export type OptionValue = string | number | boolean | null | readonly OptionValue[];

/** A Keras callback by name, with the arguments written in the train block. */
export interface CallbackSpec {
  readonly name: string;
  readonly arguments: Readonly<Record<string, OptionValue>>;
}

export interface TrainingPlan {
  readonly epochs: number;
  readonly batchSize: number;
  readonly seed: number;
  readonly shuffle: boolean;
  /** A share of the training rows taken from their end (Keras' validation_split), or the data's own block. */
  readonly validation: { readonly fraction: number } | "block" | null;
  readonly callbacks: readonly CallbackSpec[];
  /** Weight of each class, by integer label in `column`; multiplied into the sample weights. */
  readonly classWeight: {
    readonly column: string;
    readonly weights: Readonly<Record<string, number>>;
  } | null;
  /** The column of sample weights, if the train block names one. */
  readonly sampleWeight: string | null;
  /** Numbers the first epoch. */
  readonly initialEpoch?: number;
  /** Batches of an epoch, where that is not once through the rows; the next epoch goes on where it ends. */
  readonly stepsPerEpoch?: number;
  /** Batches to validate on, where that is not all of them. */
  readonly validationSteps?: number;
  /** Epochs from one validation to the next, or those after which there is one, counted from 1. */
  readonly validationFreq?: number | readonly number[];
  /** Where params start from, by their paths in the file; parts of the model may have other names there. */
  readonly weights?: WeightsPlan;
  /** What is made for each batch, in order; left out where it is `train`, once. */
  readonly updates?: readonly UpdatePlan[];
}

export interface WeightsPlan {
  /** As written in the model, relative to the model's folder. */
  readonly path: string;
  /** By the path of a part: what the file has in its place. */
  readonly parts: Readonly<Record<string, string>>;
}

/** A step of one of several optimizers, as adversarial training has them. */
export interface UpdatePlan {
  readonly graph: string;
  /** How often it is made on the same batch. */
  readonly steps: number;
}

export interface DataPlan {
  readonly name: string;
  readonly blocks: {
    readonly train: readonly ColumnSource[];
    readonly validation?: readonly ColumnSource[];
    readonly test?: readonly ColumnSource[];
  };
}

/** A state filled by one pass over the training data before the first epoch: count-weighted mean. */
export interface StatisticPlan {
  /** The state, in the persistent arena. */
  readonly state: string;
  /** The graph whose only result is the sum over the rows of one batch; the state is Σ results / Σ rows. */
  readonly graph: string;
}

/**
 * Figures that the reference interpreter computed at build time, to find a device that computes wrongly. The
 * model starts from `initialize(seed)`; columns are filled by `selfTestDataset`; statistics are those of its rows;
 * `predict` runs once, then each update once. A value passes if it differs by no more than its tolerance.
 */
export interface SelfTestPlan {
  readonly seed: number;
  /** Rows of the batch, at most `batchMax`. */
  readonly rows: number;
  /** By column: elements are drawn uniformly from low ≤ x < high, rounded down for integers. */
  readonly ranges: Readonly<Record<string, readonly [low: number, high: number]>>;
  readonly checks: readonly SelfTestCheck[];
}

/** Chosen elements (row-major positions) of an output of `predict`, of the loss, or of a tensor after the update. */
export interface SelfTestCheck {
  readonly of: "output" | "loss" | "tensor";
  /** Of the output, of the loss, or the path of the tensor. */
  readonly name: string;
  /** Of a loss: the update that it is the loss of, `train` if left out. */
  readonly graph?: string;
  readonly positions: readonly number[];
  readonly expected: readonly number[];
  /** Absolute, one for each position. */
  readonly tolerances: readonly number[];
}

/** A row of the model's summary, as Keras prints it. */
export interface LayerSummary {
  readonly name: string;
  readonly type: string;
  /** `(None, 32)` is [null, 32]. */
  readonly outputShape: readonly (number | null)[];
  readonly parameters: number;
  /** What it reads at each application, as layer, application and output: `encoder[1][0]`. */
  readonly connectedTo: readonly string[];
}

export interface TrainerPlan {
  readonly format: 1;
  readonly model: string;
  readonly target: "cpu" | "wgsl" | "cuda";
  /** CPU features that the kernels were compiled for, in the spelling of `__builtin_cpu_supports`. */
  readonly requiredFeatures: readonly string[];
  /** The largest batch the arenas hold. */
  readonly batchMax: number;
  /** Bytes of each arena. */
  readonly arenas: {
    readonly persistent: number;
    readonly temporaries: number;
    readonly results: number;
  };
  /** Model inputs first, then targets and weights, in slot order. */
  readonly columns: readonly ColumnPlan[];
  readonly inputs: readonly string[];
  readonly outputs: readonly ColumnPlan[];
  readonly tensors: readonly PersistentTensor[];
  /** By name: `train`, `evaluate`, `predict`, and one for each statistic. */
  readonly graphs: Readonly<Record<string, GraphPlan>>;
  readonly statistics: readonly StatisticPlan[];
  readonly layers: readonly LayerSummary[];
  /** Names of what `readMetrics` returns, in order, `loss` first. */
  readonly metrics: readonly string[];
  /** Run-time numbers and their values as written: `learning_rate`. */
  readonly hypers: Readonly<Record<string, number>>;
  readonly training: TrainingPlan | null;
  readonly data: DataPlan | null;
  readonly selfTest: SelfTestPlan | null;
}

/** Counters as step scalars see them: `t` is the update about to be made, from 1; `batch` from 0. */
export interface StepCounters {
  readonly t: number;
  readonly batch: number;
}

/** What `trainer.js` consists of besides the runtime. */
export interface TrainerDefinition {
  readonly plan: TrainerPlan;
  /** The kernels, where the target is `wgsl`; those of the CPU are a library beside the trainer. */
  readonly wgsl?: WgslProgram;
  /** What steps launch, where the target is `cuda`; its kernels are files beside the trainer. */
  readonly cuda?: CudaProgram;
  /** Initial values of params, slots and states by path, for a seed; the same bits on every target. */
  readonly initialize: (seed: number) => Readonly<Record<string, Float32Array>>;
  /** Step scalars of a graph in float64, as the graph's `scalars` says how many. */
  readonly stepScalars: (
    graph: string,
    hypers: Readonly<Record<string, number>>,
    counters: StepCounters,
  ) => readonly number[];
  /** Metrics from their totals, which `read` gives by path. */
  readonly readMetrics: (read: (path: string) => Float32Array) => Readonly<Record<string, number>>;
}
