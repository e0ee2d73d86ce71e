/**
 * Files of a browser's origin private file system (https://fs.spec.whatwg.org), which keeps them between visits, in a
 * folder of their own. In a worker as well as in a page.
 */

import { DataError, messageOf } from "../data/data-error.ts";
import type { FileStorage } from "./file-storage.ts";

/** The part of the browser's interface that is used here; TypeScript's library has it for pages only. */
interface Folder {
  getDirectoryHandle(name: string, options?: { readonly create?: boolean }): Promise<Folder>;
  getFileHandle(name: string, options?: { readonly create?: boolean }): Promise<OriginFile>;
  removeEntry(name: string): Promise<void>;
}

interface OriginFile {
  getFile(): Promise<Blob>;
  createWritable(options?: { readonly keepExistingData?: boolean }): Promise<Writable>;
}

/** Writes to a copy that takes the file's place when it is closed. */
interface Writable {
  write(data: { readonly type: "write"; position: number; data: Uint8Array }): Promise<void>;
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
  abort(): Promise<void>;
}

/** `folder` separates the files of one program from others of the same origin. */
export function originStorage(folder = "nnc"): FileStorage {
  const locate = async (path: string, create: boolean): Promise<readonly [Folder, string]> => {
    const names = [folder, ...path.split("/")].filter((name) => name !== "" && name !== ".");
    const file = names.pop()!;
    let parent = await root();
    for (const name of names) parent = await parent.getDirectoryHandle(name, { create });
    return [parent, file];
  };
  const find = async (path: string, create: boolean): Promise<OriginFile> => {
    const [parent, file] = await locate(path, create);
    return parent.getFileHandle(file, { create });
  };
  const open = async (path: string): Promise<Blob | undefined> => {
    try {
      return await (await find(path, false)).getFile();
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw failure(path, "to read the file", error);
    }
  };
  const writeAt = async (
    path: string,
    at: number,
    bytes: Uint8Array,
    keepExistingData: boolean,
  ): Promise<void> => {
    let writable: Writable | undefined;
    try {
      writable = await (await find(path, true)).createWritable({ keepExistingData });
      await writable.truncate(at);
      await writable.write({ type: "write", position: at, data: bytes });
      await writable.close();
    } catch (error) {
      await writable?.abort().catch(() => undefined);
      throw failure(path, "to write the file", error);
    }
  };
  return {
    read: async (path) => {
      const blob = await open(path);
      return blob && new Uint8Array(await blob.arrayBuffer());
    },
    write: (path, bytes) => writeAt(path, 0, bytes, false),
    writeAt: (path, at, bytes) => writeAt(path, at, bytes, true),
    // Every path can be written, as long as there is room, which nothing tells before.
    checkWritable: async () => {},
    size: async (path) => (await open(path))?.size ?? 0,
    remove: async (path) => {
      try {
        const [parent, file] = await locate(path, false);
        await parent.removeEntry(file);
      } catch (error) {
        if (!isMissing(error)) throw failure(path, "to remove the file", error);
      }
    },
  };
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && error.name === "NotFoundError";
}

/** Whether this browser has a place for files. */
export function hasOriginStorage(): boolean {
  return storageManager()?.getDirectory !== undefined;
}

async function root(): Promise<Folder> {
  const manager = storageManager();
  if (manager?.getDirectory === undefined) {
    throw new Error("this browser keeps no files for this page");
  }
  return manager.getDirectory();
}

function storageManager(): { getDirectory?(): Promise<Folder> } | undefined {
  const { navigator } = globalThis as {
    readonly navigator?: { readonly storage?: { getDirectory?(): Promise<Folder> } };
  };
  return navigator?.storage;
}

function failure(file: string, expected: string, cause: unknown): DataError {
  const hint = "the browser may be out of room for this page, or keeps nothing in private windows";
  return new DataError({ file, expected, found: messageOf(cause), hint }, { cause });
}
