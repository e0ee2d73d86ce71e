/**
 * How a derivative moves to where a load reads: from the points of a node to the elements q of an operand, by the
 * inverse of the load's index map. It is found once for all nodes that iterate and load alike: of a model's layers most
 * do, and all maps of one shape.
 */

import { type Affine, substituteAffine } from "../graph/affine.ts";
import { simplifyAffine } from "../graph/affine-range.ts";
import { and, type Condition, mapCondition, simplifyCondition } from "../graph/condition.ts";
import type { GraphContext } from "../graph/context.ts";
import { type Extent, printShape } from "../graph/extent.ts";
import type { LoadScalar } from "../graph/node.ts";
import { assuming, withoutRedundancy } from "../graph/prove.ts";
import { type InverseMap, invertIndexMap } from "./invert-index.ts";

/** The points at which a node is computed. */
export interface PointSet {
  readonly extents: readonly Extent[];
  readonly where: Condition;
}

/** Of one load in one set of points; a load's content but for the value that it loads from decides it, and that value's shape. */
export class Transport {
  /** The axes that a derivative at q sums over. */
  readonly reduction: readonly Extent[];
  /** Which points of q and those axes are points of the node at which the load reads q. */
  readonly domain: Condition;
  readonly #inverse: InverseMap;
  readonly #box: readonly Extent[];
  readonly #batchMax: number;
  readonly #affines = new Map<string, Affine>();
  readonly #conditions = new Map<string, Condition>();

  constructor({ value, index, guard }: LoadScalar, { extents, where }: PointSet, batchMax: number) {
    this.#batchMax = batchMax;
    this.#inverse = invertIndexMap(index, value.shape, extents, batchMax);
    this.reduction = this.#inverse.reduction;
    this.#box = [...value.shape, ...this.reduction];
    const kept = and(this.#moved(where), this.#moved(guard));
    this.domain = withoutRedundancy(and(this.#inverse.domain, kept), this.#box, batchMax);
  }

  /** An index of the node's points as one of the new ones. */
  affine(a: Affine): Affine {
    const known = this.#affines.get(a.key);
    if (known !== undefined) return known;
    const replace = (axis: number): Affine => this.#inverse.axes[axis]!;
    const moved = simplifyAffine(substituteAffine(a, replace), this.#box, this.#batchMax);
    this.#affines.set(a.key, moved);
    return moved;
  }

  /** What is left of a condition on the node's points where the domain holds. */
  condition(c: Condition): Condition {
    const known = this.#conditions.get(c.key);
    if (known !== undefined) return known;
    const left = assuming(this.domain, this.#moved(c), this.#box, this.#batchMax);
    this.#conditions.set(c.key, left);
    return left;
  }

  #moved(c: Condition): Condition {
    const moved = mapCondition(c, (a) => this.affine(a));
    return simplifyCondition(moved, this.#box, this.#batchMax);
  }
}

/** The transport of a load, from memory if another of the same content was met at such points. */
export function transportOf(
  context: GraphContext,
  load: LoadScalar,
  points: PointSet,
  batchMax: number,
): Transport {
  const known = context.memory(Transport, batchMax, () => new Map<string, Transport>());
  const shapes = `${printShape(load.value.shape)} ${printShape(points.extents)}`;
  const key = `${load.place} ${shapes} ${points.where.key}`;
  const transport = known.get(key) ?? new Transport(load, points, batchMax);
  known.set(key, transport);
  return transport;
}
