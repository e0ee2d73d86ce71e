/** What a run found: rows, kept in a file as they come, so that nothing is lost if the run ends early. */

import { appendFileSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";

/** What every row says besides its figures. */
export interface Stamp {
  readonly gpu: string;
  readonly date: string;
  readonly commit: string;
}

export type PartName =
  | "machine"
  | "prepare"
  | "checks"
  | "sanitizer"
  | "steps"
  | "products"
  | "traffic"
  | "latency";

/** One line of the file. */
export type Row = { readonly part: PartName } & Readonly<Record<string, unknown>>;

export class Report {
  readonly rows: Row[] = [];
  readonly #stamp: Stamp;
  readonly #path: string | undefined;
  readonly #write: (text: string) => void;
  readonly #failed = new Set<PartName>();
  readonly #said = new Set<string>();

  /** Without a path nothing is kept. */
  constructor(stamp: Stamp, path: string | undefined, write: (text: string) => void) {
    this.#stamp = stamp;
    this.#path = path;
    this.#write = write;
    if (path !== undefined) mkdirSync(dirname(path), { recursive: true });
  }

  /** Parts in which something failed. */
  get failed(): readonly PartName[] {
    return [...this.#failed];
  }

  add(part: PartName, figures: Readonly<Record<string, unknown>>): void {
    const row = { ...this.#stamp, part, ...figures };
    this.rows.push(row);
    if (this.#path !== undefined) appendFileSync(this.#path, `${JSON.stringify(row)}\n`);
  }

  /** Something that went wrong: the run goes on, and its exit code says so. */
  fail(part: PartName, of: string, error: string): void {
    this.#failed.add(part);
    this.add(part, { of, error });
    // Without a driver, say, everything fails alike.
    const isNew = !this.#said.has(error);
    this.#said.add(error);
    if (isNew) this.say(`${part}: ${of}: ${error}`);
  }

  /** Something that was left out. */
  skip(part: PartName, of: string, why: string): void {
    this.add(part, { of, skipped: why });
    this.say(`${part}: ${of} left out: ${why}`);
  }

  say(text: string): void {
    this.#write(`${text}\n`);
  }
}

/** The file's name for a device and a date; a run later on the same day is added to it. */
export function resultFileName({ gpu, date }: Stamp): string {
  const name = gpu
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "");
  return `${date.slice(0, 10)}-cuda-${name}.jsonl`;
}
