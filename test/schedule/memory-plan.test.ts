import fc from "fast-check";
import { expect, test } from "vitest";
import { aligned, type Block, packBlocks } from "../../compiler/schedule/memory-plan.ts";

const rules = { arenaAlignment: 64, wordsOnly: false };

const blocks = fc.array(
  fc
    .record({
      bytes: fc.integer({ min: 1, max: 5000 }),
      first: fc.nat(20),
      length: fc.nat(8),
    })
    .map(({ bytes, first, length }) => ({ bytes, first, last: first + length })),
  { maxLength: 40 },
);

const keyed = (list: readonly Omit<Block<number>, "key">[]): Block<number>[] =>
  list.map((block, key) => ({ ...block, key }));

test("blocks that live at the same time do not overlap", () => {
  fc.assert(
    fc.property(blocks, (list) => {
      const all = keyed(list);
      const { offsets, bytes } = packBlocks(all, rules);
      for (const a of all) {
        const start = offsets.get(a.key)!;
        expect(start % 64).toBe(0);
        expect(start + a.bytes).toBeLessThanOrEqual(bytes);
        for (const b of all) {
          const lives = a.key !== b.key && a.first <= b.last && b.first <= a.last;
          const other = offsets.get(b.key)!;
          if (lives) expect(start + a.bytes <= other || other + b.bytes <= start).toBe(true);
        }
      }
    }),
    { seed: 20261121 },
  );
});

test("the arena is no smaller than what lives at once, and not much larger", () => {
  fc.assert(
    fc.property(blocks, (list) => {
      const all = keyed(list);
      const live = (at: number): number =>
        all.reduce(
          (sum, b) => sum + (b.first <= at && at <= b.last ? aligned(b.bytes, rules) : 0),
          0,
        );
      const peak = Math.max(0, ...Array.from({ length: 30 }, (_, at) => live(at)));
      const { bytes } = packBlocks(all, rules);
      expect(bytes).toBeGreaterThanOrEqual(peak);
      expect(bytes).toBeLessThanOrEqual(2 * peak);
    }),
    { seed: 20261121 },
  );
});

test("a chain of temporaries takes the place of two", () => {
  const chain = keyed([0, 1, 2, 3].map((first) => ({ bytes: 640, first, last: first + 1 })));
  expect(packBlocks(chain, rules).bytes).toBe(1280);
});

test("the smallest gap that holds a block is taken", () => {
  const { offsets } = packBlocks(
    keyed([
      { bytes: 4096, first: 0, last: 0 },
      { bytes: 2048, first: 0, last: 1 },
      { bytes: 1024, first: 0, last: 0 },
      { bytes: 512, first: 0, last: 1 },
      { bytes: 448, first: 1, last: 1 },
    ]),
    rules,
  );
  // At launch 1 there is a gap of 4096 before the second block and one of 1024 behind it.
  expect(offsets.get(4)).toBe(6144);
});
