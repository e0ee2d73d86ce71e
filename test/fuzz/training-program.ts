/**
 * A random graph as a whole program: its loss is trained by an optimizer with slots, a step size that hypers and
 * counters give, weight decay, or gradients scaled by the norm of all of them; a metric total adds up; the model's
 * outputs are the graph's results. What lowering would hand to the passes, so that all of them run.
 */

import type { Affine } from "../../compiler/graph/affine.ts";
import { graphNodes } from "../../compiler/graph/context.ts";
import type { Assignment, Graph, Leaf, Scalar, Value } from "../../compiler/graph/node.ts";
import type { LoweredProgram, PersistentLeaf } from "../../compiler/semantics/program.ts";
import type { ElementType } from "../../runtime/plan.ts";
import type { RandomGraph } from "../graph/random-graph.ts";
import { axes } from "../graph/random-steps.ts";

export const optimizers = ["descent", "momentum", "adaptive", "clipped"] as const;
export type OptimizerName = (typeof optimizers)[number];

const hypers = { learning_rate: 0.0625 } as const;

const span = { file: "random.nn", start: 0, end: 0 };

export function trainingProgram(random: RandomGraph, optimizer: OptimizerName): LoweredProgram {
  const { context, graph, params } = random;
  const { batchMax } = graph;
  const results = graph.results.filter(({ name }) => name !== "loss");
  const loss = graph.results.find(({ name }) => name === "loss")!.value;
  const update = new UpdateBuilder(random);
  const updates = params.flatMap((param) => update.of(param, optimizer));

  const total = context.leaf("state", "total", "f32", []);
  const added = context.call("add", context.load(total, []), context.load(loss, []));
  const accumulate = {
    target: total,
    value: context.compute({ parallel: [], body: added }).values[0]!,
  };

  const train: Graph = {
    name: "train",
    batchMax,
    results: graph.results,
    assignments: [...updates, accumulate],
  };
  const evaluate: Graph = {
    name: "evaluate",
    batchMax,
    results: [{ name: "loss", value: loss }],
    assignments: [accumulate],
  };
  const predict: Graph = { name: "predict", batchMax, results, assignments: [] };
  const nodes = [train, evaluate, predict].flatMap((each) => [...graphNodes(each)]);
  const leaves = [...new Set(nodes)].filter((node): node is Leaf => node.kind === "leaf");
  const targets = [train, evaluate].flatMap(({ assignments }) => assignments.map((a) => a.target));
  const persistent = new Set([
    ...leaves
      .filter(({ role }) => role === "param" || role === "state")
      .map(({ values }) => values[0]),
    ...targets,
  ]);
  return {
    context,
    model: "Random",
    precision: "f32",
    columns: leaves
      .filter(({ role }) => role === "input")
      .map(({ path, values: [{ dtype, shape }] }) => ({
        name: path,
        dtype: dtype as ElementType,
        shape: shape.slice(1).map((extent) => extent.constant),
      })),
    inputs: [],
    outputs: [],
    layers: [],
    applications: [],
    ownDerivatives: [],
    persistent: [...persistent].map((leaf) => ({
      leaf,
      role: roleOf(leaf),
      trainable: true,
      span,
    })),
    batchMax,
    init: { name: "init", batchMax, results: [], assignments: [] },
    predict,
    training: {
      plan: {
        epochs: 1,
        batchSize: batchMax,
        seed: 0,
        shuffle: false,
        validation: null,
        callbacks: [],
        classWeight: null,
        sampleWeight: null,
      },
      hypers,
      train,
      updates: [{ graph: train, steps: 1 }],
      schedules: [],
      evaluate,
      readout: { name: "readout", batchMax, results: [], assignments: [] },
    },
    statistics: [],
    data: null,
  };
}

function roleOf({ node }: Value): PersistentLeaf["role"] {
  const { role, path } = node as Leaf;
  if (role === "param") return "param";
  return path === "total" ? "metric" : "slot";
}

