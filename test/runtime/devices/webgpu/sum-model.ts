/** The model of `sum-data.ts` in kernels for WebGPU, small enough to check by eye. */

import type { WgslKernel, WgslProgram } from "../../../../runtime/devices/webgpu/wgsl-program.ts";
import type { TrainerPlan } from "../../../../runtime/plan.ts";
import { sumPlan } from "../sum-data.ts";

export const plan: TrainerPlan = { ...sumPlan, target: "wgsl" };

const step = (scalars: string) => `
struct Step { n: i32, first_row: i32, seed: u32, batch: u32, infinity: u32, nan: u32, ${scalars} }
@group(0) @binding(0) var<uniform> step: Step;`;

export const weigh: WgslKernel = {
  name: "weigh",
  uses: ["byte_at"],
  readOnly: [true, true, true, false, false],
  requires: [],
  code: `${step("scalars: array<vec4f, 1>")}
@group(1) @binding(0) var<storage, read> rows: array<i32>;
@group(1) @binding(1) var<storage, read> x: array<f32>;
@group(1) @binding(2) var<storage, read> bytes: array<u32>;
@group(1) @binding(3) var<storage, read_write> sums: array<f32>;
@group(1) @binding(4) var<storage, read_write> weighted: array<f32>;
@compute @workgroup_size(4) fn main(@builtin(local_invocation_index) i: u32) {
  if (i32(i) >= step.n) { return; }
  let row = u32(rows[u32(step.first_row) + i]);
  weighted[i] = step.scalars[0].x * x[row];
  var sum = 0u;
  for (var k = 0u; k < 3u; k++) {
    let at = 3u * row + k;
    sum += byte_at(bytes[at / 4u], at % 4u);
  }
  sums[i] = f32(sum);
}`,
};

const total: WgslKernel = {
  name: "total",
  uses: [],
  readOnly: [false, false, false, false, false],
  requires: [],
  code: `${step("")}
@group(1) @binding(0) var<storage, read_write> sums: array<f32>;
@group(1) @binding(1) var<storage, read_write> weighted: array<f32>;
@group(1) @binding(2) var<storage, read_write> total: array<f32>;
@group(1) @binding(3) var<storage, read_write> told: array<i32>;
@group(1) @binding(4) var<storage, read_write> large: array<u32>;
@compute @workgroup_size(1) fn main() {
  for (var i = 0; i < step.n; i++) {
    total[0] += weighted[i] + sums[i];
    large[i] = select(0u, 1u, weighted[i] > 100.0);
  }
  told[0] = step.n;
  told[1] = bitcast<i32>(step.seed);
  told[2] = bitcast<i32>(step.batch);
  told[3] = bitcast<i32>(step.infinity ^ step.nan);
}`,
};

const flip: WgslKernel = {
  name: "flip",
  uses: [],
  readOnly: [false],
  requires: [],
  code: `
@group(1) @binding(0) var<storage, read_write> mask: array<u32>;
@compute @workgroup_size(6) fn main(@builtin(local_invocation_index) i: u32) {
  mask[i] = 1u - mask[i];
}`,
};

const arena = (name: "persistent" | "temporaries" | "results", offset: number, size: number) =>
  ({ kind: "arena", arena: name, offset, size }) as const;

export const program: WgslProgram = {
  functions: {
    byte_at: "fn byte_at(word: u32, i: u32) -> u32 { return (word >> (8u * i)) & 0xffu; }",
  },
  kernels: [weigh, total, flip],
  graphs: {
    train: [
      {
        kernel: 0,
        workgroups: [1, 1],
        bindings: [
          { kind: "rows" },
          { kind: "column", slot: 0 },
          { kind: "column", slot: 1 },
          arena("temporaries", 0, 16),
          arena("results", 0, 16),
        ],
      },
      {
        kernel: 1,
        workgroups: [1, 1],
        bindings: [
          arena("temporaries", 0, 16),
          arena("results", 0, 16),
          arena("persistent", 256, 4),
          arena("results", 256, 16),
          arena("results", 512, 16),
        ],
      },
    ],
    flip: [{ kernel: 2, workgroups: [1, 1], bindings: [arena("persistent", 0, 24)] }],
  },
  limits: {},
};
