/** The runner itself, on folders made here: what passes, what fails, what is left out, and why. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zipSync } from "fflate";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encode, type Message } from "../../bench/cpu/protobuf.ts";
import { cpuTarget } from "./cases/compiled-target.ts";
import { interpreterTarget } from "./cases/interpreter-target.ts";
import { runFolder } from "./cases/run-folder.ts";
import type { Target } from "./cases/target.ts";

let root: string;

/** NPY version 1.0 of float64. */
function npy(shape: readonly number[], data: readonly number[]): Uint8Array {
  const extents = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const header = `{'descr': '<f8', 'fortran_order': False, 'shape': (${extents}), }\n`;
  const bytes = new Uint8Array(10 + header.length + 8 * data.length);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 255, header.length >> 8]);
  bytes.set(new TextEncoder().encode(header), 10);
  const view = new DataView(bytes.buffer, 10 + header.length);
  data.forEach((value, i) => {
    view.setFloat64(8 * i, value, true);
  });
  return bytes;
}

type Arrays = Readonly<Record<string, readonly [shape: number[], data: number[]]>>;

function writeArrays(path: string, arrays: Arrays): void {
  const members = Object.entries(arrays).map(([name, [shape, data]]) => [
    `${name}.npy`,
    npy(shape, data),
  ]);
  writeFileSync(path, zipSync(Object.fromEntries(members), { level: 0 }));
}

const spec = (key: string, shape: number[], more: object = {}) => ({
  key,
  dtype: "float32",
  shape,
  ...more,
});

/** y = x w over [2, 2], its loss weighted by ones, with the given figures. */
function product(name: string, op: string, y: number[], gradient: number[], formula = "y = a @ b") {
  writeArrays(join(root, "grad", `${name}.npz`), {
    in_a: [
      [2, 2],
      [1, 2, 3, 4],
    ],
    in_b: [
      [2, 1],
      [5, -1],
    ],
    out_y: [[2, 1], y],
    ct_y: [
      [2, 1],
      [1, 1],
    ],
    grad_a: [[2, 2], gradient],
  });
  return {
    name,
    file: `${name}.npz`,
    op,
    formula,
    torch: "torch.matmul",
    config: {},
    inputs: { a: spec("in_a", [2, 2]), b: spec("in_b", [2, 1]) },
    outputs: { y: spec("out_y", [2, 1], { cotangent: "ct_y" }) },
    gradients: { a: spec("grad_a", [2, 2]) },
  };
}

/** Two steps of h = tanh(w x + u h), batch first, without biases, from a given state. */
function recurrence(name: string) {
  const [w, u, h0, x0, x1] = [0.5, -2, 0.25, 1, 3];
  const h1 = Math.tanh(w * x0 + u * h0);
  const h2 = Math.tanh(w * x1 + u * h1);
  const slope = 1 - h2 ** 2;
  writeArrays(join(root, "grad", `${name}.npz`), {
    in_x: [
      [1, 2, 1],
      [x0, x1],
    ],
    in_h0: [[1, 1], [h0]],
    in_w_ih: [[1, 1], [w]],
    in_w_hh: [[1, 1], [u]],
    out_y: [
      [1, 2, 1],
      [h1, h2],
    ],
    ct_y: [
      [1, 2, 1],
      [0, 1],
    ],
    grad_w_ih: [[1, 1], [slope * (x1 + u * (1 - h1 ** 2) * x0)]],
    grad_h0: [[1, 1], [slope * u * (1 - h1 ** 2) * u]],
  });
  return {
    name,
    file: `${name}.npz`,
    op: "simple_rnn",
    formula: "tanh",
    torch: "torch.nn.RNN(batch_first=True)",
    config: { hidden: 1, time_major: false },
    inputs: {
      x: spec("in_x", [1, 2, 1]),
      h0: spec("in_h0", [1, 1]),
      w_ih: spec("in_w_ih", [1, 1]),
      w_hh: spec("in_w_hh", [1, 1]),
    },
    outputs: { y: spec("out_y", [1, 2, 1], { cotangent: "ct_y" }) },
    gradients: { w_ih: spec("grad_w_ih", [1, 1]), h0: spec("grad_h0", [1, 1]) },
  };
}

/** Means of three, two places on, of zeros around [3, 6, 9, 12]; the last of them has but two elements to see. */
function averages(name: string) {
  writeArrays(join(root, "grad", `${name}.npz`), {
    in_x: [
      [1, 1, 4],
      [3, 6, 9, 12],
    ],
    out_y: [
      [1, 1, 3],
      [3, 9, 6],
    ],
    ct_y: [
      [1, 1, 3],
      [1, 1, 1],
    ],
    grad_x: [
      [1, 1, 4],
      [1 / 3, 2 / 3, 1 / 3, 5 / 6],
    ],
  });
  return {
    name,
    file: `${name}.npz`,
    op: "avgpool1d",
    formula: "",
    torch: "F.avg_pool1d",
    config: { kernel: [3], stride: [2], pads: [[1, 1]], ceil_mode: true, count_include_pad: true },
    inputs: { x: spec("in_x", [1, 1, 4]) },
    outputs: { y: spec("out_y", [1, 1, 3], { cotangent: "ct_y" }) },
    gradients: { x: spec("grad_x", [1, 1, 4]) },
  };
}

