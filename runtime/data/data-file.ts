/**
 * A data file in memory, unpacked if it is gzip (by its first bytes, whatever its name), under the
 * name by which messages call it.
 */

import { DataError, messageOf } from "./data-error.ts";

export interface DataFile {
  /** As the model has it. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

export function damagedGzip(file: string, cause: unknown): DataError {
  return new DataError(
    {
      file,
      expected: "a whole gzip file",
      found: messageOf(cause),
      hint: "the file is damaged or was cut short: take another copy of it",
    },
    { cause },
  );
}
