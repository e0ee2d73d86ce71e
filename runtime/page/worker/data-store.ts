/**
 * The data of the model's blocks in the worker: where each file comes from, and its columns once they are read. Files
 * are read when they are given by the user, or else when they are first needed.
 */

import type { Column, TensorData } from "../../data/column.ts";
import { columnsOfFiles } from "../../data/columns-of-files.ts";
import { DataError } from "../../data/data-error.ts";
import type { DataFile } from "../../data/data-file.ts";
import { openDataFile } from "../../data/gunzip.ts";
import { filesOf } from "../../data/source-files.ts";
import type { ColumnSource, DataPlan, TrainerPlan } from "../../plan.ts";
import type { FileSource, FileStatus } from "../protocol.ts";
import { fetchFile } from "./fetch-file.ts";
import type { ServedFile } from "./page-manifest.ts";
import { describeProblem, PageError } from "./problems.ts";

export type BlockName = keyof DataPlan["blocks"];

/** Columns by name, as models take them. */
export type BlockData = Readonly<
  Record<string, { readonly data: TensorData; readonly shape: readonly number[] }>
>;

interface Entry {
  readonly path: string;
  readonly sources: ReadonlyMap<BlockName, readonly ColumnSource[]>;
  status: FileStatus;
  source: FileSource | null;
  /** By source, when it was read or is being read. */
  columns: Promise<ReadonlyMap<ColumnSource, Column>> | null;
}

export class DataStore {
  readonly #blocks: ReadonlyMap<BlockName, readonly ColumnSource[]>;
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #served: ReadonlyMap<string, ServedFile>;
  readonly #onStatus: (status: FileStatus) => void;

