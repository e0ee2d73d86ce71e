/**
 * Deciding whether a monitored metric improved, after Keras 3's `MonitorCallback`. Keras compares as float32
 * tensors; so does this, for an improvement of just `min_delta` to be judged alike.
 */

import { TrainingError } from "../error.ts";

export type Mode = "auto" | "min" | "max";

/**
 * Words in metric names whose value grows as the model gets better: Keras' metrics with `_direction = "up"`.
 * `auto` finds the direction by these, as a metric written in nn does not state one.
 */
const RISING = [
  "accuracy",
  "acc",
  "auc",
  "precision",
  "recall",
  "sensitivity",
  "specificity",
  "f1",
  "fbeta",
  "iou",
  "similarity",
  "r2",
  "score",
  "positives",
];
/** And of those that fall, `_direction = "down"`. */
const FALLING = [
  "loss",
  "error",
  "mse",
  "mae",
  "mape",
  "msle",
  "rmse",
  "crossentropy",
  "entropy",
  "divergence",
  "hinge",
  "huber",
  "logcosh",
  "poisson",
];

/** The direction in which `monitor` improves; throws where `auto` cannot tell. */
export function improvementDirection(callback: string, monitor: string, mode: Mode): "min" | "max" {
  if (mode !== "auto") return mode;
  const words = monitor.replace(/^val_/, "").toLowerCase().split("_");
  if (words.some((word) => FALLING.includes(word))) return "min";
  if (words.some((word) => RISING.includes(word))) return "max";
  throw new TrainingError(
    `${callback} cannot tell whether ${monitor} should fall or rise`,
    'give mode = "min" or mode = "max"',
  );
}

export class Monitor {
  readonly name: string;
  readonly direction: "min" | "max";
  readonly #minDelta: number;

  constructor(callback: string, name: string, mode: Mode, minDelta: number) {
    this.name = name;
    this.direction = improvementDirection(callback, name, mode);
    this.#minDelta = Math.abs(minDelta);
  }

  /** What every first value improves on. */
  get worst(): number {
    return this.direction === "min" ? Infinity : -Infinity;
  }

  improves(value: number, reference: number): boolean {
    return this.direction === "min"
      ? Math.fround(value + this.#minDelta) < Math.fround(reference)
      : Math.fround(value - this.#minDelta) > Math.fround(reference);
  }
}