class UpdateBuilder {
  readonly #random: RandomGraph;
  readonly #norm: Value;

  constructor(random: RandomGraph) {
    this.#random = random;
    this.#norm = this.#globalNorm();
  }

  of(param: Value, optimizer: OptimizerName): readonly Assignment[] {
    const { context } = this.#random;
    const place = axes(param.shape.length);
    const w = context.load(param, place);
    const g = context.load(this.#gradient(param), place);
    const number = (value: number) => context.constant(value, "f32");
    const add = (a: Scalar, b: Scalar) => context.call("add", a, b);
    const multiply = (a: Scalar, b: Scalar) => context.call("multiply", a, b);
    const divide = (a: Scalar, b: Scalar) => context.call("divide", a, b);
    const rate = context.load(context.leaf("hyper", "learning_rate", "f32", []), []);
    const descend = (by: Scalar) => this.#assign(param, context.call("subtract", w, by));
    switch (optimizer) {
      case "descent": {
        // w ← w − w·(0.01·rate) − rate·g
        const decayed = multiply(w, multiply(number(0.01), rate));
        return [descend(add(decayed, multiply(rate, g)))];
      }
      case "momentum": {
        // m ← 0.9·m + g, w ← w − rate·(0.9·m + g), as Nesterov's look-ahead.
        const m = this.#slot(param, "m");
        const next = add(multiply(number(0.9), context.load(m, place)), g);
        return [
          this.#assign(m, next),
          descend(multiply(rate, add(multiply(number(0.9), next), g))),
        ];
      }
      case "adaptive": {
        // Adam's, with an epsilon that keeps rounding errors of gradients near zero as small as they are.
        const m = this.#slot(param, "m");
        const v = this.#slot(param, "v");
        const t = context.cast(context.load(context.leaf("counter", "t", "i32", []), []), "f32");
        const nextM = add(multiply(number(0.9), context.load(m, place)), multiply(number(0.1), g));
        const square = multiply(number(0.01), multiply(g, g));
        const nextV = add(multiply(number(0.99), context.load(v, place)), square);
        const correction = context.call(
          "subtract",
          number(1),
          context.call("power", number(0.9), t),
        );
        const scaled = divide(
          multiply(divide(rate, correction), nextM),
          add(context.call("sqrt", nextV), number(0.1)),
        );
        return [this.#assign(m, nextM), this.#assign(v, nextV), descend(scaled)];
      }
      case "clipped": {
        // Keras' global_clipnorm = 0.5.
        const norm = context.load(this.#norm, []);
        const factor = divide(number(0.5), context.call("maximum", norm, number(0.5)));
        return [descend(multiply(multiply(rate, factor), g))];
      }
    }
  }

  #assign(target: Value, body: Scalar): Assignment {
    const { context } = this.#random;
    return { target, value: context.compute({ parallel: target.shape, body }).values[0]! };
  }

  #slot(param: Value, name: string): Value {
    const { path } = param.node as Leaf;
    return this.#random.context.leaf("state", `${path}/${name}`, "f32", param.shape);
  }

  #gradient(param: Value): Value {
    const { path } = param.node as Leaf;
    return this.#random.context.leaf("gradient", path, "f32", param.shape);
  }

  #globalNorm(): Value {
    const { context, params } = this.#random;
    const squares = params.map((param) => {
      const place: readonly Affine[] = axes(param.shape.length);
      const load = context.load(this.#gradient(param), place);
      const body = context.call("multiply", load, load);
      const sum = context.compute({ parallel: [], reduction: param.shape, reducer: "sum", body });
      return context.load(sum.values[0]!, []);
    });
    const zero: Scalar = context.constant(0, "f32");
    const total = squares.reduce((sum, square) => context.call("add", sum, square), zero);
    return context.compute({ parallel: [], body: context.call("sqrt", total) }).values[0]!;
  }
}
