/**
 * All CUDA C++ that is generated compiles, without a warning, for every generation that trainers are built for: that of
 * every example in every precision, of random graphs and of random models. And contractions have no more values at a
 * time than there are registers. Kernels of all of them stand in one source, as most of nvcc's time is for what is around
 * them.
 */

import { join } from "node:path";
import { expect, test } from "vitest";
import { findPackageFiles } from "../../../compiler/cli/package-files.ts";
import { diskSources } from "../../../compiler/cli/source-files.ts";
import { DiagnosticSink } from "../../../compiler/diagnostics/diagnostic.ts";
import type { GraphFunction, KernelModule, Launch } from "../../../compiler/kernel/module.ts";
import type { PassesResult } from "../../../compiler/passes.ts";
import type { ScheduledProgram } from "../../../compiler/schedule/schedule-program.ts";
import { lower } from "../../../compiler/semantics/lower.ts";
import { type Precision, precisions } from "../../../compiler/semantics/precision.ts";
import type { LoweredProgram } from "../../../compiler/semantics/program.ts";
import { describeCuda } from "../../../compiler/targets/cuda/description.ts";
import { printCuda } from "../../../compiler/targets/cuda/print-module.ts";
import type { CudaArchitecture } from "../../../runtime/devices/cuda/cuda-program.ts";
import { examples } from "../../end-to-end/nnc.ts";
import { compileCase } from "../../fuzz/program-library.ts";
import { randomModels } from "../../fuzz/random-models.ts";
import { randomGraphs } from "../../fuzz/random-programs.ts";
import { compileVerbosely, type KernelResources, needsNvcc, nvcc } from "./nvcc.ts";

const seed = 20261123;

function lowerExample(name: string): LoweredProgram {
  const sink = new DiagnosticSink();
  const host = diskSources(findPackageFiles().std);
  const lowered = lower(join(examples, name), host, {}, sink);
  expect(sink.sorted()).toEqual([]);
  return lowered!;
}

interface Case {
  readonly name: string;
  /** Afresh: passes leave traces in a program's context. */
  readonly lowered: () => LoweredProgram;
  readonly precision: Precision;
  readonly fusion: boolean;
}

/** In every precision. */
const small = ["digits.nn", "functional.nn"];

/** One of each other kind of network, in one precision each: compiling all in all takes minutes. */
const others = [
  ...["branches.nn", "lstm.nn", "transformer.nn", "cora.nn"],
  ...["digits-512.nn", "custom.nn", "housing.nn"],
];

function cases(): Case[] {
  const chosen = [
    ...small.flatMap((name) => precisions.map((precision) => ({ name, precision }))),
    ...others.map((name, i) => ({ name, precision: precisions[i % precisions.length]! })),
  ];
  const ofExamples = chosen.map(({ name, precision }) => ({
    name,
    lowered: () => lowerExample(name),
    precision,
    fusion: true,
  }));
  const random = [...randomModels(seed, 4), ...randomGraphs(seed, 8)];
  const ofRandom = random.map(({ program }, i) => ({
    name: `random ${i}`,
    lowered: () => program,
    precision: precisions[i % precisions.length]!,
    fusion: i % 3 !== 0,
  }));
  return [...ofExamples, ...ofRandom];
}

/** Functions whose kernels compute, before all else, the kind of their group. */
function functionsOf(name: string, { module, kernels }: ScheduledProgram): GraphFunction[] {
  const kinds = new Map(kernels.map((report) => [report.name, report.kind]));
  return module.functions.map((fn) => ({
    ...fn,
    graph: `${name} ${fn.graph}`,
    launches: fn.launches.map((launch): Launch => {
      const { kernel } = launch;
      const lines = [kinds.get(kernel.name)!, ...kernel.comment.lines];
      return { ...launch, kernel: { ...kernel, comment: { ...kernel.comment, lines } } };
    }),
  }));
}

/** The kernels of all cases as one module for each variant. */
function scheduleAll(): { readonly [A in CudaArchitecture]: KernelModule } {
  const compiled = cases().map(({ name, lowered, precision, fusion }) => {
    const { passes } = compileCase(lowered(), describeCuda({ precision }), { fusion });
    return { ...passes, name: `${name} ${precision}` };
  });
  const moduleOf = (programOf: (passes: PassesResult) => ScheduledProgram): KernelModule => ({
    model: "Everything",
    functions: compiled.flatMap((passes) => functionsOf(passes.name, programOf(passes))),
  });
  return {
    sm_80: moduleOf(({ scheduled }) => scheduled),
    // Where there is no other variant, Hopper runs the portable one.
    sm_90a: moduleOf(({ scheduled, alternative }) => alternative ?? scheduled),
  };
}

const targets: { readonly [A in CudaArchitecture]: readonly string[] } = {
  sm_80: [
    "arch=compute_80,code=sm_80",
    "arch=compute_100,code=sm_100",
    "arch=compute_80,code=compute_80",
  ],
  sm_90a: ["arch=compute_90a,code=sm_90a"],
};

async function compileVariant(
  architecture: CudaArchitecture,
  module: KernelModule,
): Promise<readonly (KernelResources & { readonly kind: string })[]> {
  const { sources, program } = printCuda([{ architecture, module }], {
    source: "everything.nn",
    batchMax: 256,
  });
  const resources = await compileVerbosely(sources[0]!, targets[architecture]);
  const { kernels } = program.variants[0]!;
  const kinds = new Map(kernels.map(({ name, computes }) => [name, computes[0]!]));
  const compiled = resources.flatMap(({ name, ...rest }) => {
    const kind = kinds.get(name);
    return kind === undefined ? [] : [{ name, kind, ...rest }];
  });
  const generations = new Set(compiled.map((kernel) => kernel.architecture));
  expect(compiled.length).toBe(kernels.length * generations.size);
  return compiled;
}

/** The subroutine of an exact square root, in an epilogue, has ptxas move a word or two out of the way. */
const aroundCalls = 64;

test.runIf(nvcc !== undefined)(
  `all generated kernels compile, and contractions keep their sums in registers ${needsNvcc}`,
  async () => {
    const modules = scheduleAll();
    const resources = await Promise.all([
      compileVariant("sm_80", modules.sm_80),
      compileVariant("sm_90a", modules.sm_90a),
    ]);
    const contractions = resources.flat().filter(({ kind }) => kind === "contraction");
    expect(contractions.length).toBeGreaterThan(20);
    const loops = resources.flat().filter(({ name }) => /_loop(_\d+)?$/.test(name));
    expect(loops.length).toBeGreaterThan(4);
    const mayNotSpill = [...contractions, ...loops];
    expect(mayNotSpill.filter(({ spilledBytes }) => spilledBytes > aroundCalls)).toEqual([]);
  },
  // Most of a minute on two cores that do nothing else.
  600_000,
);
