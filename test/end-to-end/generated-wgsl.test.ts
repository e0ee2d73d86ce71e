/**
 * All WGSL that is generated is valid: that of every example, fused and unfused, and of random programs, for devices
 * with subgroups and without, with f16 and without. Dawn's null backend compiles it and computes nothing, so it needs
 * no adapter; it warns of nothing, and what the kernels take is within the limits that every WebGPU device has.
 */

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findPackageFiles } from "../../compiler/cli/package-files.ts";
import { diskSources } from "../../compiler/cli/source-files.ts";
import { compile } from "../../compiler/index.ts";
import { describeWgsl } from "../../compiler/targets/wgsl/description.ts";
import type { WgslProgram } from "../../runtime/devices/webgpu/wgsl-program.ts";
import { type NullDevice, openNullDevice } from "../dawn.ts";
import { compileCase } from "../fuzz/program-library.ts";
import { randomModels } from "../fuzz/random-models.ts";
import { randomGraphs } from "../fuzz/random-programs.ts";
import { printProgram } from "../fuzz/webgpu-runner.ts";
import { excesses } from "../schedule/workgroup/run-graph.ts";
import { examples } from "./nnc.ts";

let device: NullDevice;
beforeAll(async () => {
  device = await openNullDevice();
});
afterAll(() => device.close());

async function expectValid(program: WgslProgram): Promise<void> {
  expect(excesses(program)).toEqual([]);
  expect(await device.validateWgsl(program)).toEqual([]);
}

const ways = [
  { f16: false, fusion: true },
  { f16: false, fusion: false },
  { f16: true, fusion: true },
  { f16: true, fusion: false },
] as const;

const describeWay = ({ f16, fusion }: (typeof ways)[number]) =>
  `${fusion ? "fused" : "unfused"}, ${f16 ? "with" : "without"} f16`;

const shipped = readdirSync(examples).filter((name) => name.endsWith(".nn"));

function compileExample(name: string, { f16, fusion }: (typeof ways)[number]): WgslProgram {
  const { program, diagnostics } = compile(
    join(examples, name),
    diskSources(findPackageFiles().std),
    { target: describeWgsl({ f16 }), fusion },
  );
  expect(diagnostics).toEqual([]);
  const { code } = program!;
  if (code.target !== "wgsl") throw new Error(`${name} was compiled for ${code.target}`);
  return code.program;
}

/** Those that are checked unfused, too; kernels of one node are much the same in the others. */
const unfused = new Set([
  "digits.nn",
  "digits-512.nn",
  "functional.nn",
  "custom.nn",
  "housing.nn",
  "ntm.nn",
]);
const checked = shipped.flatMap((name) =>
  ways.filter(({ fusion }) => fusion || unfused.has(name)).map((way) => [name, way] as const),
);

test.each(checked.map(([name, way]) => [name, describeWay(way), way] as const))(
  "%s, %s",
  async (name, _, way) => {
    await expectValid(compileExample(name, way));
  },
);

test.each(ways.map((way) => [describeWay(way), way] as const))(
  "random programs, %s",
  async (_, { f16, fusion }) => {
    for (const { program } of [...randomGraphs(20_261_422, 8), ...randomModels(20_261_422, 3)]) {
      await expectValid(printProgram(compileCase(program, describeWgsl({ f16 }), { fusion })));
    }
  },
);

test("kernels make use of f16 and of subgroups", () => {
  const { kernels } = compileExample("digits-512.nn", { f16: true, fusion: true });
  expect(kernels.some(({ requires }) => requires.includes("shader-f16"))).toBe(true);
  expect(kernels.some(({ withSubgroups }) => withSubgroups !== undefined)).toBe(true);
});

test.each([
  [
    "memory beyond the limits",
    5000,
    "far[0] = 0.0;",
    /larger than the maximum allowed \(16384 bytes\)/,
  ],
  ["what is worth a warning", 2, "return; far[1] = 0.0;", /^.*: warning in line/],
] as const)("the validator tells of %s", async (_, elements, statements, message) => {
  const code = `
struct Step { n: i32 }
@group(0) @binding(0) var<uniform> step: Step;
var<workgroup> far: array<f32, ${elements}>;
@compute @workgroup_size(1)
fn main() { ${statements} }
`;
  const found = await device.validateWgsl({
    functions: {},
    kernels: [{ name: "wrong", uses: [], code, readOnly: [], requires: [] }],
    graphs: {},
    limits: {},
  });
  expect(found.join()).toMatch(message);
});
