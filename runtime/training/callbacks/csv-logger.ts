/** Appends each epoch's metrics to a CSV file: Keras 3 `callbacks/csv_logger.py`. */

import type { CallbackSpec } from "../../plan.ts";
import { CallbackArguments } from "./arguments.ts";
import type { Callback, CallbackState, Logs, TrainingControl } from "./callback.ts";

export class CSVLogger implements Callback {
  readonly name = "CSVLogger";
  readonly #path: string;
  readonly #separator: string;
  readonly #append: boolean;
  #keys: readonly string[] | null = null;
  #opened = false;
  /** Bytes of the file that are this run's or those it goes on from: a killed run may have written more. */
  #length = 0;

  constructor(spec: CallbackSpec) {
    const args = new CallbackArguments(spec);
    this.#path = args.text("filename");
    this.#separator = args.text("separator", ",");
    this.#append = args.flag("append", false);
    args.close();
  }

  get files(): readonly string[] {
    return [this.#path];
  }

  async onTrainBegin({ storage }: TrainingControl): Promise<void> {
    this.#keys = null;
    this.#opened = false;
    this.#length = this.#append ? await storage.size(this.#path) : 0;
  }

  async onEpochEnd(epoch: number, logs: Logs, { storage }: TrainingControl): Promise<void> {
    // Opened at the first row: a run that fails before leaves the last run's log alone.
    if (!this.#opened) this.#length = Math.min(this.#length, await storage.size(this.#path));
    this.#opened = true;
    this.#keys ??= Object.keys(logs).sort();
    const row = [String(epoch), ...this.#keys.map((key) => pythonNumber(logs[key]))];
    const lines = this.#length === 0 ? [["epoch", ...this.#keys], row] : [row];
    // Python's csv ends lines with CR LF.
    const text = lines.map(
      (fields) => `${fields.map((f) => this.#quote(f)).join(this.#separator)}\r\n`,
    );
    const bytes = new TextEncoder().encode(text.join(""));
    await storage.writeAt(this.#path, this.#length, bytes);
    this.#length += bytes.length;
  }

  state(): CallbackState {
    return { values: { length: this.#length, keys: this.#keys ?? [] } };
  }

  restore({ values }: CallbackState): void {
    const keys = values.keys;
    this.#keys = Array.isArray(keys) && keys.length > 0 ? keys : null;
    this.#length = Number(values.length);
  }

  #quote(field: string): string {
    const special = field.includes(this.#separator) || /["\r\n]/.test(field);
    return special ? `"${field.replaceAll('"', '""')}"` : field;
  }
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
