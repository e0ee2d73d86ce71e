/**
 * Checks the derivatives of a program numerically: those that functions say of themselves, those of losses by what they
 * train, and those of each layer applied, along random directions at random points. A right program passes however
 * often it is checked: numbers depend on nothing but the program, and places where differences say nothing are left.
 */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Diagnostic, Span } from "../diagnostics/diagnostic.ts";
import { graphNodes, scalarChildren, visitScalars } from "../graph/context.ts";
import { GraphEvaluator } from "../graph/evaluator.ts";
import { elementsAt } from "../graph/extent.ts";
import type { Graph, Node } from "../graph/node.ts";
import { hash32, uniformAt } from "../graph/threefry.ts";
import type { LoweredProgram } from "../semantics/program.ts";
import { freezeStops, stopsInLoops } from "./freeze.ts";
import { type Point, randomPoint } from "./random-point.ts";
import { judgeSlope, type SlopeVerdict } from "./slope.ts";
import { functionSubject, layerSubject, lossSubject, type Subject } from "./subject.ts";

/** One derivative and what became of it. */
export interface DerivativeCheck {
  readonly kind: Subject["kind"];
  readonly name: string;
  readonly path: string;
  readonly span: Span;
  readonly outcome: "agrees" | "differs" | "left-out";
  /** Why it was left out. */
  readonly reason?: string;
  /** By what the derivative is wrong, and along which direction it is what instead of what. */
  readonly difference?: Difference;
}

export interface Difference {
  readonly by: string;
  readonly expected: number;
  readonly found: number;
}

export interface DerivativeReport {
  readonly checks: readonly DerivativeCheck[];
  readonly diagnostics: readonly Diagnostic[];
}

export interface DerivativeOptions {
  /** Losses and layers too, not only the derivatives that functions say of themselves. */
  readonly all: boolean;
  /** Scalars that may be computed in all: what would take more is left out. */
  readonly budget: number;
}

/** Few rows show what many would; more than two, of which a batch's mean and variance say nothing. */
const rows = 3;

/** Points that agree before a derivative counts as right, and those that are tried at most. */
const wantedPoints = 2;
const maximumPoints = 6;

/** Evaluations that one point takes at most: the value at it, and on both sides at five distances. */
const evaluationsPerPoint = 11;

export function checkDerivatives(
  program: LoweredProgram,
  { all, budget }: DerivativeOptions,
): DerivativeReport {
  const checker = new Checker(program, budget);
  const { context, batchMax, applications, ownDerivatives, training } = program;
  const checks: DerivativeCheck[] = [];
  const seen = new Set<string>();
  for (const own of ownDerivatives) {
    // Calls of the same shapes tell the same.
    const shapes = own.call.inputs.map(({ shape }) => JSON.stringify(shape)).join();
    const key = `${own.span.file}:${own.span.start} ${shapes}`;
    if (seen.has(key) || own.call.loops.size > 0) continue;
    seen.add(key);
    checks.push(checker.check(functionSubject(context, own, batchMax)));
  }
  const isSound = checks.every(({ outcome }) => outcome !== "differs");
  if (all && isSound) {
    const graphs = training === null ? [] : training.updates.map(({ graph }) => graph);
    for (const graph of graphs) {
      const subject = lossSubject(context, graph, program);
      if (subject !== undefined) checks.push(checker.check(subject));
    }
    for (const application of applications) {
      const subject = layerSubject(context, application, batchMax);
      if (subject !== undefined) checks.push(checker.check(subject));
    }
  }
  return { checks, diagnostics: checks.flatMap(diagnosticOf) };
}

function diagnosticOf({ kind, name, path, span, difference }: DerivativeCheck): Diagnostic[] {
  if (difference === undefined) return [];
  const { by } = difference;
  const expected = difference.expected.toPrecision(7);
  const found = difference.found.toPrecision(7);
  if (kind === "function") {
    return [diagnostics.wrongDerivative(span, { name, by, expected, found })];
  }
  const of = kind === "loss" ? "the loss" : `\`${name}\` at \`${path}\``;
  return [diagnostics.wrongGradient(span, { of, by, expected, found })];
}

class Checker {
  readonly #program: LoweredProgram;
  readonly #n: number;
  readonly #evaluator: GraphEvaluator;
  #budget: number;
  #initial: ReadonlyMap<string, ArrayLike<number>> | null = null;

