import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { gradientsOf } from "../../compiler/autodiff/differentiate.ts";
import { axisAffine as i, offsetAffine } from "../../compiler/graph/affine.ts";
import { inRange, nonnegative } from "../../compiler/graph/condition.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { batchExtent, fixed } from "../../compiler/graph/extent.ts";
import { evaluateValues } from "../../compiler/graph/interpret.ts";
import type { Scalar, Value } from "../../compiler/graph/node.ts";
import { verifyGraph } from "../../compiler/graph/verify.ts";
import { checkDerivatives, checkGradient, randomLeaves, weighted } from "./check-gradient.ts";

const words = 5;
const units = 3;
const steps = 4;

/** Row numbers, of which some are out of range and most occur several times. */
const tokens = fc.array(fc.integer({ min: -2, max: words + 1 }), {
  minLength: 8 * steps,
  maxLength: 8 * steps,
});

class Lookup {
  readonly context = new GraphContext();
  readonly table = this.context.leaf("param", "table", "f32", [fixed(words), fixed(units)]);
  readonly weight = this.context.leaf("param", "weight", "f32", [fixed(units), fixed(steps)]);
  readonly tokens = this.context.leaf("input", "tokens", "i32", [batchExtent, fixed(steps)]);

  get leaves(): Value[] {
    return [this.table, this.weight];
  }

  multiply(a: Scalar, b: Scalar): Scalar {
    return this.context.call("multiply", a, b);
  }
}

describe("derivatives of gathers", () => {
  it("of rows", () => {
    fc.assert(
      fc.property(tokens, fc.integer({ min: 1, max: 5 }), (drawn, n) => {
        const { context, table, tokens, leaves } = new Lookup();
        const row = context.load(tokens, [i(0), i(1)]);
        const body = context.call("sin", context.gather(table, [row, context.index(i(2))]));
        const parallel = [batchExtent, fixed(steps), fixed(units)];
        const { values } = context.compute({ parallel, body });
        checkDerivatives(context, values[0]!, leaves, n, { tokens: drawn });
      }),
      { numRuns: 20 },
    );
  });

  it("beside loads in sums that skip points", () => {
    fc.assert(
      fc.property(tokens, fc.integer({ min: 1, max: 5 }), (drawn, n) => {
        const lookup = new Lookup();
        const { context, table, weight, tokens, leaves } = lookup;
        // Σ over t of exp(table[tokens[n, t − 1], d] · weight[d, t]), where there is a token before
        const before = offsetAffine(i(2), -1);
        const row = context.load(tokens, [i(0), before]);
        const product = lookup.multiply(
          context.gather(table, [row, context.index(i(1))]),
          context.load(weight, [i(1), i(2)]),
        );
        const { values } = context.compute({
          parallel: [batchExtent, fixed(units)],
          reduction: [fixed(steps)],
          where: inRange(before, fixed(steps)),
          reducer: "logsumexp",
          body: product,
        });
        checkDerivatives(context, values[0]!, leaves, n, { tokens: drawn });
      }),
      { numRuns: 20 },
    );
  });

  it("where it is known which points of a maximum count", () => {
    const { context, table, tokens, leaves } = new Lookup();
    const row = context.load(tokens, [i(0), i(2)]);
    const { values } = context.compute({
      parallel: [batchExtent, fixed(units)],
      reduction: [fixed(steps)],
      reducer: "max",
      body: context.gather(table, [row, context.index(i(1))]),
    });
    checkDerivatives(context, values[0]!, leaves, 2, { tokens: [0, 2, 1, -1, 4, 4, 4, 3] });
  });

  it("of scatters, and second ones", () => {
    fc.assert(
      fc.property(tokens, (drawn) => {
        const lookup = new Lookup();
        const { context, table, weight, tokens, leaves } = lookup;
        const n = 3;
        const sum = context.scatter({
          parallel: [batchExtent, fixed(steps), fixed(units)],
          shape: [fixed(words), fixed(units)],
          index: [context.load(tokens, [i(0), i(1)]), context.index(i(2))],
          body: context.call(
            "tanh",
            lookup.multiply(
              context.load(weight, [i(2), i(1)]),
              context.gather(table, [context.load(tokens, [i(0), i(1)]), context.index(i(2))]),
            ),
          ),
        });
        const gradients = checkDerivatives(context, sum.values[0], leaves, n, { tokens: drawn });
        const squares = [...gradients.values()].map((gradient) => {
          const place = gradient.shape.map((_, axis) => i(axis));
          const body = context.call("square", context.load(gradient, place));
          const reduction = gradient.shape;
          const total = context.compute({ parallel: [], reduction, reducer: "sum", body });
          return context.load(total.values[0]!, []) as Scalar;
        });
        const body = squares.reduce((a, b) => context.call("add", a, b));
        const norm = context.compute({ parallel: [], body }).values[0]!;
        const second = gradientsOf(context, norm, leaves, n + 2);
        checkGradient(norm, second, { n, leaf: randomLeaves({ tokens: drawn }) });
      }),
      { numRuns: 10 },
    );
  });

  it("are none of what is skipped, though it be no number", () => {
    const { context, table, tokens } = new Lookup();
    const row = context.load(tokens, [i(0), i(1)]);
    const { values } = context.compute({
      parallel: [batchExtent],
      reduction: [fixed(steps)],
      where: nonnegative(offsetAffine(i(1), -2)),
      reducer: "sum",
      body: context.call(
        "divide",
        context.gather(table, [row, context.constant(0, "i32")]),
        context.cast(context.index(offsetAffine(i(1), -1)), "f32"),
      ),
    });
    const loss = weighted(context, values[0]!);
    const gradient = gradientsOf(context, loss, [table], 2).get(table)!;
    const results = [{ name: "gradient", value: gradient }];
    verifyGraph({ name: "test", batchMax: 2, results, assignments: [] });
    const leaf = randomLeaves({ tokens: [0, 1, 2, 3] });
    const data = evaluateValues([gradient], { n: 1, leaf }).get(gradient)!;
    expect([...data].every(Number.isFinite)).toBe(true);
    expect(data[0]).toBe(0);
    expect(data[2 * units]).not.toBe(0);
  });
});
