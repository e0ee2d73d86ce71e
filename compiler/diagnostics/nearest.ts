/** The known name that a mistyped or shortened one most probably meant. */

/**
 * The nearest candidate within a third of the name's length (at least one edit, of one or two letters none); else
 * the one that the name shortens, as `lr` does `learning_rate`, or the longest that it goes on from, as
 * `validation_split` does from `validation`; or nothing.
 */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  const limit = name.length < 3 ? 0 : Math.max(1, Math.floor(name.length / 3));
  const others = [...candidates].filter((candidate) => candidate !== name);
  const isNear = (candidate: string) => Math.abs(candidate.length - name.length) <= limit;
  return (
    least(others.filter(isNear), (candidate) => distanceBetween(name, candidate), limit) ??
    least(others, (candidate) => lengthShortened(name, candidate)) ??
    least(others, (candidate) =>
      candidate.length >= 4 && name.startsWith(candidate) ? -candidate.length : Infinity,
    )
  );
}

/** The first of the candidates whose measure is least and within the limit. */
function least(
  candidates: readonly string[],
  measure: (candidate: string) => number,
  limit = Number.MAX_VALUE,
): string | undefined {
  let best: string | undefined;
  let bestMeasure = Infinity;
  for (const candidate of candidates) {
    const own = measure(candidate);
    if (own > limit || own >= bestMeasure) continue;
    best = candidate;
    bestMeasure = own;
  }
  return best;
}

/** Letters are left out more often than mistaken for others, which decides between equals. */
function distanceBetween(name: string, candidate: string): number {
  if (candidate.toLowerCase() === name.toLowerCase()) return 0;
  return editDistance(name, candidate) - (isSubsequence(name, candidate) ? 0.5 : 0);
}

/**
 * How much longer the candidate is, if the name consists of letters of it in order, the first of each of its words
 * among them; of words shortened to just these nothing is nearer.
 */
function lengthShortened(name: string, candidate: string): number {
  const [short, long] = [name.toLowerCase(), candidate.toLowerCase()];
  if (short.length < 2 || short[0] !== long[0] || !isSubsequence(short, long)) return Infinity;
  // A value's name hardly shortens that of a class many times as long.
  if (name[0] !== candidate[0] && long.length > 2 * short.length) return Infinity;
  const words = long.split("_");
  const initials = words.map((word) => word.slice(0, 1)).join("");
  if (words.length > 1 && initials === short) return 0;
  return isSubsequence(initials, short) ? long.length - short.length : Infinity;
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
