/** What callbacks hold of a running `fit`. */

import type { FileStorage } from "../storage/file-storage.ts";
import type { TrainingControl, WeightsSnapshot } from "./callbacks/callback.ts";
import type { ModelRunner } from "./model-runner.ts";
import type { Reporter } from "./report/reporter.ts";

export interface SaveRequest {
  readonly path: string;
  readonly content: "weights" | "checkpoint";
}

export class FitControl implements TrainingControl {
  readonly metrics: readonly string[];
  readonly storage: FileStorage;
  readonly #runner: ModelRunner;
  readonly #reporter: Reporter;
  #hypers: Readonly<Record<string, number>>;
  #saves: SaveRequest[] = [];
  #stop = false;
  #failure: string | undefined;

  constructor(
    runner: ModelRunner,
    storage: FileStorage,
    reporter: Reporter,
    hypers: Readonly<Record<string, number>>,
  ) {
    this.metrics = runner.plan.metrics;
    this.storage = storage;
    this.#runner = runner;
    this.#reporter = reporter;
    this.#hypers = hypers;
  }

  get hypers(): Readonly<Record<string, number>> {
    return this.#hypers;
  }

  get stopRequested(): boolean {
    return this.#stop;
  }

  get failure(): string | undefined {
    return this.#failure;
  }

  /** What callbacks asked to save since the last call. */
  takeSaves(): readonly SaveRequest[] {
    const saves = this.#saves;
    this.#saves = [];
    return saves;
  }

  learningRate(): number | undefined {
    return this.#hypers.learning_rate;
  }

  setLearningRate(value: number): void {
    this.#hypers = { ...this.#hypers, learning_rate: value };
  }

  stop(): void {
    this.#stop = true;
  }

  fail(message: string): void {
    this.#failure ??= message;
  }

  snapshotWeights(): Promise<WeightsSnapshot> {
    return this.#runner.readWeights();
  }

  restoreWeights(weights: WeightsSnapshot): Promise<void> {
    return this.#runner.writeTensors(weights);
  }

  async save(path: string, content: "weights" | "checkpoint"): Promise<void> {
    this.#saves.push({ path, content });
  }

  message(text: string): void {
    this.#reporter.message(text);
  }

  warn(text: string): void {
    this.#reporter.warn(text);
  }
}
