/** Reads a callback's arguments by Keras' names, with their types checked and none left over. */

import type { CallbackSpec, OptionValue } from "../../plan.ts";
import { TrainingError } from "../error.ts";

export class CallbackArguments {
  readonly callback: string;
  readonly #values: Readonly<Record<string, OptionValue>>;
  readonly #known: string[] = [];

  constructor(spec: CallbackSpec) {
    this.callback = spec.name;
    this.#values = spec.arguments;
  }

  text(name: string, otherwise?: string): string {
    const value = this.#take(name) ?? otherwise;
    if (typeof value !== "string") return this.#wrongType(name, "a string", value);
    return value;
  }

  number(name: string, otherwise?: number): number {
    const value = this.#take(name) ?? otherwise;
    if (typeof value !== "number") return this.#wrongType(name, "a number", value);
    return value;
  }

  /** A whole number of at least 0. */
  count(name: string, otherwise: number): number {
    const value = this.number(name, otherwise);
    if (!Number.isInteger(value) || value < 0) {
      return this.#wrongType(name, "a whole number of at least 0", value);
    }
    return value;
  }

  optionalNumber(name: string): number | null {
    const value = this.#take(name) ?? null;
    if (value !== null && typeof value !== "number") {
      return this.#wrongType(name, "a number", value);
    }
    return value;
  }

  /** Keras takes True, False, 0 and 1 alike. */
  flag(name: string, otherwise: boolean): boolean {
    const value = this.#take(name) ?? otherwise;
    if (value === 0 || value === 1) return value === 1;
    if (typeof value !== "boolean") return this.#wrongType(name, "true or false", value);
    return value;
  }

  oneOf<const Choice extends string>(name: string, choices: readonly Choice[]): Choice {
    const value = this.text(name, choices[0]);
    const choice = choices.find((candidate) => candidate === value);
    if (choice === undefined) {
      return this.#wrongType(name, `one of ${choices.map((c) => `"${c}"`).join(", ")}`, value);
    }
    return choice;
  }

  /** `"epoch"`, or a number of batches. */
  frequency(name: string): "epoch" | number {
    const value = this.#take(name) ?? "epoch";
    if (value === "epoch") return value;
    if (typeof value !== "number" || !Number.isInteger(value) || value < 1) {
      return this.#wrongType(name, '"epoch" or a number of batches', value);
    }
    return value;
  }

  /** To be called last: refuses what no reader above asked for. */
  close(): void {
    for (const name of Object.keys(this.#values)) {
      if (!this.#known.includes(name)) {
        throw new TrainingError(
          `${this.callback} has no argument ${name}`,
          `it takes ${this.#known.join(", ")}`,
        );
      }
    }
  }

  #take(name: string): OptionValue | undefined {
    this.#known.push(name);
    return this.#values[name];
  }

  #wrongType(name: string, wanted: string, value: OptionValue | undefined): never {
    if (value === undefined) throw new TrainingError(`${this.callback} needs ${name}, ${wanted}`);
    throw new TrainingError(
      `${this.callback}: ${name} must be ${wanted}, not ${JSON.stringify(value)}`,
    );
  }
}
