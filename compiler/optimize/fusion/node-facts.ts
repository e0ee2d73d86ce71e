/** What is asked of the same nodes again and again while groups are formed. */

import { type GraphContext, gathersOf, loadsOf, visitScalars } from "../../graph/context.ts";
import { type Shape, sizeAt } from "../../graph/extent.ts";
import type { Compute, GatherScalar, LoadScalar, Value } from "../../graph/node.ts";
import type { TargetDescription } from "../target-description.ts";
import { bytesOf } from "./gain.ts";
import { axesOfNode, boxOf, isColumn, linearSteps, memorySteps } from "./linear-access.ts";
import { identityDepth } from "./places.ts";
import {
  isAddedAlong,
  isAddedBeside,
  type StridedContraction,
  stridedContraction,
} from "./strided-contraction.ts";
import { tiledContraction } from "./tiled-contraction.ts";

/** The facts of one compilation: its graphs share nodes, and so do those that a pass makes of one another. */
export function factsOf(
  context: GraphContext,
  batchMax: number,
  { workgroup }: Pick<TargetDescription, "workgroup">,
): NodeFacts {
  const byWorkgroups = workgroup !== null;
  const known = context.memory(NodeFacts, batchMax, () => new Map<boolean, NodeFacts>());
  const facts = known.get(byWorkgroups) ?? new NodeFacts(batchMax, byWorkgroups);
  known.set(byWorkgroups, facts);
  return facts;
}

/** What a body reads, each in order of first occurrence. */
interface Reads {
  readonly loads: LoadScalar[];
  readonly gathers: GatherScalar[];
}

export class NodeFacts {
  readonly batchMax: number;
  readonly #byWorkgroups: boolean;
  readonly #contractions = new Map<Compute, StridedContraction | undefined>();
  readonly #tiled = new Map<Compute, boolean>();
  readonly #alongReduction = new Map<Compute, boolean>();
  readonly #reads = new Map<Compute, Reads>();
  readonly #points = new Map<Compute, readonly number[]>();
  readonly #identityDepths = new Map<LoadScalar, number>();
  readonly #bytes = new Map<Value, number>();
  /** What was found of the first node of each form. */
  readonly #contractionForms = new Map<string, StridedContraction | undefined>();
  readonly #alongReductionForms = new Map<string, boolean>();
  readonly #shapeNumbers = new Map<Shape, number>();

  constructor(batchMax: number, byWorkgroups: boolean) {
    this.batchMax = batchMax;
    this.#byWorkgroups = byWorkgroups;
  }

