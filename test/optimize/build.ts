/** Shorthand for graphs in tests: maps and reductions over whole tensors, with broadcasting of kept dimensions. */

import { axisAffine, zeroAffine } from "../../compiler/graph/affine.ts";
import { GraphContext } from "../../compiler/graph/context.ts";
import { fixed, isFixed, type Shape } from "../../compiler/graph/extent.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import type { Graph, Scalar, Value } from "../../compiler/graph/node.ts";
import type { ReducerName } from "../../compiler/graph/reducers.ts";
import { type Algebra, algebraOf } from "../../compiler/graph/scalar-functions.ts";

export class Builder {
  readonly context = new GraphContext();
  readonly f: Algebra<Scalar> = algebraOf(this.context, "f32");

  param(path: string, ...sizes: number[]): Value {
    return this.context.leaf("param", path, "f32", sizes.map(fixed));
  }

  input(path: string, shape: Shape): Value {
    return this.context.leaf("input", path, "f32", shape);
  }

  /** The element of a value at the current point; dimensions of extent 1 are broadcast. */
  at(value: Value): Scalar {
    return this.context.load(
      value,
      value.shape.map((extent, i) =>
        isFixed(extent) && extent.constant === 1 ? zeroAffine : axisAffine(i),
      ),
    );
  }

  map(shape: Shape, body: Scalar): Value {
    return this.context.compute({ parallel: shape, body }).values[0]!;
  }

  /** Over the last dimension, which is kept with extent 1 by a map, as a library would write it. */
  reduceLast(reducer: ReducerName, x: Value): Value {
    const parallel = x.shape.slice(0, -1);
    const reduced = this.context.compute({
      parallel,
      reduction: x.shape.slice(-1),
      reducer,
      body: this.at(x),
    });
    return this.map([...parallel, fixed(1)], this.at(reduced.values[0]!));
  }

  /** The mean of all elements. */
  mean(x: Value): Value {
    const body = this.at(x);
    return this.context.compute({ parallel: [], reduction: x.shape, reducer: "mean", body })
      .values[0]!;
  }

  softmax(x: Value): Value {
    const { f } = this;
    const largest = this.reduceLast("max", x);
    const shift = this.map(largest.shape, f.call("stopGradient", this.at(largest)));
    const e = this.map(x.shape, f.call("exp", f.subtract(this.at(x), this.at(shift))));
    return this.map(x.shape, f.divide(this.at(e), this.at(this.reduceLast("sum", e))));
  }

  clip(x: Value, low: number, high: number): Value {
    const { f } = this;
    const above = f.call("maximum", this.at(x), f.number(low));
    return this.map(x.shape, f.call("minimum", above, f.number(high)));
  }

  /** A graph with a loss and the gradients by some params. */
  training(loss: Value, params: readonly Value[] = []): Graph {
    const gradients = params.map((param) => {
      const path = param.node.kind === "leaf" ? param.node.path : "";
      const value = this.context.leaf("gradient", path, "f32", param.shape);
      return { name: `d${path}`, value };
    });
    const results = [{ name: "loss", value: loss }, ...gradients];
    return { name: "train", batchMax: 4, results, assignments: [] };
  }

  /** A graph of one result, `y`. */
  graph(value: Value): Graph {
    return { name: "g", batchMax: 4, results: [{ name: "y", value }], assignments: [] };
  }
}

/** The results of a graph, of a batch of 3, whose leaves have up to 256 elements each. */
export const valuesOf = (graph: Graph) =>
  interpret(graph, { n: 3, leaf: () => Array.from({ length: 256 }, (_, i) => Math.sin(i)) })
    .results;
