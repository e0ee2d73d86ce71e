/** The known name that a mistyped or shortened one most probably meant. */

/**
 * The nearest candidate within a third of the name's length (at least one edit, of single letters none); else the
 * shortest that the name shortens, as `lr` does `learning_rate`, or the longest that it goes on from, as
 * `validation_split` does from `validation`; or nothing.
 */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  const limit = name.length < 2 ? 0 : Math.max(1, Math.floor(name.length / 3));
  let best: string | undefined;
  let bestDistance = limit + 1;
  let long: string | undefined;
  let part: string | undefined;
  for (const candidate of candidates) {
    if (candidate === name) continue;
    if (shortens(name, candidate) && candidate.length < (long?.length ?? Infinity)) {
      long = candidate;
    }
    if (name.startsWith(candidate) && candidate.length >= 4) {
      if (candidate.length > (part?.length ?? 0)) part = candidate;
    }
    if (Math.abs(candidate.length - name.length) > limit) continue;
    const distance = distanceBetween(name, candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best ?? long ?? part;
}

/** Letters are left out more often than mistaken for others, which decides between equals. */
function distanceBetween(name: string, candidate: string): number {
  if (candidate.toLowerCase() === name.toLowerCase()) return 0;
  return editDistance(name, candidate) - (isSubsequence(name, candidate) ? 0.5 : 0);
}

/** Whether the name consists of letters of the candidate in order, the first of each of its words among them. */
function shortens(name: string, candidate: string): boolean {
  const [short, long] = [name.toLowerCase(), candidate.toLowerCase()];
  if (short.length < 2 || short[0] !== long[0] || !isSubsequence(short, long)) return false;
  const initials = long.split("_").map((word) => word.slice(0, 1));
  return isSubsequence(initials.join(""), short);
}

function isSubsequence(part: string, whole: string): boolean {
  let at = 0;
  for (const letter of whole) if (letter === part[at]) at++;
  return at === part.length;
}

/** Insertions, deletions, replacements and swaps of neighbours that turn one text into the other. */
function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let cost = Math.min(previous[j]! + 1, current[j - 1]! + 1, replace);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, beforePrevious[j - 2]! + 1);
      }
      current.push(cost);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length]!;
}