  /** Whether the target's schedule of contractions can run it. */
  isContraction(node: Compute): boolean {
    if (!this.#byWorkgroups) {
      const contraction = this.contraction(node);
      return contraction !== undefined && !isAddedAlong(contraction) && !isAddedBeside(contraction);
    }
    return remember(this.#tiled, node, () => tiledContraction(node, this.batchMax) !== undefined);
  }

  contraction(node: Compute): StridedContraction | undefined {
    return remember(this.#contractions, node, () => this.#contraction(node));
  }

  runsAlongReduction(node: Compute): boolean {
    return remember(this.#alongReduction, node, () => this.#runsAlongReduction(node));
  }

  loads(node: Compute): readonly LoadScalar[] {
    return this.#readsOf(node).loads;
  }

  gathers(node: Compute): readonly GatherScalar[] {
    return this.#readsOf(node).gathers;
  }

  #readsOf(node: Compute): Reads {
    return remember(this.#reads, node, () => {
      const reads: Reads = { loads: [], gathers: [] };
      visitScalars(node.body, (scalar) => {
        if (scalar.kind === "load") reads.loads.push(scalar);
        else if (scalar.kind === "gather") reads.gathers.push(scalar);
      });
      return reads;
    });
  }

  /** Points of all axes but the first `depth`, where those of the reduction come last. */
  pointsWithin(node: Compute, depth: number): number {
    return remember(this.#points, node, () => pointsWithinAxes(node, this.batchMax))[depth]!;
  }

  /** At how many leading axes a load reads at its own point. */
  identityDepth(load: LoadScalar): number {
    return remember(this.#identityDepths, load, () => identityDepth(load));
  }

  bytesOf(value: Value): number {
    return remember(this.#bytes, value, () => bytesOf(value, this.batchMax));
  }

  #contraction(node: Compute): StridedContraction | undefined {
    const { reducer, body } = node;
    const isProduct = body.kind === "call" && body.fn === "multiply";
    if (reducer !== "sum" || !isProduct) return undefined;
    const [left, right] = body.args;
    if (left?.kind !== "load" || right?.kind !== "load" || body.dtype !== "f32") return undefined;
    const form = this.#formOf(node, [left, right]);
    const known = remember(this.#contractionForms, form, () =>
      stridedContraction(node, this.batchMax),
    );
    if (known === undefined || known.node === node) return known;
    // Where the first node's body has its loads.
    const [first] = (known.node.body as typeof body).args;
    const loads = known.broadcast.load === first ? [left, right] : [right, left];
    return {
      ...known,
      node,
      broadcast: { ...known.broadcast, load: loads[0]! },
      run: { ...known.run, load: loads[1]! },
    };
  }

  #runsAlongReduction(node: Compute): boolean {
    if (this.gathers(node).length > 0) return runsAlongReduction(node, this.batchMax);
    return remember(this.#alongReductionForms, this.#formOf(node, this.loads(node)), () =>
      runsAlongReduction(node, this.batchMax),
    );
  }

  /** Equal for nodes that iterate alike and whose loads move alike in memory. */
  #formOf({ space }: Compute, loads: readonly LoadScalar[]): string {
    const places = loads.map(({ place, value }) => {
      const shape = remember(this.#shapeNumbers, value.shape, () => this.#shapeNumbers.size);
      return `${place} ${shape} ${isColumn(value)}`;
    });
    return `${space}: ${places.join(", ")}`;
  }
}

function remember<Key, T>(known: Map<Key, T>, key: Key, compute: () => T): T {
  const before = known.get(key);
  if (before !== undefined || known.has(key)) return before as T;
  const found = compute();
  known.set(key, found);
  return found;
}

/** For each number of leading axes the points of the others. */
function pointsWithinAxes(node: Compute, batchMax: number): readonly number[] {
  const points = [1];
  for (const extent of axesOfNode(node).toReversed()) {
    points.unshift(sizeAt(extent, batchMax) * points[0]!);
  }
  return points;
}

/**
 * Whether consecutive points of the reduction lie side by side in memory, and those of the innermost
 * parallel axis do not: then the lanes of a vector are points of the reduction.
 */
export function runsAlongReduction(node: Compute, batchMax: number): boolean {
  const box = boxOf(node, batchMax);
  const rank = node.parallel.length;
  const isLong = (axis: number) => sizeAt(box.axes[axis]!, batchMax) > 1;
  const summed = box.axes.map((_, axis) => axis).filter((axis) => axis >= rank && isLong(axis));
  const innermost = summed.at(-1);
  if (innermost === undefined) return false;
  const outer = box.axes
    .map((_, axis) => axis)
    .filter((axis) => axis < rank && isLong(axis))
    .at(-1);
  if (outer === undefined) return true;
  let votes = 0;
  for (const load of loadsOf(node.body)) {
    const steps = memorySteps(load, box);
    if (steps[innermost] === 1) votes++;
    if (steps[outer] === 1) votes--;
  }
  // What is gathered weighs more than where it is.
  for (const { index } of gathersOf(node.body)) {
    const last = index.at(-1);
    const steps = last?.kind === "index" ? linearSteps(last.index, box)?.steps : undefined;
    if (steps?.[innermost] === 1) votes += 2;
    if (steps?.[outer] === 1) votes -= 2;
  }
  return votes > 0;
}
