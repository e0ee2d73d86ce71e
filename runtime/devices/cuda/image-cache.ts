/**
 * Images that were compiled at run time, kept in the folder that the compiler has for what it compiles. A file appears
 * under its name only when it is complete, and one that does not match its checksum is not used.
 */

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import { writeFileAtomically } from "../../data/atomic-write.ts";

export interface CachedImage {
  /** Undefined if it is not there, or damaged. */
  read(): Promise<Uint8Array | undefined>;
  /** Does nothing where the folder cannot be written to: the image is made again next time. */
  write(image: Uint8Array): Promise<void>;
}

/** The image that depends on nothing but `key`. */
export function imageCache(environment: NodeJS.ProcessEnv, key: readonly string[]): CachedImage {
  const path = join(folderOf(environment), `${hashOf(key.join("\0"))}.cubin`);
  const checksumPath = `${path}.sha256`;
  return {
    read: async () => {
      try {
        const image = await readFile(path);
        return (await readFile(checksumPath, "utf8")) === hashOf(image) ? image : undefined;
      } catch {
        return undefined;
      }
    },
    write: async (image) => {
      try {
        await writeFileAtomically(checksumPath, hashOf(image));
        await writeFileAtomically(path, image);
      } catch {
        // A full disk or a home that is not ours: nothing is lost but time.
      }
    },
  };
}

/** As compiler/targets/build-cache.ts has it, which trainers, that run without the compiler, cannot import. */
function folderOf(environment: NodeJS.ProcessEnv): string {
  const base = environment.XDG_CACHE_HOME;
  if (base !== undefined && isAbsolute(base)) return join(base, "nnc");
  const home = environment.HOME ?? homedir();
  return home === "" ? join(tmpdir(), "nnc-cache") : join(home, ".cache", "nnc");
}

function hashOf(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}
