/** Nodes that leave a loop: computed for all its steps before it, and read step by step in it. */

import { stepAffine } from "./affine.ts";
import type { GraphContext } from "./context.ts";
import { copyNodes, type StackedPlace } from "./copy-nodes.ts";
import { Lift } from "./lift.ts";
import { freeNodes } from "./loop-parts.ts";
import type { Compute, Scan, Scatter, Value } from "./node.ts";

/**
 * What stands for the results of a loop after those of its free nodes have left it that are asked for; nothing where
 * none is.
 */
export function hoistFromLoop(
  context: GraphContext,
  scan: Scan,
  isHoisted: (node: Compute | Scatter) => boolean,
): readonly Value[] | undefined {
  const { loop, length, carries, stacks, recompute } = scan;
  const hoisted = freeNodes(scan).filter(isHoisted);
  if (hoisted.length === 0) return undefined;
  const step = stepAffine(loop, length);
  const lift = new Lift(context, loop, length, () => undefined);
  const places = new Map<Value, StackedPlace>();
  for (const node of hoisted) {
    lift.node(node).values.forEach((stack, i) => {
      places.set(node.values[i]!, { stack, place: step });
    });
  }
  const copy = copyNodes(context, {
    loop,
    step,
    replace: (value) => places.get(value),
    keepsSlices: recompute,
  });
  // In the order of steps the stack is there already.
  const known = stacks.map(({ value, place }) =>
    place.key === step.key ? places.get(value)?.stack : undefined,
  );
  const rest = context.scan({
    loop,
    length,
    recompute,
    carries: carries.map((carry) => ({ ...carry, next: copy(carry.next) })),
    stacks: stacks
      .filter((_, i) => known[i] === undefined)
      .map(({ value, place }) => ({ value: copy(value), place })),
  });
  let at = carries.length;
  return [
    ...rest.values.slice(0, carries.length),
    ...known.map((stack) => stack ?? rest.values[at++]!),
  ];
}
