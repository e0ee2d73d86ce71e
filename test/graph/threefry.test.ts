import { describe, expect, test } from "vitest";
import { hash32, threefry2x32, uniformAt, uniforms } from "../../compiler/graph/threefry.ts";

function wordsOf([key0, key1]: readonly [number, number], counter: readonly [number, number]) {
  const words = new Float64Array(2);
  threefry2x32(key0, key1, ...counter, words, 0);
  return [...words];
}

describe("Threefry-2x32-20", () => {
  // Known answers of the authors' Random123 library (kat_vectors).
  test.each([
    [
      [0, 0],
      [0, 0],
      [0x6b200159, 0x99ba4efe],
    ],
    [
      [0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x1cb996fc, 0xbb002be7],
    ],
    [
      [0x13198a2e, 0x03707344],
      [0x243f6a88, 0x85a308d3],
      [0xc4923a9c, 0x483df7a0],
    ],
  ] as const)("key %j, counter %j", (key, counter, words) => {
    expect(wordsOf(key, counter)).toEqual(words);
  });

  test("a uniform number takes the word of its index, and 24 of its bits", () => {
    const [even, odd] = wordsOf([7, 9], [21, 3]);
    expect(uniformAt(7, 9, 3, 42)).toBe((even! >>> 8) / 2 ** 24);
    expect(uniformAt(7, 9, 3, 43)).toBe((odd! >>> 8) / 2 ** 24);
  });

  test("uniform numbers drawn together are those drawn one by one", () => {
    for (const count of [0, 1, 6, 7]) {
      const each = Array.from({ length: count }, (_, index) => uniformAt(-5, 4212972631, 3, index));
      expect([...uniforms(-5, 4212972631, 3, count)]).toEqual(each);
    }
  });
});

test("streams are hashed by FNV-1a", () => {
  expect(hash32("")).toBe(0x811c9dc5);
  expect(hash32("a")).toBe(0xe40c292c);
  expect(hash32("foobar")).toBe(0xbf9cf968);
});
