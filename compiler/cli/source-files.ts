/** The compiler's host: sources from the disk, the standard library from the package. */

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { SourceHost } from "../semantics/modules.ts";
import { readTrees } from "./kept-trees.ts";

/** `trees` is the folder that trees of the library were kept in. */
export function diskSources(std: string, trees?: string): SourceHost {
  return {
    readFile: readText,
    readStd: (name) => readText(join(std, name)),
    keptStd: (name, text) => (trees === undefined ? undefined : readTrees(trees, name, text)),
    filesBeside: (path) => {
      const folder = dirname(path);
      return listFiles(folder)
        .filter((name) => name.endsWith(".nn"))
        .map((name) => join(folder, name));
    },
  };
}

/** Undefined for what is missing, is a folder, or may not be read: the compiler says so where it is asked for. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function listFiles(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
