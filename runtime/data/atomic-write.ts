/**
 * Writing a file so that it is, at every moment and after any crash, either the old one or the new
 * one: the bytes go to a temporary name in the same folder, are forced to the disk, and take the
 * real name by `rename`, which POSIX makes atomic. What a killed process left half-written is removed
 * by the next one that writes the same file.
 */

import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { DataError, messageOf } from "./data-error.ts";

export type FileContent =
  | string
  | Uint8Array
  | Iterable<string | Uint8Array>
  | AsyncIterable<string | Uint8Array>;

/**
 * Writes `content` to `path`, making the folder if need be. On any failure (a full disk, an
 * exception of the iterable) the temporary file is removed, the old file stays, and a `DataError`
 * is thrown.
 */
export async function writeFileAtomically(path: string, content: FileContent): Promise<void> {
  const folder = dirname(path);
  const unique = `${process.pid}.${randomBytes(6).toString("hex")}`;
  const temporary = join(folder, `.${basename(path)}.${unique}.tmp`);
  let file: FileHandle | undefined;
  try {
    await mkdir(folder, { recursive: true });
    file = await open(temporary, "wx");
    for await (const chunk of chunksOf(content)) await file.appendFile(chunk);
    await file.sync();
    await file.close();
    await rename(temporary, path);
  } catch (error) {
    await file?.close().catch(() => undefined);
    await rm(temporary, { force: true }).catch(() => undefined);
    if (error instanceof DataError) throw error;
    throw new DataError(
      {
        file: path,
        expected: "to write the file",
        found: messageOf(error),
        hint: "check that the folder can be written to and that the disk has room",
      },
      { cause: error },
    );
  }
  await syncFolder(folder);
  await removeAbandoned(path);
}

/** Removes temporary files of this one whose process is no more. */
async function removeAbandoned(path: string): Promise<void> {
  const folder = dirname(path);
  const prefix = `.${basename(path)}.`;
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(prefix)) continue;
    const [, pid] = /^(\d+)\.[0-9a-f]{12}\.tmp$/.exec(name.slice(prefix.length)) ?? [];
    if (pid === undefined || isRunning(Number(pid))) continue;
    await rm(join(folder, name), { force: true }).catch(() => undefined);
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

function chunksOf(
  content: FileContent,
): Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array> {
  return typeof content === "string" || content instanceof Uint8Array ? [content] : content;
}

/**
 * Makes the rename itself durable. Some systems cannot open a folder; the file is complete all the
 * same.
 */
async function syncFolder(folder: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(folder, "r");
    await handle.sync();
  } catch {
    // Not every file system can sync a folder.
  } finally {
    await handle?.close();
  }
}
