/** What recurrent layers leave in their loops: products with the states alone. */

import { expect, it } from "vitest";
import { loopsIn } from "../../compiler/graph/loops.ts";
import { canonicalise } from "../../compiler/optimize/canonicalise.ts";
import { hoistFromLoops } from "../../compiler/optimize/hoist-from-loops.ts";
import { simplify } from "../../compiler/optimize/simplify.ts";
import { lowerSound } from "../semantics/lowering.ts";

it.each([
  ["LSTM(4)(x)", ["16 / 4"]],
  ["GRU(4)(with_mask(x, x[:, :, 0] > 0))", ["12 / 4"]],
  ["LSTM(4, dropout = 0.2)(x)", ["16 / 4"]],
  ["RNN([SimpleRNNCell(4), LSTMCell(5)])(x)", ["4 / 4", "20 / 4", "20 / 5"]],
])("%s", (expression, products) => {
  const { context, training } = lowerSound(`
    model M {
      input x: f32[N, 6, 7]
      output y = ${expression}
    }
    data d {
      train {
        x: f32[6, 7] = npy("x.npy")
      }
    }
    train M on d {
      loss sum(y)
      optimizer SGD(0.1)
    }`);
  const graph = simplify(context, canonicalise(context, training!.train));
  const [loop, ...others] = loopsIn(hoistFromLoops(context, graph));
  expect(others).toEqual([]);
  const found = loop!.nodes.flatMap((node) =>
    node.kind === "compute" && node.reducer === "sum"
      ? [`${node.parallel.at(-1)!.constant} / ${node.reduction[0]!.constant}`]
      : [],
  );
  expect(found.sort()).toEqual([...products].sort());
});
