/** Reads data files from the disk. */

import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { DataError, messageOf } from "./data-error.ts";
import { type DataFile, damagedGzip, isGzip } from "./data-file.ts";

/**
 * Reads `name`, relative to `folder`.
 * @throws DataError if it cannot be read or unpacked.
 */
export async function readDataFile(name: string, folder: string): Promise<DataFile> {
  const path = resolve(folder, name);
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new DataError(
      {
        file: name,
        expected: "a file that can be read",
        found: describeFailure(error, path),
        hint: "paths are relative to the model's file, or to --data for a built trainer",
      },
      { cause: error },
    );
  }
  return { name, bytes: isGzip(bytes) ? await unpack(name, bytes) : bytes };
}

function describeFailure(error: unknown, path: string): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return `nothing at ${path}`;
  return code === "EISDIR" ? `a folder at ${path}` : messageOf(error);
}

const gunzipAsync = promisify(gunzip);
/** Node's default of 16 KiB makes unpacking a large file take twice as long. */
const chunkSize = 1 << 20;

async function unpack(file: string, bytes: Uint8Array): Promise<Uint8Array> {
  try {
    return await gunzipAsync(bytes, { chunkSize });
  } catch (error) {
    throw damagedGzip(file, error);
  }
}