  constructor(program: LoweredProgram, budget: number) {
    this.#program = program;
    this.#budget = budget;
    this.#n = Math.min(rows, program.batchMax);
    this.#evaluator = new GraphEvaluator(this.#n);
  }

  check(subject: Subject): DerivativeCheck {
    const { kind, name, path, span, graph, derivatives, symbolic } = subject;
    const check = { kind, name, path, span };
    if (stopsInLoops(graph)) {
      const reason = "it stops gradients in a loop, where differences do not know them";
      return { ...check, outcome: "left-out", reason };
    }
    const graphs = [derivatives, ...(symbolic === null ? [] : [symbolic])];
    const perPoint =
      evaluationsPerPoint * costOf(graph, this.#n) +
      graphs.reduce((sum, each) => sum + costOf(each, this.#n), 0);
    if (perPoint > this.#budget) {
      const reason = `a point takes ${perPoint.toExponential(0)} operations, and ${this.#budget.toExponential(0)} are left`;
      return { ...check, outcome: "left-out", reason };
    }
    let agreed = 0;
    const differences: Difference[] = [];
    for (let draw = 0; draw < maximumPoints; draw++) {
      if (agreed >= wantedPoints && differences.length === 0) break;
      if (differences.length >= 2 || perPoint > this.#budget) break;
      this.#budget -= perPoint;
      const judged = this.#judge(subject, draw);
      if (judged === "agrees") agreed++;
      else if (judged !== "unclear") differences.push(judged);
    }
    const [difference] = differences;
    // A single odd point among good ones is a kink that no step was small enough for.
    if (difference !== undefined && (differences.length > 1 || agreed === 0)) {
      return { ...check, outcome: "differs", difference };
    }
    if (agreed > 0) return { ...check, outcome: "agrees" };
    const reason = "no point was found where differences tell a slope";
    return { ...check, outcome: "left-out", reason };
  }

  /** Along one direction at one point; where that is wrong, by the first leaf that shows it alone. */
  #judge(subject: Subject, draw: number): "agrees" | "unclear" | Difference {
    const trial = new Trial(
      this.#program,
      this.#evaluator,
      subject,
      this.#point(subject, draw),
      draw,
    );
    const all = trial.judge(subject.wanted.map((_, i) => i));
    if (all.kind !== "differs") return all.kind;
    for (const [i, { label }] of subject.wanted.entries()) {
      const one = trial.judge([i]);
      if (one.kind === "differs") {
        return { by: label, expected: one.found, found: trial.slope([i]).sum };
      }
    }
    const by = subject.wanted.map(({ label }) => label).join(", ");
    const found = trial.slope(subject.wanted.map((_, i) => i)).sum;
    return { by, expected: all.found, found };
  }

  #point({ graph, derivatives }: Subject, draw: number): Point {
    const { context, training } = this.#program;
    this.#initial ??= this.#initialValues();
    return randomPoint(context, [graph, derivatives], {
      n: this.#n,
      draw,
      initial: this.#initial,
      hypers: training?.hypers ?? {},
    });
  }

  /** Of params and states; an optimizer's slots are not read. */
  #initialValues(): ReadonlyMap<string, ArrayLike<number>> {
    const { init, persistent } = this.#program;
    const paths = new Set(
      persistent
        .filter(({ role }) => role === "param" || role === "state")
        .map(({ leaf: { node } }) => (node.kind === "leaf" ? node.path : "")),
    );
    const results = init.results.filter(({ name }) => paths.has(name));
    const leaf = (): ArrayLike<number> => [0];
    return this.#evaluator.run({ ...init, results }, { seed: 1, leaf }).results;
  }
}

/** A subject at a point, with a direction for each leaf. */
class Trial {
  readonly #evaluator: GraphEvaluator;
  readonly #subject: Subject;
  readonly #point: Point;
  readonly #frozenGraph: Graph;
  #frozen: ReadonlyMap<string, ArrayLike<number>> = new Map();
  readonly #directions: readonly Float64Array[];
  readonly #derivatives: readonly ArrayLike<number>[];
  #symbolic: readonly ArrayLike<number>[] | null = null;

