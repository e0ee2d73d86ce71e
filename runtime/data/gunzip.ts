/** Unpacks gzip with what browsers and Node have, without believing the length that the file claims. */

import { DataError } from "./data-error.ts";
import { type DataFile, damagedGzip, isGzip } from "./data-file.ts";

/** More than this no browser keeps in one array; a small file that unpacks to more is no data set. */
const MAXIMAL_BYTES = 2 ** 31 - 1;

/** The file under its name, unpacked if it is gzip. */
export async function openDataFile(name: string, bytes: Uint8Array): Promise<DataFile> {
  return { name, bytes: isGzip(bytes) ? await gunzip(name, bytes) : bytes };
}

async function gunzip(file: string, bytes: Uint8Array): Promise<Uint8Array> {
  const packed = new Blob([new Uint8Array(bytes)]).stream();
  const reader = packed.pipeThrough(new DecompressionStream("gzip")).getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read().catch((error: unknown) => {
      throw damagedGzip(file, error);
    });
    if (done) break;
    length += value.length;
    if (length > MAXIMAL_BYTES) {
      await reader.cancel().catch(() => undefined);
      throw new DataError({
        file,
        expected: `at most ${MAXIMAL_BYTES} bytes unpacked`,
        found: "more",
        hint: "split the data into several files",
      });
    }
    chunks.push(value);
  }
  const unpacked = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    unpacked.set(chunk, at);
    at += chunk.length;
  }
  return unpacked;
}
