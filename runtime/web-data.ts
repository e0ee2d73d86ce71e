/**
 * Data for trainers in pages: the columns that a model's data block names, read from files that a page fetches or
 * that were dropped on it. Bundled into the `data.js` beside a trainer, as pages that have their data as arrays
 * need none of it.
 *
 *     import { definition, Digits, type DigitsData } from "./trainer.js";
 *     import { fetchFrom, loadData } from "./data.js";
 *     const data = await loadData<DigitsData>(definition.plan, "train", fetchFrom("./"));
 *     await model.fit(data);
 */

import type { TensorData } from "./data/column.ts";
import { columnsOfFiles } from "./data/columns-of-files.ts";
import { DataError, messageOf } from "./data/data-error.ts";
import { openDataFile } from "./data/gunzip.ts";
import { filesOf } from "./data/source-files.ts";
import type { DataPlan, TrainerPlan } from "./plan.ts";

export { DataError, type DataProblem } from "./data/data-error.ts";

export type DataBlock = keyof DataPlan["blocks"];

/** Gives the bytes of a file, packed or not, by its path in the model. */
export type ReadFile = (path: string) => Promise<Uint8Array>;

/** Rows of a column, in the form that models take. */
export interface LoadedColumn {
  readonly data: TensorData;
  /** Rows first. */
  readonly shape: readonly number[];
}

/** Paths of the files that a block of the model's data consists of, each once. */
export function dataFiles(plan: TrainerPlan, block: DataBlock): readonly string[] {
  return [...new Set(sourcesOf(plan, block).flatMap(filesOf))];
}

/**
 * Columns of a block by name, for `fit` and `evaluate`; `Data` is the model's own type of them.
 * @throws DataError if there is no such block, or a file is missing or malformed: the message names the file and the
 * place, what was expected there, what was found, and what to do.
 */
export async function loadData<Data = Readonly<Record<string, LoadedColumn>>>(
  plan: TrainerPlan,
  block: DataBlock,
  read: ReadFile,
): Promise<Data> {
  const columns = await columnsOfFiles(sourcesOf(plan, block), async (path) =>
    openDataFile(path, await readOrExplain(path, read)),
  );
  const loaded = columns.map(({ name, data, rows, shape }): [string, LoadedColumn] => {
    return [name, { data, shape: [rows, ...shape] }];
  });
  return Object.fromEntries(loaded) as Data;
}

/** Reads files relative to a URL, itself relative to the page or worker. */
export function fetchFrom(folder: string): ReadFile {
  return async (path) => {
    const response = await fetch(new URL(path, new URL(folder, location.href)));
    if (!response.ok) {
      throw new DataError({
        file: path,
        expected: `a file at ${response.url}`,
        found: `${response.status} ${response.statusText}`.trim(),
        hint: "put the file beside the page, or drop it on it",
      });
    }
    return new Uint8Array(await response.arrayBuffer());
  };
}

declare const location: { readonly href: string };

/** Columns that the model does not read are left alone, their files too. */
function sourcesOf(
  plan: TrainerPlan,
  block: DataBlock,
): NonNullable<DataPlan["blocks"][DataBlock]> {
  const sources = plan.data?.blocks[block];
  if (sources === undefined) {
    const known = Object.keys(plan.data?.blocks ?? {}).join(", ");
    throw new DataError({
      file: plan.model,
      expected: `a ${block} block of data`,
      found: known === "" ? "none" : known,
      hint: "name a block that the model's data block has",
    });
  }
  const names = new Set(plan.columns.map(({ name }) => name));
  return sources.filter(({ column }) => names.has(column.name));
}

async function readOrExplain(path: string, read: ReadFile): Promise<Uint8Array> {
  try {
    return await read(path);
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(
      {
        file: path,
        expected: "a file that can be read",
        found: messageOf(error),
        hint: "put the file beside the page, or drop it on it",
      },
      { cause: error },
    );
  }
}