  constructor(
    { context }: LoweredProgram,
    evaluator: GraphEvaluator,
    subject: Subject,
    point: Point,
    draw: number,
  ) {
    this.#evaluator = evaluator;
    this.#subject = subject;
    this.#point = point;
    const { graph, frozen } = freezeStops(context, subject.graph);
    this.#frozenGraph = graph;
    const results = frozen.map(({ path, value }) => ({ name: path, value }));
    if (frozen.length > 0) this.#frozen = this.#run({ ...graph, results }).results;
    this.#derivatives = this.#all(subject.derivatives);
    this.#directions = subject.wanted.map(({ label }, i) => {
      const stream = hash32(`direction ${i} ${label}`);
      const { length } = this.#derivatives[i]!;
      return Float64Array.from({ length }, (_, e) => 2 * uniformAt(draw, stream, 1, e) - 1);
    });
  }

  /** Along the directions of some leaves. */
  judge(leaves: readonly number[]): SlopeVerdict {
    const { sum, size } = this.slope(leaves);
    const verdict = judgeSlope((epsilon) => this.#valueAt(leaves, epsilon), sum, size);
    if (verdict.kind === "agrees" || this.#subject.symbolic === null) return verdict;
    // Where differences are in doubt, the derivative of the function's body decides.
    this.#symbolic ??= this.#all(this.#subject.symbolic);
    const other = this.#along(this.#symbolic, leaves);
    if (!Number.isFinite(other.sum)) return verdict;
    const scale = Math.abs(other.sum) + size + other.size;
    if (Math.abs(other.sum - sum) <= 1e-9 * scale) return { kind: "agrees" };
    return verdict.kind === "differs" ? verdict : { kind: "differs", found: other.sum };
  }

  /** What the program's derivatives say. */
  slope(leaves: readonly number[]): { readonly sum: number; readonly size: number } {
    return this.#along(this.#derivatives, leaves);
  }

  #along(
    derivatives: readonly ArrayLike<number>[],
    leaves: readonly number[],
  ): { readonly sum: number; readonly size: number } {
    let sum = 0;
    let squares = 0;
    for (const i of leaves) {
      const derivative = derivatives[i]!;
      this.#directions[i]!.forEach((t, e) => {
        const term = derivative[e]! * t;
        sum += term;
        squares += term * term;
      });
    }
    return { sum, size: Math.sqrt(squares) };
  }

  #valueAt(leaves: readonly number[], epsilon: number): number {
    const moved = new Map<Node, Float64Array>();
    for (const i of leaves) {
      const { node } = this.#subject.wanted[i]!.leaf;
      const direction = this.#directions[i]!;
      const before = moved.get(node) ?? this.#at(node);
      moved.set(
        node,
        before.map((x, e) => x + epsilon * (direction[e] ?? 0)),
      );
    }
    const paths = new Map(
      [...moved].map(([node, data]) => [
        node.kind === "leaf" ? `${node.role} ${node.path}` : "",
        data,
      ]),
    );
    const { results } = this.#run(this.#frozenGraph, paths);
    return results.get("0")![0]!;
  }

  #at(node: Node): Float64Array {
    return node.kind === "leaf" ? this.#point(node.role, node.path) : new Float64Array();
  }

  #all(graph: Graph): readonly ArrayLike<number>[] {
    const { results } = this.#run(graph);
    return graph.results.map(({ name }) => results.get(name)!);
  }

  #run(graph: Graph, moved: ReadonlyMap<string, Float64Array> = new Map()) {
    return this.#evaluator.run(graph, {
      seed: 1,
      leaf: (role, path) =>
        moved.get(`${role} ${path}`) ??
        (role === "state" ? this.#frozen.get(path) : undefined) ??
        this.#point(role, path),
    });
  }
}

/** Scalars that evaluating a graph computes. */
function costOf(graph: Graph, n: number): number {
  const cost = (nodes: readonly Node[]): number =>
    nodes.reduce((sum, node) => {
      if (node.kind === "scan") return sum + node.length * cost(node.nodes);
      if (node.kind !== "compute" && node.kind !== "scatter") return sum;
      const reduction = node.kind === "compute" ? node.reduction : [];
      return sum + elementsAt([...node.parallel, ...reduction], n) * scalarsIn(node);
    }, 0);
  return cost(graphNodes(graph));
}

function scalarsIn(node: Extract<Node, { kind: "compute" | "scatter" }>): number {
  let count = 1;
  visitScalars(node.body, (scalar) => {
    if (scalarChildren(scalar).length > 0) count++;
  });
  return count;
}
