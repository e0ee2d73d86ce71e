/** Which arrays are used again. */

import { expect, test } from "vitest";
import { GraphContext } from "../../compiler/graph/context.ts";
import { fixed } from "../../compiler/graph/extent.ts";
import type { Value } from "../../compiler/graph/node.ts";
import { ArrayPool, ValueArrays } from "../../compiler/graph/value-arrays.ts";

function threeValues(): readonly [Value, Value, Value] {
  const context = new GraphContext();
  const leaf = (path: string) => context.leaf("state", path, "f32", [fixed(2)]);
  return [leaf("a"), leaf("b"), leaf("c")];
}

test("an array is used again once no value has it", () => {
  const [a, b, c] = threeValues();
  const values = new ValueArrays(new ArrayPool());
  const array = values.allocate(a, 2);
  values.set(b, array);
  values.delete(a);
  expect(values.allocate(c, 2)).not.toBe(array);
  values.delete(b);
  expect(values.allocate(a, 3)).not.toBe(array);
  expect(values.allocate(a, 2)).toBe(array);
});

test("arrays that were given are never used again", () => {
  const [a, b] = threeValues();
  const values = new ValueArrays(new ArrayPool());
  const given = new Float64Array(2);
  values.set(a, given);
  values.delete(a);
  expect(values.allocate(b, 2)).not.toBe(given);
});

test("values may swap their arrays", () => {
  const [a, b, c] = threeValues();
  const values = new ValueArrays(new ArrayPool());
  const [first, second] = [values.allocate(a, 2), values.allocate(b, 2)];
  values.copy([
    [a, b],
    [b, a],
  ]);
  expect([values.get(a), values.get(b)]).toEqual([second, first]);
  expect(values.get(a)).toBe(second);
  expect([first, second]).not.toContain(values.allocate(c, 2));
});
