/** A callback of functions, for programs that train by the module: Keras 3 `callbacks/lambda_callback.py`. */

import type { Callback, Logs, TrainingControl } from "./callback.ts";

type Result = void | Promise<void>;

/** Epochs and batches count from 0; a batch's logs are the metrics of its epoch so far. */
export interface LambdaFunctions {
  readonly onTrainBegin?: (control: TrainingControl) => Result;
  readonly onTrainEnd?: (control: TrainingControl) => Result;
  readonly onEpochBegin?: (epoch: number, control: TrainingControl) => Result;
  readonly onEpochEnd?: (epoch: number, logs: Logs, control: TrainingControl) => Result;
  readonly onTrainBatchBegin?: (batch: number, control: TrainingControl) => Result;
  readonly onTrainBatchEnd?: (batch: number, logs: Logs, control: TrainingControl) => Result;
}

export class LambdaCallback implements Callback {
  readonly name = "LambdaCallback";
  readonly #functions: LambdaFunctions;

  constructor(functions: LambdaFunctions) {
    this.#functions = functions;
  }

  /** Batches are run one by one only where somebody looks at them. */
  batchesUntilCall(): number {
    const { onTrainBatchBegin, onTrainBatchEnd } = this.#functions;
    return onTrainBatchBegin === undefined && onTrainBatchEnd === undefined ? Infinity : 1;
  }

  onTrainBegin(control: TrainingControl): Result {
    return this.#functions.onTrainBegin?.(control);
  }

  onEpochBegin(epoch: number, control: TrainingControl): Result {
    return this.#functions.onEpochBegin?.(epoch, control);
  }

  onBatchBegin(at: { readonly batch: number }, control: TrainingControl): Result {
    return this.#functions.onTrainBatchBegin?.(at.batch, control);
  }

  async onBatchesRun(
    at: { readonly batch: number },
    control: TrainingControl,
    logs: () => Promise<Logs>,
  ): Promise<void> {
    const { onTrainBatchEnd } = this.#functions;
    if (onTrainBatchEnd !== undefined) await onTrainBatchEnd(at.batch, await logs(), control);
  }

  onEpochEnd(epoch: number, logs: Logs, control: TrainingControl): Result {
    return this.#functions.onEpochEnd?.(epoch, logs, control);
  }

  onTrainEnd(control: TrainingControl): Result {
    return this.#functions.onTrainEnd?.(control);
  }
}
