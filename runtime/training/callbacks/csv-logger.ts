/** Appends each epoch's metrics to a CSV file: Keras 3 `callbacks/csv_logger.py`. */

import {
  appendFileSync,
  existsSync,
  mkdirSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import type { CallbackSpec } from "../../plan.ts";
import { TrainingError } from "../error.ts";
import { CallbackArguments } from "./arguments.ts";
import type { Callback, CallbackState, Logs } from "./callback.ts";

export class CSVLogger implements Callback {
  readonly name = "CSVLogger";
  readonly #path: string;
  readonly #separator: string;
  readonly #append: boolean;
  #keys: readonly string[] | null = null;
  #opened = false;
  /** Until the file is opened, the bytes of it that this run goes on from: a killed run may have written more. */
  #length = 0;

  constructor(spec: CallbackSpec) {
    const args = new CallbackArguments(spec);
    this.#path = args.text("filename");
    this.#separator = args.text("separator", ",");
    this.#append = args.flag("append", false);
    args.close();
  }

  onTrainBegin(): void {
    this.#keys = null;
    this.#opened = false;
    this.#length = this.#append ? sizeOf(this.#path) : 0;
  }

  onEpochEnd(epoch: number, logs: Logs): void {
    try {
      this.#open();
      this.#keys ??= Object.keys(logs).sort();
      const row = [String(epoch), ...this.#keys.map((key) => pythonNumber(logs[key]))];
      const lines = sizeOf(this.#path) === 0 ? [["epoch", ...this.#keys], row] : [row];
      // Python's csv ends lines with CR LF.
      const text = lines.map(
        (fields) => `${fields.map((f) => this.#quote(f)).join(this.#separator)}\r\n`,
      );
      appendFileSync(this.#path, text.join(""));
    } catch (error) {
      throw new TrainingError(`CSVLogger cannot write ${this.#path}: ${(error as Error).message}`);
    }
  }

  state(): CallbackState {
    const length = this.#opened ? sizeOf(this.#path) : this.#length;
    return { values: { length, keys: this.#keys ?? [] } };
  }

  restore({ values }: CallbackState): void {
    const keys = values.keys;
    this.#keys = Array.isArray(keys) && keys.length > 0 ? keys : null;
    this.#length = Number(values.length);
  }

  /** Opened at the first row: a run that fails before leaves the last run's log alone. */
  #open(): void {
    if (this.#opened) return;
    this.#opened = true;
    mkdirSync(dirname(this.#path), { recursive: true });
    if (!existsSync(this.#path)) writeFileSync(this.#path, "");
    if (sizeOf(this.#path) > this.#length) truncateSync(this.#path, this.#length);
  }

  #quote(field: string): string {
    const special = field.includes(this.#separator) || /["\r\n]/.test(field);
    return special ? `"${field.replaceAll('"', '""')}"` : field;
  }
}

/** Bytes of a file, 0 where there is none. */
function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** As Python's `repr` of a float writes it, so that tools that read Keras' logs read ours. */
function pythonNumber(value: number | undefined): string {
  if (value === undefined) return "NA";
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 1e-4 || magnitude >= 1e16)) {
    return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  }
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}
