/** What callbacks hold of a running `fit`. */

import type { FileStorage } from "../storage/file-storage.ts";
import type { TrainingControl, WeightsSnapshot } from "./callbacks/callback.ts";
import { exchangeFinalValues, finalSlots } from "./final-values.ts";
import type { ModelRunner } from "./model-runner.ts";
import type { Reporter } from "./report/reporter.ts";

export interface SaveRequest {
  readonly path: string;
  readonly content: "weights" | "checkpoint";
}

/** The names of all learning rates, the first optimizer's first: `discriminator/learning_rate` where there are several. */
export function learningRates(hypers: Readonly<Record<string, number>>): readonly string[] {
  return Object.keys(hypers).filter((name) => name.split("/").at(-1) === "learning_rate");
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
    const [first] = learningRates(this.#hypers);
    return first === undefined ? undefined : this.#hypers[first];
  }

  /** Several optimizers keep the ratios of their rates to the first one's. */
  setLearningRate(value: number): void {
    const rates = learningRates(this.#hypers);
    const before = this.learningRate() ?? 0;
    const scaled = rates.map((name) => {
      const rate = this.#hypers[name]!;
      return [name, before === 0 || rate === before ? value : (rate / before) * value] as const;
    });
    this.#hypers = { ...this.#hypers, ...Object.fromEntries(scaled) };
  }

  scheduled(schedule: string, epoch: number, learningRate: number): number {
    return this.#runner.schedule(schedule, epoch, learningRate);
  }

  get hasFinalValues(): boolean {
    return finalSlots(this.#runner.plan).length > 0;
  }

  exchangeFinalValues(): Promise<void> {
    return this.#runner.exclusively(() => exchangeFinalValues(this.#runner));
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
