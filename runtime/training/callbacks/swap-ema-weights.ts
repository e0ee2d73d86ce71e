/**
 * Validates with the moving averages of the weights, and with `swap_on_epoch` also ends epochs with them, for what
 * saves the model then: Keras 3 `callbacks/swap_ema_weights.py`.
 */

import type { CallbackSpec } from "../../plan.ts";
import { TrainingError } from "../error.ts";
import { CallbackArguments } from "./arguments.ts";
import type { Callback, CallbackState, Logs, TrainingControl } from "./callback.ts";

export class SwapEMAWeights implements Callback {
  readonly name = "SwapEMAWeights";
  readonly #onEpoch: boolean;
  #isSwapped = false;

  constructor(spec: CallbackSpec) {
    const args = new CallbackArguments(spec);
    this.#onEpoch = args.flag("swap_on_epoch", false);
    args.close();
  }

  onTrainBegin({ hasFinalValues }: TrainingControl): void {
    this.#isSwapped = false;
    if (hasFinalValues) return;
    throw new TrainingError(
      "SwapEMAWeights needs an optimizer that averages weights",
      "give it use_ema = true",
    );
  }

  async onEpochBegin(_epoch: number, control: TrainingControl): Promise<void> {
    await this.#set(false, control);
  }

  async onTestBegin(control: TrainingControl): Promise<void> {
    await this.#set(true, control);
  }

  async onTestEnd(control: TrainingControl): Promise<void> {
    await this.#set(false, control);
  }

  async onEpochEnd(_epoch: number, _logs: Logs, control: TrainingControl): Promise<void> {
    if (this.#onEpoch) await this.#set(true, control);
  }

  async onTrainEnd(control: TrainingControl): Promise<void> {
    await this.#set(false, control);
  }

  state(): CallbackState {
    return { values: { isSwapped: this.#isSwapped } };
  }

  restore({ values }: CallbackState): void {
    this.#isSwapped = values.isSwapped === true;
  }

  async #set(isSwapped: boolean, control: TrainingControl): Promise<void> {
    if (isSwapped === this.#isSwapped) return;
    await control.exchangeFinalValues();
    this.#isSwapped = isSwapped;
  }
}
