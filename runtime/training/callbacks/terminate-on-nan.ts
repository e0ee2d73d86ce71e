/** Stops at the first batch whose loss is NaN or infinite: Keras 3 `callbacks/terminate_on_nan.py`. */

import type { CallbackSpec } from "../../plan.ts";
import { TrainingError } from "../error.ts";
import { CallbackArguments } from "./arguments.ts";
import type { Callback, TrainingControl } from "./callback.ts";

export class TerminateOnNaN implements Callback {
  readonly name = "TerminateOnNaN";
  readonly watchesLoss = true;
  readonly #raiseError: boolean;

  constructor(spec: CallbackSpec) {
    const args = new CallbackArguments(spec);
    this.#raiseError = args.flag("raise_error", false);
    args.close();
  }

  onNonFinite(
    at: { readonly epoch: number; readonly batch: number; readonly loss: number },
    control: TrainingControl,
  ): void {
    const message = `the loss is ${at.loss} in batch ${at.batch + 1} of epoch ${at.epoch + 1}: training stopped`;
    // Keras: `raise_error` leaves at once, without the hooks that end an epoch and a training.
    if (this.#raiseError) throw new TrainingError(message);
    control.fail(message);
    control.stop();
  }
}
