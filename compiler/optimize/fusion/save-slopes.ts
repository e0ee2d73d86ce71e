/**
 * Keeps the slope of a chain of maps instead of the values that it is made of. What a backward pass computes between two
 * products is linear in what comes in: dz = dy · s, where s is of the forward pass alone. Where s is made of more values
 * than one that nothing else keeps, s itself is fewer bytes, and what it costs is shared with the forward pass:
 *
 *     dz = dy·(z·½)·exp(−z²/2)·c + dy·(1 + e)·½   →   s = z·½·exp(−z²/2)·c + (1 + e)·½;  dz = dy · s
 */

import { type GraphContext, loadsOf, operandsOf } from "../../graph/context.ts";
import { elementsAt, sameShape } from "../../graph/extent.ts";
import type { Compute, Graph, LoadScalar, Node, Scalar, Value } from "../../graph/node.ts";
import { mapScalar, rewriteGraph } from "../../graph/rewrite.ts";
import { type Factor, factorsOf, productOf } from "../rules/factors.ts";
import { numberOf } from "../rules/rule.ts";
import type { TargetDescription } from "../target-description.ts";
import { identityIndex, type Work, workOf } from "./copies.ts";
import { isIdentity, readersIn } from "./places.ts";
import { Sides } from "./sides.ts";

/** number · Π factors */
interface Term {
  readonly number: number;
  readonly factors: readonly Factor[];
}

/** incoming · Σ terms */
interface Linear {
  readonly incoming: Value;
  readonly terms: readonly Term[];
}

/** Needs maps and products apart. Products are regrouped, so values change by their rounding. */
export function saveSlopes(context: GraphContext, graph: Graph, target: TargetDescription): Graph {
  const slopes = new Slopes(context, graph, target).find();
  if (slopes.size === 0) return graph;
  const now = new Map<Value, Value>();
  const current = (load: LoadScalar) => context.loadFrom(load, now.get(load.value) ?? load.value);
  return rewriteGraph(context, graph, (node, original) => {
    const linear = slopes.get(original);
    const values = linear === undefined ? node.values : scaled(original, linear);
    original.values.forEach((value, i) => {
      now.set(value, values[i]!);
    });
    return values === node.values ? undefined : values;
  });

  function scaled(original: Node, { incoming, terms }: Linear): readonly Value[] {
    const { shape } = incoming;
    const sum = terms.map(termOf).reduce((a, b) => context.call("add", a, b));
    const body = mapScalar(context, sum, { load: current });
    const slope = context.compute({ parallel: shape, body });
    const at = (value: Value) => context.load(value, identityIndex(shape.length));
    const product = context.call(
      "multiply",
      at(now.get(incoming) ?? incoming),
      at(slope.values[0]!),
    );
    const made = context.compute({ parallel: shape, body: product });
    for (const node of [slope, made]) context.inheritOrigins(node, original);
    return made.values;
  }

  function termOf({ number, factors }: Term): Scalar {
    const product = productOf(context, factors, "f32");
    return number === 1
      ? product
      : context.call("multiply", product, context.constant(number, "f32"));
  }
}

class Slopes {
  readonly #graph: Graph;
  readonly #sides: Sides;
  readonly #readers: ReadonlyMap<Value, readonly Work[]>;
  /** Maps whose values come in or out of the one at hand. */
  #chain = new Set<Work>();
  #depth = 0;

  constructor(context: GraphContext, graph: Graph, target: TargetDescription) {
    this.#graph = graph;
    this.#sides = new Sides(context, graph, target);
    this.#readers = readersIn(workOf(graph));
  }

