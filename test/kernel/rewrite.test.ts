/** Rewriting reaches the parts of every expression. */

import { expect, test } from "vitest";
import {
  add,
  bitcast,
  broadcast,
  constant,
  convert,
  f32,
  join,
  lane,
  load,
  place,
  random,
  reduceLanes,
  select,
  shuffle,
  shuffleDown,
  shuffleFirst,
  variable,
  vectorOf,
} from "../../compiler/kernel/build.ts";
import type { Expression } from "../../compiler/kernel/ir.ts";
import { expressionChildren, mapExpression } from "../../compiler/kernel/rewrite.ts";

const x = variable("x", f32);
const wide = variable("x", vectorOf("f32", 4));
const index = variable("x");

const parts: Readonly<Record<string, Expression>> = {
  operation: add(x, constant(1, "f32")),
  select: select(variable("x", { dtype: "bool", lanes: 1 }), constant(1), constant(2)),
  convert: convert(x, "i32"),
  bitcast: bitcast(x, "u32"),
  broadcast: broadcast(x, 4),
  lane: lane(wide, 1),
  reduce: reduceLanes("add", wide),
  join: join([x, x]),
  shuffle: shuffle(wide, wide, [0, 5]),
  shuffleDown: shuffleDown(x, 1),
  shuffleFirst: shuffleFirst(x, 32),
  random: random("stream", index),
  load: load(place("buffer", index), f32),
};

test.each(Object.keys(parts))("of %s", (name) => {
  const renamed = mapExpression(parts[name]!, (e) =>
    e.kind === "variable" ? { ...e, name: "y" } : e,
  );
  const text = JSON.stringify(renamed);
  expect(text).toContain('"y"');
  expect(text).not.toContain('"x"');
  expect(expressionChildren(parts[name]!).length).toBeGreaterThan(0);
});
