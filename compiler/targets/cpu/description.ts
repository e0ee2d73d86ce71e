/**
 * The CPU as a target: which vector units it has and what rates to expect of them. Pure: whoever calls passes
 * the text of `/proc/cpuinfo` and what the system says of caches, so that a description can be made, and tested,
 * for any machine.
 */

import type { TargetDescription } from "../../optimize/target-description.ts";

export interface CpuDescription extends TargetDescription {
  /** What kernels may use, in the spelling of `__builtin_cpu_supports`; what a trainer checks for. */
  readonly features: readonly string[];
  /** As `-march` takes it. */
  readonly march: string;
  readonly prefersWideVectors: boolean;
  /** The processor's name and abilities, for the key of the compiler's cache. */
  readonly processor: string;
}

export interface CpuFacts {
  /** `process.arch` of Node. */
  readonly architecture: string;
  /** The content of `/proc/cpuinfo`, empty where there is none. */
  readonly cpuinfo: string;
  /** Bytes of the first- and second-level data cache of one core, where known. */
  readonly cacheBytes?: readonly [first: number, second: number];
}

/** Linux' names of x86 features that kernels use, in the spelling of `__builtin_cpu_supports`. */
const x86Features: readonly (readonly [flag: string, feature: string])[] = [
  ["sse4_2", "sse4.2"],
  ["avx", "avx"],
  ["avx2", "avx2"],
  ["fma", "fma"],
  ["avx512f", "avx512f"],
  ["avx512bw", "avx512bw"],
  ["avx512dq", "avx512dq"],
  ["avx512vl", "avx512vl"],
];

interface VectorUnit {
  readonly lanes: number;
  readonly registers: number;
  /** Floating-point operations a cycle: two fused multiply-adds where the unit has them. */
  readonly flopsPerCycle: number;
}

function vectorUnit(architecture: string, features: ReadonlySet<string>): VectorUnit {
  const wide = ["avx512f", "avx512bw", "avx512dq", "avx512vl"];
  if (wide.every((feature) => features.has(feature))) {
    return { lanes: 16, registers: 32, flopsPerCycle: 64 };
  }
  if (features.has("avx2") && features.has("fma")) {
    return { lanes: 8, registers: 16, flopsPerCycle: 32 };
  }
  if (architecture === "arm64") return { lanes: 4, registers: 32, flopsPerCycle: 16 };
  return { lanes: 4, registers: 16, flopsPerCycle: 8 };
}

/** A core of a server of our days, where the machine does not say. */
const clock = 3.5e9;
const defaultCaches = [32 * 1024, 1024 * 1024] as const;

export function describeCpu({ architecture, cpuinfo, cacheBytes }: CpuFacts): CpuDescription {
  const flags = new Set(field(cpuinfo, "flags").split(/\s+/));
  const features = x86Features
    .filter(([flag]) => architecture === "x64" && flags.has(flag))
    .map(([, feature]) => feature);
  const unit = vectorUnit(architecture, new Set(features));
  const model = [
    field(cpuinfo, "vendor_id"),
    field(cpuinfo, "cpu family"),
    field(cpuinfo, "model"),
  ];
  return {
    name: "cpu",
    vectorLanes: unit.lanes,
    vectorRegisters: unit.registers,
    cacheBytes: cacheBytes ?? defaultCaches,
    peakFlops: unit.flopsPerCycle * clock,
    cacheBandwidth: 120e9,
    memoryBandwidth: 30e9,
    launchSeconds: 0.3e-6,
    taskSeconds: 10e-6,
    features,
    march: "native",
    prefersWideVectors: unit.lanes === 16,
    processor: [architecture, ...model, ...features].join(" "),
  };
}

/** A machine of which only the architecture is assumed: what any processor of its kind runs. */
export function baselineCpu(architecture: string): CpuDescription {
  const baseline = describeCpu({ architecture, cpuinfo: "" });
  return {
    ...baseline,
    march: architecture === "x64" ? "x86-64" : "armv8-a",
    processor: "baseline",
  };
}

/** The first line `name : value` of cpuinfo. */
function field(cpuinfo: string, name: string): string {
  for (const line of cpuinfo.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0 && line.slice(0, colon).trim() === name) return line.slice(colon + 1).trim();
  }
  return "";
}
