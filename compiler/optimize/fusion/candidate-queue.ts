/**
 * The merges that may be made next, the best first: a binary heap. Numbers such as the norms of an optimizer are each
 * other's neighbours, so that there may be a hundred thousand of them, and every merge adds some.
 */

import { type Candidate, compareCandidates } from "./drafts.ts";

export class CandidateQueue {
  /** The parent of i is at (i - 1) / 2, rounded down, and is not worse. */
  readonly #heap: Candidate[];

  constructor(candidates: readonly Candidate[]) {
    // In order is a heap already.
    this.#heap = [...candidates].sort((a, b) => compareCandidates(b, a));
  }

  add(candidate: Candidate): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(candidate);
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (compareCandidates(heap[parent]!, candidate) >= 0) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = candidate;
  }

  /** The best one, which is not among them any more; undefined if there is none. */
  take(): Candidate | undefined {
    const heap = this.#heap;
    const best = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return best;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= heap.length) break;
      const right = left + 1;
      const isRightBetter = right < heap.length && compareCandidates(heap[right]!, heap[left]!) > 0;
      const child = isRightBetter ? right : left;
      if (compareCandidates(heap[child]!, last) <= 0) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return best;
  }
}
