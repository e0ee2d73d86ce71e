/** Which of the model's files the user's files are: by their names, or because only one is missing. */

interface Named {
  readonly name: string;
}

export interface Matches<F extends Named> {
  readonly matched: readonly (readonly [path: string, file: F])[];
  readonly unknown: readonly F[];
}

/**
 * Names count without their folders, in any case, and packed or not: `Train.csv.gz` is `data/train.csv`. A single file
 * of another name stands for the single one that is missing.
 */
export function matchFiles<F extends Named>(
  files: readonly F[],
  paths: readonly string[],
  missing: readonly string[],
): Matches<F> {
  const matched: [string, F][] = [];
  const unknown: F[] = [];
  for (const file of files) {
    // The same name may stand in several folders: the missing one is meant.
    const candidates = paths.filter((path) => plainName(path) === plainName(file.name));
    const path = candidates.find((candidate) => missing.includes(candidate)) ?? candidates[0];
    if (path === undefined) unknown.push(file);
    else matched.push([path, file]);
  }
  const [file] = unknown;
  const [path] = missing;
  if (files.length === 1 && file !== undefined && missing.length === 1 && path !== undefined) {
    return { matched: [[path, file]], unknown: [] };
  }
  return { matched, unknown };
}

function plainName(path: string): string {
  return path.split(/[/\\]/).at(-1)!.toLowerCase().replace(/\.gz$/, "");
}
