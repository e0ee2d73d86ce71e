import { describe, expect, it } from "vitest";
import { InvariantError } from "../../compiler/diagnostics/diagnostic.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { type Pass, PassMonitor, runPass } from "../../compiler/pipeline.ts";

const form = {
  verify: (value: number) => {
    if (value < 0) throw new InvariantError(`${value} is negative`);
  },
  print: (value: number) => `${value}\n`,
};
const decrement: Pass<number, number> = {
  name: "decrement",
  why: "a test needs a pass",
  run: (_, value) => Math.max(value - 1, -1),
  form,
};
const context = new GraphContext();

describe("the pass pipeline", () => {
  it("times passes by the caller's clock", () => {
    let time = 0;
    const monitor = new PassMonitor({ now: () => time++ });
    runPass(monitor, context, "g", decrement, 3);
    expect(monitor.timings).toEqual([{ pass: "decrement", subject: "g", milliseconds: 1 }]);
  });

  it("prints what was asked for, and says if nothing changed", () => {
    const texts: string[] = [];
    const write = (text: string) => texts.push(text);
    const monitor = new PassMonitor({ print: new Set(["decrement"]), write });
    runPass(monitor, context, "g", decrement, 3);
    runPass(monitor, context, "g", decrement, -1);
    runPass(monitor, context, "g", { ...decrement, name: "other" }, 3);
    expect(texts).toEqual(["after-decrement g:\n2\n", "after-decrement g:\nunchanged\n"]);
  });

  it("verifies every result if asked to", () => {
    const lax = new PassMonitor({});
    expect(runPass(lax, context, "g", decrement, 0)).toBe(-1);
    const strict = new PassMonitor({ verify: true });
    expect(() => runPass(strict, context, "g", decrement, 0)).toThrow("-1 is negative");
  });
});