/** One slope for two channels: y = x where x > 0, else a·x. */
function oneSlope(name: string) {
  writeArrays(join(root, "grad", `${name}.npz`), {
    in_x: [
      [1, 2],
      [-2, 3],
    ],
    in_a: [[1], [0.25]],
    out_y: [
      [1, 2],
      [-0.5, 3],
    ],
    ct_y: [
      [1, 2],
      [1, 1],
    ],
    grad_a: [[1], [-2]],
  });
  return {
    name,
    file: `${name}.npz`,
    op: "prelu",
    formula: "",
    torch: "F.prelu",
    config: {},
    inputs: { x: spec("in_x", [1, 2]), a: spec("in_a", [1]) },
    outputs: { y: spec("out_y", [1, 2], { cotangent: "ct_y" }) },
    gradients: { a: spec("grad_a", [1]) },
  };
}

/** y = the operator of x = [1, -2], with the given figures. */
function onnxCase(name: string, operator: string, y: readonly number[]) {
  const folder = join(root, "onnx", name);
  mkdirSync(folder);
  const write = (file: string, message: Message) =>
    writeFileSync(join(folder, file), encode(message));
  const floats = (values: readonly number[]): Message => [
    [1, values.length],
    [2, 1],
    [9, new Uint8Array(new Float32Array(values).buffer)],
  ];
  const node: Message = [
    [1, "x"],
    [2, "y"],
    [4, operator],
  ];
  const graph: Message = [
    [1, node],
    [11, [[1, "x"]]],
    [12, [[1, "y"]]],
  ];
  write("model.onnx", [
    [7, graph],
    [8, [[2, 13]]],
  ]);
  write("x.pb", floats([1, -2]));
  write("y.pb", floats(y));
  const tensor = (of: string) => [{ name: of, file: `${of}.pb`, shape: [2] }];
  return { name, path: name, op_type: operator, inputs: tensor("x"), outputs: tensor("y") };
}

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "nnc-conformance-"));
  for (const folder of ["grad", "keras", "onnx"]) mkdirSync(join(root, folder));
  const cases = [
    product("right", "matmul", [3, 11], [5, -1, 5, -1]),
    product("wrong_output", "matmul", [3, 12], [5, -1, 5, -1]),
    product("wrong_gradient", "matmul", [3, 11], [5, -1, 5, 1]),
    product("unknown", "transmogrify", [3, 11], [5, -1, 5, -1], "a transmogrified by b"),
    product("by_formula", "no_rule", [3, 11], [5, -1, 5, -1]),
    recurrence("recurrence"),
    averages("averages"),
    oneSlope("one_slope"),
  ];
  writeFileSync(join(root, "grad", "manifest.json"), JSON.stringify({ cases }));
  const checks = [
    {
      config: { function: "leaky_relu", negative_slope: 0.5 },
      inputs: { x: [-2, 3] },
      derived: { output: [-1, 3] },
    },
  ];
  writeFileSync(join(root, "keras", "leaky.json"), JSON.stringify({ formula: "", checks }));
  const keras = {
    name: "leaky",
    file: "leaky.json",
    category: "activation",
    keras: "keras.activations",
  };
  writeFileSync(join(root, "keras", "manifest.json"), JSON.stringify({ cases: [keras] }));
  const onnx = [
    onnxCase("rectified", "Relu", [1, 0]),
    onnxCase("not_rectified", "Relu", [1, -2]),
    onnxCase("no_operator", "Transmogrify", [1, 0]),
  ];
  writeFileSync(join(root, "onnx", "manifest.json"), JSON.stringify({ cases: onnx }));
});

afterAll(() => {
  rmSync(root, { recursive: true });
});

describe.each([
  ["interpreter", interpreterTarget],
  ["cpu", cpuTarget],
] as [string, Target][])("%s", (_, target) => {
  it("tells what passes, fails and cannot be said, in the manifests' order", async () => {
    const verdicts: string[] = [];
    for await (const { name, verdict } of runFolder(root, target, () => true)) {
      const why = verdict.kind === "passed" ? "" : `: ${verdict.why.split(" (")[0]}`;
      verdicts.push(`${verdict.kind} ${name}${why}`);
    }
    expect(verdicts).toEqual([
      "passed right",
      "failed wrong_output: y[1] is 11, not 12",
      "failed wrong_gradient: da[3] is -1, not 1",
      "skipped unknown: the operation transmogrify",
      "passed by_formula",
      "passed recurrence",
      "passed averages",
      "passed one_slope",
      "passed leaky",
      "passed rectified",
      "failed not_rectified: y[1] is 0, not -2",
      "skipped no_operator: the operator Transmogrify",
    ]);
  });
});
