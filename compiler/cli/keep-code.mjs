/**
 * Lets the bundled program keep the code that V8 compiles of it, by training a small model from nothing: a run that goes
 * through all of the compiler. After it the library's trees are kept, as that run is to parse. Without either, or with
 * another version of Node, a start takes longer and does the same. So it is done by who bundles, and again where the
 * package is installed.
 */

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const model = `
model Sample {
  input x: f32[N, 4, 4, 1]
  h = x |> Conv2D(4, 3, padding = "same", activation = relu) |> BatchNormalization |> MaxPooling2D(2)
  g = reshape(h, [shape(h)[0], 4, 4]) |> LSTM(4) |> LayerNormalization |> Dropout(0.1)
  output y = g |> Dense(4, tanh) |> Dense(2, softmax)
}

data rows {
  train {
    x: f32[4, 4, 1] = csv("rows.csv", columns = 0..16)
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
    const head = [...Array.from({ length: 16 }, (_, at) => `x${at}`), "label"].join(",");
    const rows = Array.from({ length: 8 }, (_, row) =>
      [...Array.from({ length: 16 }, (_, at) => (row * at) % 7), row % 2].join(","),
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
