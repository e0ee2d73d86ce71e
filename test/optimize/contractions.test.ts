/**
 * What makes a matrix product one is a checked property: of networks written in the language, all multiply-adds of
 * the forward pass and of its derivatives must lie in nodes that classify as contractions.
 */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { differentiate } from "../../compiler/autodiff/differentiate.ts";
import { DiagnosticSink } from "../../compiler/diagnostics/diagnostic.ts";
import { graphNodes, loadsOf } from "../../compiler/graph/context.ts";
import { classifyContraction } from "../../compiler/graph/contraction.ts";
import type { Compute, Graph } from "../../compiler/graph/node.ts";
import { printGraph } from "../../compiler/graph/print.ts";
import { verifyGraph } from "../../compiler/graph/verify.ts";
import { canonicalise } from "../../compiler/optimize/canonicalise.ts";
import { axesOfNode, pointsAt } from "../../compiler/optimize/rules/node-rule.ts";
import { simplify } from "../../compiler/optimize/simplify.ts";
import { lower } from "../../compiler/semantics/lower.ts";

const networks: Readonly<Record<string, { readonly text: string; readonly products: number }>> = {
  // Forward 2; derivatives by both kernels, and by the hidden layer.
  perceptron: {
    products: 5,
    text: `
      model Net {
        input image: u8[N, 28, 28]
        h = image / 255 |> Flatten |> Dense(32, relu)
        output y = h |> Dense(10, softmax)
      }`,
  },
  // Forward 3; derivatives by three kernels, by the pooled and by the first convolution.
  convolution: {
    products: 8,
    text: `
      layer Conv(filters: int)(x: f32[N, H, W, C]) -> f32[N, H, W, filters] {
        param kernel: f32[3, 3, C, filters] = glorot_uniform
        param bias: f32[filters] = zeros
        y[n, h < H, w < W, o] = sum[i < 3, j < 3, c] x[n, h + i - 1, w + j - 1, c] * kernel[i, j, c, o]
        return relu(y + bias)
      }
      layer Pool()(x: f32[N, H, W, C]) {
        y[n, h < H / 2, w < W / 2, c] = max[i < 2, j < 2] x[n, 2*h + i, 2*w + j, c]
        return y
      }
      model Net {
        input image: u8[N, 28, 28]
        x = reshape(image / 255, [N, 28, 28, 1])
        h = x |> Conv(8) |> Conv(8) |> Pool |> Flatten
        output y = h |> Dense(10, softmax)
      }`,
  },
  // Forward 3 projections, scores, mixing, head; derivatives by 3 kernels, and by both operands of the others.
  attention: {
    products: 15,
    text: `
      layer Attention(width: int)(x: f32[N, T, E]) {
        q = x |> Dense(width)
        k = x |> Dense(width)
        v = x |> Dense(width)
        scores[n, i, j] = sum[d] q[n, i, d] * k[n, j, d]
        shares = softmax(scores / 4, axis = -1)
        y[n, i, d] = sum[j] shares[n, i, j] * v[n, j, d]
        return y
      }
      model Net {
        input image: u8[N, 28, 28]
        x = image / 255
        h = x |> Attention(16)
        output y = h |> Flatten |> Dense(10, softmax)
      }`,
  },
};

const training = `
  data rows {
    train {
      image: u8[28, 28] = npy("x.npy")
      label: u8 = npy("y.npy")
    }
  }
  train Net on rows {
    loss sparse_categorical_crossentropy(label, y)
    optimizer Adam()
    batch_size 64
  }`;

function trainingGraph(text: string): Graph {
  const sink = new DiagnosticSink();
  const host = {
    readFile: (path: string) => (path === "net.nn" ? text + training : undefined),
    readStd: (name: string) => readFileSync(`compiler/std/${name}`, "utf8"),
  };
  const lowered = lower("net.nn", host, {}, sink);
  expect(sink.sorted().filter(({ severity }) => severity === "error")).toEqual([]);
  const { context, training: trained } = lowered!;
  return simplify(context, differentiate(context, canonicalise(context, trained!.train)));
}

/** Sums of products of operands smaller than the space they span. */
const isProduct = (node: Compute): boolean =>
  node.reducer === "sum" &&
  loadsOf(node.body).length > 1 &&
  node.operands.every(({ shape }) => pointsAt(shape, 64) < pointsAt(axesOfNode(node), 64));

describe.each(Object.entries(networks))("%s", (_, { text, products }) => {
  it("has all its multiply-adds in contractions", () => {
    const graph = trainingGraph(text);
    verifyGraph(graph);
    const sums = graphNodes(graph).filter(
      (node): node is Compute => node.kind === "compute" && isProduct(node),
    );
    const others = sums.filter((node) => classifyContraction(node) === null);
    expect(others.map((node) => node.id)).toEqual([]);
    expect(sums, printGraph(graph)).toHaveLength(products);
  });
});

// What is repeated lacks the axis that its gradient is summed over, apart from the batch and before it.
it("leaves the batch in front of what is summed first", () => {
  const graph = trainingGraph(`
    model Net {
      input image: u8[N, 28, 28]
      h = image / 255 |> Flatten |> Dense(4, tanh)
      z = h |> RepeatVector(3) |> GRU(5, return_sequences = true)
      output y = z |> Flatten |> Dense(10, softmax)
    }`);
  verifyGraph(graph);
  const leading = graphNodes(graph).filter(
    (node) => node.kind === "compute" && node.parallel.some(({ batch }) => batch !== 0),
  );
  expect(leading.length).toBeGreaterThan(0);
});