  /** The last maps of the chains that are worth it. */
  find(): ReadonlyMap<Node, Linear> {
    const found = new Map<Node, Linear>();
    const done = new Set<Work>();
    for (const node of workOf(this.#graph).reverse()) {
      if (done.has(node) || !isMap(node)) continue;
      this.#chain = new Set([node]);
      this.#depth = this.#sides.depthOf(node);
      const linear = this.#linear(node.body, node);
      if (linear === undefined || !sameShape(linear.incoming.shape, node.parallel)) continue;
      if (!this.#isWorthIt(linear)) continue;
      found.set(node, linear);
      for (const each of this.#chain) done.add(each);
    }
    return found;
  }

  /** Whether the slope is fewer bytes than what else is kept for it alone. */
  #isWorthIt({ incoming, terms }: Linear): boolean {
    const factors = terms.flatMap((term) => term.factors);
    const loads = factors.flatMap(({ scalar }) => loadsOf(scalar));
    if (loads.some(({ value }) => value.node.kind === "leaf" && value.shape.length > 1)) {
      return false;
    }
    // What only this chain reads moves along with it.
    const wanted = new Set<Value>();
    const known = new Map<Value, boolean>();
    const visit = (value: Value): void => {
      const { node } = value;
      if (node.kind === "leaf") return;
      if (isMap(node) && this.#isReadHereOnly(value, known)) node.operands.forEach(visit);
      else wanted.add(value);
    };
    for (const { value } of loads) visit(value);
    const { values, cut } = this.#sides.cheapestCut([...wanted]);
    const size = (value: Value) => elementsAt(value.shape, this.#graph.batchMax);
    const freed = [...cut].map((at) => values[at]!).filter((value) => this.#isKeptForThis(value));
    return freed.reduce((sum, value) => sum + size(value), 0) > size(incoming);
  }

  /** Whether nothing but the chain is made of a value. */
  #isReadHereOnly(value: Value, known: Map<Value, boolean>): boolean {
    const before = known.get(value);
    if (before !== undefined) return before;
    const isOwn = (reader: Work) =>
      this.#chain.has(reader) || (isMap(reader) && this.#isReadHereOnly(reader.values[0]!, known));
    const result = !this.#sides.isStored(value) && this.#readersOf(value).every(isOwn);
    known.set(value, result);
    return result;
  }

  #isKeptForThis(value: Value): boolean {
    if (this.#sides.isStored(value)) return false;
    return this.#readersOf(value).every(
      (reader) => this.#chain.has(reader) || !this.#sides.isBeyond(value, reader),
    );
  }

  #readersOf(value: Value): readonly Work[] {
    return this.#readers.get(value) ?? [];
  }

  #isEarlier(scalar: Scalar): boolean {
    return operandsOf(scalar).every(
      ({ node }) => node.kind === "leaf" || this.#sides.depthOf(node as Work) < this.#depth,
    );
  }

  /** A body as a multiple of one value of this side; undefined if it is none. */
  #linear(scalar: Scalar, reader: Compute): Linear | undefined {
    if (scalar.kind === "load") return this.#incoming(scalar, reader);
    if (scalar.kind !== "call" || scalar.dtype !== "f32") return undefined;
    const [x, y] = scalar.args as readonly [Scalar, Scalar];
    switch (scalar.fn) {
      case "negate":
        return times(this.#linear(x, reader), -1, []);
      case "multiply": {
        const [own, other] = this.#isEarlier(y) ? [x, y] : [y, x];
        return this.#isEarlier(other) ? this.#times(own, other, reader) : undefined;
      }
      case "add":
      case "subtract": {
        const a = this.#linear(x, reader);
        const b = times(this.#linear(y, reader), scalar.fn === "add" ? 1 : -1, []);
        if (a === undefined || a.incoming !== b?.incoming) return undefined;
        return { incoming: a.incoming, terms: [...a.terms, ...b.terms] };
      }
      default:
        return undefined;
    }
  }

  #times(own: Scalar, other: Scalar, reader: Compute): Linear | undefined {
    const linear = this.#linear(own, reader);
    const { negative, condition, factors } = factorsOf(other);
    if (linear === undefined || condition.kind !== "true") return undefined;
    let number = negative ? -1 : 1;
    const rest: Factor[] = [];
    for (const factor of factors) {
      const value = numberOf(factor.scalar);
      if (value === undefined) rest.push(factor);
      else number = factor.inverse ? number / value : number * value;
    }
    return times(linear, number, rest);
  }

  /** What comes in, or what a map of this side makes of that. */
  #incoming(load: LoadScalar, reader: Compute): Linear | undefined {
    const { value } = load;
    if (!isIdentity(load) || !sameShape(value.shape, reader.parallel)) return undefined;
    if (this.#isEarlier(load)) return undefined;
    const maker = value.node;
    if (isMap(maker)) {
      const isPart =
        !this.#sides.isStored(value) &&
        this.#readersOf(value).every((each) => this.#chain.has(each));
      if (isPart) this.#chain.add(maker);
      const linear = this.#linear(maker.body, maker);
      if (linear !== undefined) return linear;
      if (isPart) this.#chain.delete(maker);
    }
    return { incoming: value, terms: [{ number: 1, factors: [] }] };
  }
}

function times(
  linear: Linear | undefined,
  number: number,
  factors: readonly Factor[],
): Linear | undefined {
  if (linear === undefined) return undefined;
  const terms = linear.terms.map((term) => ({
    number: term.number * number,
    factors: [...term.factors, ...factors],
  }));
  return { ...linear, terms };
}

function isMap(node: Node): node is Compute {
  return node.kind === "compute" && node.reducer === null && node.values.length === 1;
}
