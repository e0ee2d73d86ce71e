/**
 * Where a run keeps its files: checkpoints, weights and logs, by name. Node's is its file system, a browser's is the
 * origin's private one; what trains knows neither.
 */

import { TrainingError } from "../training/error.ts";

/** Names are paths with `/` between folders; missing folders are made. All failures are `DataError`s. */
export interface FileStorage {
  /** The whole file, or undefined where there is none. */
  read(path: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Replaces the file: whatever happens, it holds the old bytes or the new ones. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** Puts `bytes` at position `at` of the file, which ends behind them. */
  writeAt(path: string, at: number, bytes: Uint8Array): Promise<void>;
  /** In bytes; 0 where there is no file. */
  size(path: string): Promise<number>;
  /** Removes the file, if there is one. */
  remove(path: string): Promise<void>;
  /** Fails as `write` would, as far as that can be told without writing anything: before hours of work for the file. */
  checkWritable(path: string): Promise<void>;
}

/** For models that were given no place for files. */
export const noStorage: FileStorage = {
  read: refuse,
  write: refuse,
  writeAt: refuse,
  size: refuse,
  remove: refuse,
  checkWritable: refuse,
};

async function refuse(path: string): Promise<never> {
  throw new TrainingError(
    `there is no place here to keep the file ${path}`,
    "take weights() and checkpoint() as bytes instead, or create the model with a storage",
  );
}
