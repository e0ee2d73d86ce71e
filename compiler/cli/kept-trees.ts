/**
 * Syntax trees of the library's files, kept when nnc is installed: what a model uses of the library took longer to parse
 * than the model itself. Of each file there is one of lines: the text that they are of, then each declaration, as JSON of
 * ASCII alone, which is read without being decoded.
 */

import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Keeps the declarations of a file of the library, which has this text; whoever reads finds all of them or none. */
export function writeTrees(
  folder: string,
  { name, text }: { readonly name: string; readonly text: string },
  declarations: readonly object[],
): void {
  const lines = [text, ...declarations].map((of) =>
    JSON.stringify(of).replace(/[^\0-\x7f]/g, escaped),
  );
  const path = pathOf(folder, name);
  writeFileSync(`${path}.unfinished`, lines.join("\n"));
  renameSync(`${path}.unfinished`, path);
}

/** The declarations of a file, still as JSON; undefined if none were kept, or those of another text. */
export function readTrees(
  folder: string,
  name: string,
  text: string,
): readonly string[] | undefined {
  const [of, ...declarations] = linesOf(pathOf(folder, name));
  return of !== undefined && JSON.parse(of) === text ? declarations : undefined;
}

function pathOf(folder: string, name: string): string {
  return join(folder, `${name}.trees`);
}

function linesOf(path: string): readonly string[] {
  try {
    return readFileSync(path, "latin1").split("\n");
  } catch {
    return [];
  }
}

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
