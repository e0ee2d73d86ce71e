/** Sources that parse, for tests over all of the language: the library, the examples and some odd corners. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { SourceFile } from "../../compiler/syntax/ast.ts";

const corners = `/// Everything that the other samples leave out.
import "blocks.nn"
import { Residual, mish as smooth } from "more.nn"

const K: int = 60_000 + -2^2
fn L2(l2 = 0.01)(w: f32[...]) -> f32 = l2 * sum[i < 3, j] w[i, j]^2 + 1

layer Convolution(S = 1, P: int = 0)
                 (x: f32[N, H, W, C], others: list) -> (f32[N, (H - K)/S + 1, W, O], bool) {
  param k: f32[K, K, C, O] = glorot_uniform, regularizer = L2(0.1), trainable = false
  y[n, h < H/2, w < W, o] = sum[i < K, j < K, c]
      x[n, h*S + i - P, w*S + j - P, c] * k[i, j, c, o]
  (a, (b, c')) = split(y[:, 1:3, ::2, -1], [1, 2,])
  z: f32[N, 3] = if not a < b and b != c' then x[..., 0] else (a,)
  if training { state s = zeros
    s <- s + 1 } else if K == 3 { penalty a } else {
    assert K > 2, "K is \\"large\\""
  }
  for (i, d) in [(1, 2), (3, 4)] { z = z |> Dense(d, activation = relu) }
  return (z, true)
}

metric Top(k = 5)(y_true, y_pred, weight) {
  state total = zeros
  total <- total + sum(weight)
  return total % 2 @ none
}

data d { train { x: u8[28] = idx("a") } validation { x = idx("b") } }
train Net(64) on d { loss a  optimizer SGD()
  update g { loss -b  optimizer Adam(1e-3) }
  metrics top = Top()(a, b), mae(a, b)
}
`;

const here = import.meta.dirname;
const folders = ["../../compiler/std", "../../dsl-examples"].map((folder) => join(here, folder));

export const samples: readonly SourceFile[] = [
  { name: "corners.nn", text: corners },
  ...folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith(".nn"))
      .sort()
      .map((name) => ({ name, text: readFileSync(join(folder, name), "utf8") })),
  ),
];
