import { expect, test } from "vitest";
import { CandidateQueue } from "../../compiler/optimize/fusion/candidate-queue.ts";
import {
  type Candidate,
  compareCandidates,
  type Draft,
} from "../../compiler/optimize/fusion/drafts.ts";
import type { Gain } from "../../compiler/optimize/fusion/gain.ts";

const draftAt = (position: number) => ({ id: position, position }) as Draft;

const candidate = (seconds: number, first: number, second: number): Candidate => ({
  first: draftAt(first),
  second: draftAt(second),
  gain: { seconds } as Gain,
});

const described = (found: Candidate | undefined) =>
  found && `${found.gain.seconds}: ${found.first.position} ${found.second.position}`;

test("the largest gain comes first, then the earliest nodes, whenever it was added", () => {
  const queue = new CandidateQueue([candidate(1, 0, 1), candidate(3, 2, 5), candidate(3, 2, 4)]);
  expect(described(queue.take())).toBe("3: 2 4");
  queue.add(candidate(4, 6, 7));
  queue.add(candidate(2, 0, 3));
  expect([1, 2, 3, 4, 5].map(() => described(queue.take()))).toEqual([
    "4: 6 7",
    "3: 2 5",
    "2: 0 3",
    "1: 0 1",
    undefined,
  ]);
});

test("adding and taking in turn gives what sorting gives", () => {
  // Gains repeat, so that the order of nodes decides among many.
  const all = Array.from({ length: 200 }, (_, i) => candidate((i * 37) % 11, i, i + 1));
  const queue = new CandidateQueue(all.slice(0, 50));
  let waiting = all.slice(0, 50);
  for (let i = 50; i < all.length; i += 3) {
    for (const added of all.slice(i, i + 3)) {
      queue.add(added);
      waiting.push(added);
    }
    waiting = waiting.sort(compareCandidates);
    expect(queue.take()).toBe(waiting.pop());
    expect(queue.take()).toBe(waiting.pop());
  }
});
