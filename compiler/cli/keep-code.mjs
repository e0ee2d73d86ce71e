/**
 * Lets the bundled program keep the code that V8 compiles of it, by training a small model from nothing: a run that goes
 * through most of the compiler, as the model has a convolution by transforms, attention, a recurrence and a table. After
 * it the library's trees are kept, as that run is to parse. Without either, or with another version of Node, a start takes
 * longer and does the same. So it is done by who bundles, and again where the package is installed.
 */

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const model = `
layer Attention(heads: int)(x: f32[N, T, C]) -> f32[N, T, C] {
  (q, k) = split(reshape(x |> Dense(2*C), [shape(x)[0], T, 2*heads, C/heads]), 2, 2)
  scores[n, h, t, s] = sum[d] q[n, t, h, d] * k[n, s, h, d]
  seen[n, h, t, s] = if s <= t then scores[n, h, t, s] / sqrt(C / heads) else -1e9
  weights = softmax(seen)
  mixed[n, t, h, d] = sum[s] weights[n, h, t, s] * k[n, s, h, d]
  return x + (reshape(mixed, shape(x)) |> Dense(C, gelu))
}

model Sample {
  input x: f32[N, 4, 4, 1]
  input words: i32[N, 16]
  param place: f32[16, 32] = random_normal
  image = reshape(x |> Flatten |> Dense(4096, relu), [shape(x)[0], 16, 16, 16])
  h = image |> Conv2D(16, 3, padding = "same", use_bias = false) |> BatchNormalization |> Activation(relu)
  for block in 0..2 {
    h = h + (h |> ZeroPadding2D(1) |> Conv2D(16, 3, use_bias = false) |> BatchNormalization)
  }
  g = h |> Conv2D(32, 3, strides = 2, activation = relu) |> MaxPooling2D(2) |> GlobalAveragePooling2D
  said = (words |> Embedding(65, 32)) + place |> LayerNormalization |> Attention(2)
  heard = said |> LSTM(4) |> Dropout(0.1)
  output y = concat([g, heard], 1) |> Dense(10, tanh) |> Dense(2, softmax)
}

data rows {
  train {
    x: f32[4, 4, 1] = csv("rows.csv", columns = 0..16)
    words: i32[16]  = csv("rows.csv", columns = 16..32)
    label: i32      = csv("rows.csv", column = "label")
  }
}

train Sample on rows {
  loss       sparse_categorical_crossentropy(label, y)
  optimizer  Adam()
  metrics    accuracy(label, y)
  epochs     1
  batch_size 8
}
`;

/** `folder` is that of the bundle. Gives whether the model was trained. */
export async function keepCode(folder) {
  const program = join(folder, "keep-code.js");
  // Sources alone were installed: they are yet to be bundled.
  if (!existsSync(program)) return false;
  for (const name of readdirSync(folder)) {
    if (name.endsWith(".trees")) rmSync(join(folder, name));
  }
  const scratch = mkdtempSync(join(tmpdir(), "nnc-"));
  try {
    writeFileSync(join(scratch, "sample.nn"), model);
    const head = [...Array.from({ length: 32 }, (_, at) => `x${at}`), "label"].join(",");
    const rows = Array.from({ length: 8 }, (_, row) =>
      [...Array.from({ length: 32 }, (_, at) => (row * at) % 7), row % 2].join(","),
    );
    writeFileSync(join(scratch, "rows.csv"), `${[head, ...rows].join("\n")}\n`);
    const run = spawnSync(
      process.execPath,
      [program, "train", "sample.nn", "--target", "cpu", "--threads", "1"],
      { cwd: scratch, env: { ...process.env, XDG_CACHE_HOME: scratch }, encoding: "utf8" },
    );
    const { keepTrees } = await import("../../dist/compiler/cli/keep-trees.js");
    keepTrees(join(dirname(self), "..", "std"), folder);
    // Where kernels cannot be compiled or run, what came before is kept all the same.
    return run.status === 0;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const self = fileURLToPath(import.meta.url);
if (process.argv[1] === self) await keepCode(join(dirname(self), "..", "..", "dist", "cli"));
