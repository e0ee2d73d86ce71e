/** Files of Node's file system, relative to the working folder. */

import { access, constants, mkdir, open, readFile, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { writeFileAtomically } from "../data/atomic-write.ts";
import { DataError, messageOf } from "../data/data-error.ts";
import type { FileStorage } from "./file-storage.ts";

export const nodeStorage: FileStorage = {
  write: writeFileAtomically,

  async read(path) {
    try {
      return new Uint8Array(await readFile(path));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw failure(path, "to read the file", error, "check the path");
    }
  },

  async writeAt(path, at, bytes) {
    try {
      await mkdir(dirname(path), { recursive: true });
      const file = await open(path, (await fileSize(path)) === undefined ? "w" : "r+");
      try {
        await file.truncate(at);
        await file.write(bytes, 0, bytes.length, at);
      } finally {
        await file.close();
      }
    } catch (error) {
      const hint = "check that the folder can be written to and that the disk has room";
      throw failure(path, "to write the file", error, hint);
    }
  },

  async remove(path) {
    try {
      await rm(path, { force: true });
    } catch (error) {
      throw failure(path, "to remove the file", error, "check that the folder can be written to");
    }
  },

  async checkWritable(path) {
    try {
      if ((await kindOf(path)) === "folder") throw new Error("it is a folder");
      let folder = dirname(path);
      // Folders that are not there yet are made in the nearest one that is.
      while ((await kindOf(folder)) === "nothing") folder = dirname(folder);
      if ((await kindOf(folder)) === "file") throw new Error(`${folder} is not a folder`);
      await access(folder, constants.W_OK | constants.X_OK);
    } catch (error) {
      throw failure(path, "a file that can be written", error, "give another path");
    }
  },

  async size(path) {
    try {
      return (await fileSize(path)) ?? 0;
    } catch (error) {
      throw failure(path, "to look at the file", error, "check the path");
    }
  },
};

async function kindOf(path: string): Promise<"file" | "folder" | "nothing"> {
  try {
    return (await stat(path)).isDirectory() ? "folder" : "file";
  } catch (error) {
    // Below what is no folder there is nothing either; what is above it says so.
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return "nothing";
    throw error;
  }
}

async function fileSize(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

function failure(file: string, expected: string, cause: unknown, hint: string): DataError {
  return new DataError({ file, expected, found: messageOf(cause), hint }, { cause });
}
