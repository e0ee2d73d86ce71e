/**
 * Derivatives that a model asks for: `gradient(y, x)`, the derivative of Σ y by x, made while the model is lowered. It is
 * ordinary graph from then on, so that all that is computed from it, and derivatives of that, are as of any other value.
 *
 * What y is computed from is made canonical first, as before every differentiation; x stays in it as a leaf,
 * and takes its place again in the result. In that form other values than x may have gone. So what each derivative is of
 * is kept: where it is differentiated by one of those, it is made anew from y as it was lowered.
 */

import { gradientsOf } from "../autodiff/differentiate.ts";
import { axisAffine } from "../graph/affine.ts";
import { replaceLeaves } from "../graph/calls.ts";
import { type GraphContext, reachableNodes } from "../graph/context.ts";
import { copyLoop } from "../graph/copy-nodes.ts";
import type { Graph, Leaf, Node, Scan, Value } from "../graph/node.ts";
import { replaceOperands, rewriteGraph } from "../graph/rewrite.ts";
import { canonicalise } from "../optimize/canonicalise.ts";
import { hoistFromLoops } from "../optimize/hoist-from-loops.ts";

/** What a derivative is of, as lowered. */
interface Derived {
  readonly y: Value;
  readonly x: Value;
}

interface Substitution {
  readonly x: Value;
  /** What takes its place. */
  readonly by: Value;
  readonly batchMax: number;
  /** Derivatives on the way here. */
  readonly within: ReadonlySet<Value>;
}

/** Why there is no derivative of y by x: the value is not computed from it, or what is in the way. */
export type Obstacle = "unrelated" | "step" | "update";

export class Gradients {
  readonly #context: GraphContext;
  /** What a derivative is of; one may be that of several. */
  readonly #derived = new Map<Value, Derived[]>();
  /** Loops that read other values than they did. */
  readonly #copies = new Map<Scan, Scan>();
  /** By y, then x. */
  readonly #known = new Map<Value, Map<Value, Value>>();

  constructor(context: GraphContext) {
    this.#context = context;
  }

  /** Σ y differentiated by x, of the shape and type of x; both are floats, and nothing is in the way. */
  of(y: Value, x: Value, batchMax: number): Value {
    return this.#make(y, x, batchMax, new Set());
  }

  /** `within` are derivatives on the way to this one. */
  #make(y: Value, x: Value, batchMax: number, within: ReadonlySet<Value>): Value {
    const known = this.#known.get(y) ?? new Map<Value, Value>();
    this.#known.set(y, known);
    const before = known.get(x);
    if (before !== undefined) return before;
    const context = this.#context;
    const variable = this.#variable(x);
    const given = this.#substitute(y, { x, by: variable, batchMax, within });
    const variables = new Map([[variable.node, x]]);
    const part = { name: "gradient", batchMax, assignments: [] };
    const whole: Graph = { ...part, results: [{ name: "y", value: given }] };
    const prepared = hoistFromLoops(context, canonicalise(context, this.#step(whole, variables)));
    const total = sumOf(context, prepared.results[0]!.value);
    const derivative = gradientsOf(context, total, [variable], batchMax).get(variable)!;
    const [made] = replaceLeaves(context, [derivative], variables, batchMax);
    known.set(x, made!);
    this.#derived.set(made!, [...(this.#derived.get(made!) ?? []), { y, x }]);
    return made!;
  }

  /**
   * What in the body of a loop comes from outside of it, as leaves: so the derivative reads it as it was lowered, and
   * once the loop is made it tells by itself what it is computed from.
   */
  #step(graph: Graph, variables: Map<Node, Value>): Graph {
    const loops = [...graph.results[0]!.value.node.loops];
    return rewriteGraph(this.#context, graph, (_, node) => {
      if (node.kind === "leaf" || loops.every((loop) => node.loops.has(loop))) return undefined;
      return node.values.map((value) => {
        const variable = this.#variable(value);
        variables.set(variable.node, value);
        return variable;
      });
    });
  }

  /** What keeps Σ y from being differentiated by x, if anything does. */
  obstacle(y: Value, x: Value, batchMax: number): Obstacle | undefined {
    if (!this.#isComputedFrom(y, x)) return "unrelated";
    // By what is not of its step y depends through the steps before, too.
    if ([...y.node.loops].some((loop) => !x.node.loops.has(loop))) return "step";
    const by = this.#variable(x);
    const given = this.#substitute(y, { x, by, batchMax, within: new Set() });
    const isUpdating = reachableNodes([given]).some(
      (node) => node.kind === "leaf" && node.role === "gradient",
    );
    return isUpdating ? "update" : undefined;
  }

  #variable({ node, result, dtype, shape }: Value): Value {
    return this.#context.leaf("variable", `${node.id}/${result}`, dtype, shape, node.loops);
  }

  /** Also where the derivative that y is made of no longer has x in it, as that of a linear function. */
  #isComputedFrom(y: Value, x: Value, within: ReadonlySet<Value> = new Set()): boolean {
    return reachableNodes([y]).some(({ values }) =>
      values.some((value) => value === x || this.#derivedBy(value, x, within) !== undefined),
    );
  }

  /** What a value is the derivative of, if that is computed from x. */
  #derivedBy(value: Value, x: Value, within: ReadonlySet<Value>): Derived | undefined {
    const derived = this.#derived.get(value);
    if (derived === undefined || within.has(value)) return undefined;
    const inside = new Set([...within, value]);
    return derived.find((of) => [of.y, of.x].some((part) => this.#isComputedFrom(part, x, inside)));
  }

  /** y computed from another value than x. */
  #substitute(y: Value, { x, by, batchMax, within }: Substitution): Value {
    const replaced = new Map([[x, by]]);
    const at = (value: Value): Value => replaced.get(value) ?? value;
    for (const node of reachableNodes([y])) {
      const rebuilt = node.kind === "leaf" ? node : this.#rebuild(node, at);
      for (const value of node.values) {
        if (value === x) continue;
        const derived = this.#derivedBy(value, x, within);
        if (derived === undefined) {
          replaced.set(value, rebuilt.values[value.result]!);
          continue;
        }
        const inside = { x, by, batchMax, within: new Set([...within, value]) };
        const [ofY, ofX] = [derived.y, derived.x].map((part) => this.#substitute(part, inside));
        replaced.set(value, this.#make(ofY!, ofX!, batchMax, inside.within));
      }
    }
    return at(y);
  }

  /** A node over other operands. A loop that changes becomes one of its own, as it may stand beside the other. */
  #rebuild(node: Exclude<Node, Leaf>, at: (value: Value) => Value): Node {
    const rebuilt = replaceOperands(this.#context, node, at);
    if (rebuilt === node || rebuilt.kind !== "scan") return rebuilt;
    const copy = this.#copies.get(rebuilt) ?? copyLoop(this.#context, rebuilt);
    this.#copies.set(rebuilt, copy);
    return copy;
  }
}

function sumOf(context: GraphContext, value: Value): Value {
  const place = value.shape.map((_, axis) => axisAffine(axis));
  const body = context.load(value, place);
  return context.compute({ parallel: [], reduction: value.shape, reducer: "sum", body }).values[0]!;
}
