/**
 * A loop in segments: an outer loop over them, whose derivative keeps its carries alone and computes a segment again
 * from them, and inner loops of `every` steps. What is left after whole segments is a loop of its own.
 *
 *     scan t < 10      becomes      scan s < 3, recomputed { scan k < 3 with t = 3·s + k }, scan k < 1 with t = 9 + k
 */

import { invariant } from "../diagnostics/diagnostic.ts";
import {
  type Affine,
  addAffine,
  axisAffine,
  constantAffine,
  divAffine,
  modAffine,
  offsetAffine,
  scaleAffine,
  stepAffine,
} from "./affine.ts";
import { always, nonnegative, not } from "./condition.ts";
import type { GraphContext } from "./context.ts";
import { copyNodes } from "./copy-nodes.ts";
import { stackedAxis } from "./extent.ts";
import { hoistFromLoop } from "./hoist-from-loop.ts";
import type { Compute, Scalar, Scan, Scatter, Value } from "./node.ts";

/** The results of the scan, by loops that keep no more than the carries of each `every`-th step for the derivative. */
export function splitLoop(context: GraphContext, scan: Scan, every: number): readonly Value[] {
  const segments = Math.floor(scan.length / every);
  if (segments <= 1) return scan.values;
  const { carries, stacks } = scan;
  if (every === 1) return context.scan({ ...scan, recompute: true }).values;
  const outer = context.newLoop();
  const segment = stepAffine(outer, segments);
  const leaves = carries.map(({ leaf }, i) => context.carry(outer, i, leaf.dtype, leaf.shape));
  const steps = part(context, scan, every, scaleAffine(segment, every), leaves);
  // A segment reads its part of a sequence, and contributes to the derivative of that part alone.
  const inner = hoistFromLoop(context, steps, isSlice) ?? steps.values;
  const whole = context.scan({
    loop: outer,
    length: segments,
    recompute: true,
    carries: carries.map(({ init }, i) => ({ leaf: leaves[i]!, init, next: inner[i]! })),
    stacks: stacks.map((_, i) => ({ value: inner[carries.length + i]!, place: segment })),
  });
  const done = segments * every;
  const firsts = whole.values.slice(0, carries.length);
  const rest =
    done < scan.length
      ? part(context, scan, scan.length - done, constantAffine(done), firsts)
      : undefined;
  return [
    ...(rest ?? whole).values.slice(0, carries.length),
    ...stacks.map((_, i) => {
      const at = carries.length + i;
      return joined(context, scan, i, every, whole.values[at]!, rest?.values[at]);
    }),
  ];
}

function isSlice(node: Compute | Scatter): boolean {
  return node.kind === "compute" && node.reducer === null && node.body.kind === "load";
}

/** `length` steps of the loop from step `first` on, stacked in their order. */
function part(
  context: GraphContext,
  { loop: from, carries, stacks }: Scan,
  length: number,
  first: Affine,
  inits: readonly Value[],
): Scan {
  const loop = context.newLoop();
  const step = stepAffine(loop, length);
  const leaves = new Map(
    carries.map(({ leaf }, i) => [leaf, context.carry(loop, i, leaf.dtype, leaf.shape)]),
  );
  const copy = copyNodes(context, {
    loop: from,
    step: addAffine(first, step),
    replace: (value) => leaves.get(value),
    keepsCalls: true,
  });
  return context.scan({
    loop,
    length,
    carries: carries.map(({ leaf, next }, i) => ({
      leaf: leaves.get(leaf)!,
      init: inits[i]!,
      next: copy(next),
    })),
    stacks: stacks.map(({ value }) => ({ value: copy(value), place: step })),
  });
}

/** One stack of the steps of all segments and of the rest, in the order that its place in the loop says. */
function joined(
  context: GraphContext,
  { stacks, carries, values, length }: Scan,
  stack: number,
  every: number,
  whole: Value,
  rest: Value | undefined,
): Value {
  const { value, place } = stacks[stack]!;
  const { shape } = values[carries.length + stack]!;
  const at = stackedAxis(value.shape);
  const step = stepAt(place, axisAffine(at));
  const index = shape.map((_, axis) => axisAffine(axis));
  const placed = (...steps: readonly Affine[]) => index.toSpliced(at, 1, ...steps);
  const done = length - (length % every);
  const inWhole = not(nonnegative(offsetAffine(step, -done)));
  const segments = rest === undefined ? always : inWhole;
  let body: Scalar = context.load(
    whole,
    placed(divAffine(step, every), modAffine(step, every)),
    segments,
  );
  if (rest !== undefined) {
    const other = context.load(rest, placed(offsetAffine(step, -done)), not(inWhole));
    body = context.call("select", context.condition(inWhole), body, other);
  }
  return context.compute({ parallel: shape, body }).values[0]!;
}

/** The step that fills a place, which rises or falls by one with every step. */
function stepAt(place: Affine, at: Affine): Affine {
  const [slope] = place.terms;
  invariant(Math.abs(slope?.coefficient ?? 0) === 1, "a loop that is split stacks in order");
  return scaleAffine(offsetAffine(at, -place.constant), slope!.coefficient);
}
