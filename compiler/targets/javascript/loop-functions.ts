/**
 * Long loops as functions of their own, one for all loops of a form: those that differ in nothing but the arrays they go
 * over and their numbers. What runs JavaScript compiles a function as a whole, after it has run for a while; in one long
 * body that fills the tensors one after the other no loop would be compiled before it ends.
 */

import { hash32 } from "../../graph/threefry.ts";
import { BlockBuilder } from "../../kernel/block-builder.ts";
import { variable } from "../../kernel/build.ts";
import type { Expression, Loop, Statement } from "../../kernel/ir.ts";
import { renameStatements } from "../../kernel/rename.ts";
import { mapStatements, walkStatements } from "../../kernel/rewrite.ts";
import { CLikePrinter } from "../c-like-printer.ts";
import { javaScriptDialect } from "./dialect.ts";
import type { PreludeFunction } from "./functions.ts";

/** Fewer points than this are computed before any compiler has looked at them. */
const fewPoints = 1024;

/**
 * The call of a function that does what the loop does; undefined where the loop is short, or needs more than arrays of
 * `floats` and numbers. `use` hears of every function of the prelude that is called.
 */
export function callOfLoops(
  loop: Loop,
  floats: ReadonlySet<string>,
  use: (wanted: PreludeFunction) => void,
): string | undefined {
  if (pointsOf(loop) < fewPoints) return undefined;
  const names = namesIn(loop);
  if (names === undefined) return undefined;
  const { own, arrays, stored } = names;
  if (![...arrays].every((name) => own.has(name) || floats.has(name))) return undefined;

  const builder = new BlockBuilder();
  const parameters = new Map<string, string>();
  const locals = new Map<string, string>();
  const rename = (name: string): string => {
    const known = locals.get(name) ?? parameters.get(name);
    if (known !== undefined) return known;
    const hint = stored.has(name) ? "to" : arrays.has(name) ? "data" : own.has(name) ? "x" : "a";
    const renamed = builder.name(own.get(name) ?? hint);
    (own.has(name) ? locals : parameters).set(name, renamed);
    return renamed;
  };
  const renamed = renameStatements([loop], rename);
  const numbers: (readonly [string, Expression])[] = [];
  const body = mapStatements(renamed, (e) => {
    if (e.kind !== "constant" || e.type.dtype === "bool" || e.value === 0) return e;
    const name = builder.name("c");
    numbers.push([name, e]);
    return variable(name, e.type);
  });
  const printer = new CLikePrinter(javaScriptDialect(use));
  const list = [...parameters.values(), ...numbers.map(([name]) => name)].join(", ");
  const text = [`(${list}) {`, ...printer.block(body, "  "), "}"].join("\n");
  const name = `compute_${hash32(text).toString(36)}`;
  use({ kind: "loops", name, text: `function ${name}${text}` });
  const given = [...parameters.keys(), ...numbers.map(([, e]) => printer.expression(e))];
  return `${name}(${given.join(", ")});`;
}

interface Names {
  /** What the loop declares, and after what that is called. */
  readonly own: ReadonlyMap<string, string>;
  /** What it indexes, and of that what it writes. */
  readonly arrays: ReadonlySet<string>;
  readonly stored: ReadonlySet<string>;
}

/** Undefined where it changes variables of its surroundings or draws numbers. */
function namesIn(loop: Loop): Names | undefined {
  const own = new Map<string, string>();
  const arrays = new Set<string>();
  const stored = new Set<string>();
  const assigned = new Set<string>();
  let isClosed = true;
  walkStatements(
    [loop],
    (s) => {
      if (s.kind === "loop") own.set(s.variable, "i");
      else if (s.kind === "let" || s.kind === "mutable") own.set(s.name, "x");
      else if (s.kind === "buffer") own.set(s.name, "local");
      else if (s.kind === "assign") assigned.add(s.name);
      if (s.kind === "store") for (const set of [arrays, stored]) set.add(s.place.buffer);
    },
    (e) => {
      if (e.kind === "load") arrays.add(e.place.buffer);
      if (e.kind === "random" || e.kind === "symbol") isClosed = false;
    },
  );
  return isClosed && [...assigned].every((name) => own.has(name))
    ? { own, arrays, stored }
    : undefined;
}

/** How often its innermost statements run, as far as that is known. */
function pointsOf({ from, to, step, body }: Loop): number {
  const trips =
    from.kind === "constant" && to.kind === "constant" ? (to.value - from.value) / step : 1;
  const inner = body.map((s: Statement) => (s.kind === "loop" ? pointsOf(s) : 1));
  return trips * inner.reduce((total, points) => total + points, 0);
}