  /** `served` are the files that lie beside the page. */
  constructor(
    { data, columns }: Pick<TrainerPlan, "data" | "columns">,
    served: readonly ServedFile[],
    onStatus: (status: FileStatus) => void,
  ) {
    const blocks = Object.entries(data?.blocks ?? {}) as [BlockName, readonly ColumnSource[]][];
    const read = new Set(columns.map(({ name }) => name));
    // Columns that the model does not read are left alone, their files too.
    this.#blocks = new Map(
      blocks.map(([name, sources]) => [
        name,
        sources.filter(({ column }) => read.has(column.name)),
      ]),
    );
    this.#served = new Map(served.map((file) => [file.path, file]));
    const paths = new Set([...this.#blocks.values()].flat().flatMap(filesOf));
    this.#entries = new Map([...paths].map((path) => [path, this.#createEntry(path)]));
    this.#onStatus = onStatus;
  }

  get files(): readonly FileStatus[] {
    return [...this.#entries.values()].map(({ status }) => status);
  }

  has(block: BlockName): boolean {
    return this.#blocks.has(block);
  }

  /** Whether all files of a block can be read without the user's help. */
  isAvailable(block: BlockName): boolean {
    const sources = this.#blocks.get(block) ?? [];
    const entries = sources.flatMap(filesOf).map((path) => this.#entries.get(path)!);
    return entries.length > 0 && entries.every(({ source }) => source !== null);
  }

  /** Takes the file from elsewhere and reads it at once, so that mistakes show. */
  async use(path: string, source: FileSource): Promise<void> {
    const entry = this.#entry(path);
    entry.source = source;
    entry.columns = null;
    await this.#columns(entry).catch(() => undefined);
  }

  /**
   * The columns of a block.
   * @throws PageError or DataError if a file is missing or cannot be used.
   */
  async block(name: BlockName): Promise<readonly Column[]> {
    const sources = this.#blocks.get(name) ?? [];
    const entries = [...new Set(sources.map(({ path }) => this.#entry(path)))];
    this.#requireAll(sources.flatMap(filesOf).map((path) => this.#entry(path)));
    const found = new Map<ColumnSource, Column>();
    // One after the other: only one file's bytes are in memory beside the columns.
    for (const entry of entries) {
      for (const [source, column] of await this.#columns(entry)) found.set(source, column);
    }
    return sources.map((source) => found.get(source)!);
  }

  #requireAll(entries: readonly Entry[]): void {
    const missing = entries.filter(({ source }) => source === null).map(({ path }) => path);
    if (missing.length === 0) return;
    throw new PageError({
      title: missing.length === 1 ? "A data file is missing" : "Data files are missing",
      detail: `${missing.join(", ")} ${missing.length === 1 ? "was" : "were"} not beside the model when this page was made.`,
      advice: "Drop the files on the panel “Data”, choose them there, or load them from a URL.",
    });
  }

  #columns(entry: Entry): Promise<ReadonlyMap<ColumnSource, Column>> {
    entry.columns ??= this.#read(entry).catch((error: unknown) => {
      entry.columns = null;
      const problem = describeProblem(error, `${entry.path} cannot be used`);
      this.#update(entry, { state: "failed", problem });
      throw error;
    });
    return entry.columns;
  }

  async #read(entry: Entry): Promise<ReadonlyMap<ColumnSource, Column>> {
    const { path, source } = entry;
    if (source === null) throw new RangeError(`no source for ${path}`);
    const origin = originOf(source);
    this.#update(entry, { state: "loading", origin, loadedBytes: 0, problem: null, rows: {} });
    const packed = await this.#bytes(entry, source);
    const file = await openDataFile(path, packed);
    const columns = new Map<ColumnSource, Column>();
    const rows: Record<string, number> = {};
    for (const [block, sources] of entry.sources) {
      const read = await columnsOfFiles(sources, async (other) =>
        other === path ? file : this.#openOther(other),
      );
      for (const [index, column] of read.entries()) columns.set(sources[index]!, column);
      rows[block] = read[0]?.rows ?? 0;
    }
    // Another file may have been chosen meanwhile.
    if (entry.source === source)
      this.#update(entry, { state: "loaded", rows, bytes: packed.length });
    return columns;
  }

  /** A file that numbers the words of another one's texts. */
  async #openOther(path: string): Promise<DataFile> {
    const entry = this.#entry(path);
    this.#requireAll([entry]);
    return openDataFile(path, await this.#bytes(entry, entry.source!));
  }

  #bytes(entry: Entry, source: FileSource): Promise<Uint8Array<ArrayBuffer>> {
    let told = 0;
    const onProgress = (loadedBytes: number, total: number | null) => {
      if (performance.now() - told < 100 || entry.source !== source) return;
      told = performance.now();
      this.#update(entry, { loadedBytes, bytes: total ?? entry.status.bytes });
    };
    switch (source.kind) {
      case "file":
        return readLocalFile(source.file);
      case "url":
        return fetchFile(source.url, onProgress);
      case "server":
        return fetchFile(this.#served.get(entry.path)!.url, onProgress);
    }
  }

  #update(entry: Entry, change: Partial<FileStatus>): void {
    entry.status = { ...entry.status, ...change };
    this.#onStatus(entry.status);
  }

  #entry(path: string): Entry {
    const entry = this.#entries.get(path);
    if (entry === undefined) throw new RangeError(`the model reads no file ${path}`);
    return entry;
  }

  #createEntry(path: string): Entry {
    const served = this.#served.get(path);
    const ofPath = [...this.#blocks].flatMap(([block, sources]) => {
      const own = sources.filter((source) => source.path === path);
      return own.length === 0 ? [] : [[block, own] as const];
    });
    const status: FileStatus = {
      path,
      state: served === undefined ? "missing" : "available",
      origin: null,
      bytes: served?.bytes ?? null,
      loadedBytes: 0,
      rows: {},
      problem: null,
    };
    const source = served === undefined ? null : ({ kind: "server" } as const);
    return { path, sources: new Map(ofPath), status, source, columns: null };
  }
}

export function asModelData(columns: readonly Column[]): BlockData {
  const entries = columns.map(({ name, data, rows, shape }) => {
    return [name, { data, shape: [rows, ...shape] }] as const;
  });
  return Object.fromEntries(entries);
}

function originOf(source: FileSource): string | null {
  switch (source.kind) {
    case "server":
      return null;
    case "file":
      return source.file.name;
    case "url":
      return source.url;
  }
}

async function readLocalFile(file: File): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch (error) {
    throw new DataError(
      {
        file: file.name,
        expected: "a file that can be read",
        found: error instanceof Error ? error.message : String(error),
        hint: "choose it again: it may have been moved or changed since",
      },
      { cause: error },
    );
  }
}
