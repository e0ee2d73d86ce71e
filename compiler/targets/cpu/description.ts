/**
 * The CPU as a target: which vector units it has and what rates to expect of them. Pure: whoever calls passes
 * the text of `/proc/cpuinfo` and what the system says of caches, so that a description can be made, and tested,
 * for any machine.
 */

import { invariant } from "../../diagnostics/diagnostic.ts";
import type { TargetDescription } from "../../optimize/target-description.ts";

export interface CpuDescription extends TargetDescription {
  readonly name: "cpu";
  /** What kernels may use, in the spelling of `__builtin_cpu_supports`; what a trainer checks for. */
  readonly features: readonly string[];
  /** As `-march` takes it. */
  readonly march: string;
  /**
   * As `-mtune` takes it: `native` if the machine described is the one that compiles, and C compilers know what it takes.
   * For Zen 4 GCC 12 counts by Zen 3, which has no vectors of 512 bits: it loads a tile's columns again for each of up to
   * four rows, which takes a third longer.
   */
  readonly mtune: "native" | "generic";
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
  /** Bytes of the cache that cores share, where known. */
  readonly sharedCacheBytes?: number;
}

/**
 * What a compiler may use of an x86 processor, by the levels of its psABI: code for a level runs on every
 * processor that has the level's features, so a trainer can be carried to another machine and checked there.
 * Features are given as Linux names them and as `__builtin_cpu_supports` does.
 */
interface Level {
  readonly march: string;
  readonly unit: VectorUnit;
  /** Beyond those of the levels below. */
  readonly features: readonly (readonly [flag: string, feature: string])[];
}

interface VectorUnit {
  readonly lanes: number;
  readonly registers: number;
  /** Floating-point operations a cycle, a multiply-add counted as two: what the level's processors do at their best. */
  readonly flopsPerCycle: number;
}

const sse: VectorUnit = { lanes: 4, registers: 16, flopsPerCycle: 8 };
const neon: VectorUnit = { lanes: 4, registers: 32, flopsPerCycle: 16 };

const x86Levels: readonly Level[] = [
  { march: "x86-64", unit: sse, features: [] },
  {
    march: "x86-64-v2",
    unit: sse,
    features: [
      ["pni", "sse3"],
      ["ssse3", "ssse3"],
      ["sse4_1", "sse4.1"],
      ["sse4_2", "sse4.2"],
      ["popcnt", "popcnt"],
    ],
  },
  {
    march: "x86-64-v3",
    unit: { lanes: 8, registers: 16, flopsPerCycle: 32 },
    features: [
      ["avx", "avx"],
      ["avx2", "avx2"],
      ["fma", "fma"],
      ["bmi1", "bmi"],
      ["bmi2", "bmi2"],
    ],
  },
  {
    march: "x86-64-v4",
    unit: { lanes: 16, registers: 32, flopsPerCycle: 64 },
    features: [
      ["avx512f", "avx512f"],
      ["avx512cd", "avx512cd"],
      ["avx512bw", "avx512bw"],
      ["avx512dq", "avx512dq"],
      ["avx512vl", "avx512vl"],
    ],
  },
];

interface Abilities {
  readonly march: string;
  readonly unit: VectorUnit;
  readonly features: readonly string[];
}

/** The highest level all of whose features are there. */
function abilitiesOf(architecture: string, flags: ReadonlySet<string>): Abilities {
  if (architecture !== "x64") {
    return { march: architecture === "arm64" ? "armv8-a" : "native", unit: neon, features: [] };
  }
  let best: Abilities = { march: "x86-64", unit: sse, features: [] };
  for (const { march, unit, features } of x86Levels) {
    if (!features.every(([flag]) => flags.has(flag))) break;
    best = { march, unit, features: [...best.features, ...features.map(([, name]) => name)] };
  }
  return best;
}

/**
 * Processors of family 25 of AMD (Zen 4) issue a vector of 512 bits to their units of 256 bits in two cycles: two fused
 * multiply-adds of 8 lanes a cycle are what they do. From family 26 (Zen 5) on the units are as wide as the registers
 * (AMD, "Software Optimization Guide for the AMD Zen4 Microarchitecture", 57647, section 2.11). Others count as whole.
 */
function splitsVectors({ lanes }: VectorUnit, cpuinfo: string): boolean {
  const isZen4 =
    field(cpuinfo, "vendor_id") === "AuthenticAMD" && field(cpuinfo, "cpu family") === "25";
  return isZen4 && lanes > widestSplit;
}

function flopsPerCycleOf(unit: VectorUnit, cpuinfo: string): number {
  const { lanes, flopsPerCycle } = unit;
  return splitsVectors(unit, cpuinfo) ? (flopsPerCycle * widestSplit) / lanes : flopsPerCycle;
}

/** Lanes of the units that split wider vectors. */
const widestSplit = 8;

/** A core of a server of our days, where the machine does not say. */
const clock = 3.5e9;
const defaultCaches = [32 * 1024, 1024 * 1024] as const;
const defaultSharedCache = 16 * 2 ** 20;

export function describeCpu({
  architecture,
  cpuinfo,
  cacheBytes,
  sharedCacheBytes,
}: CpuFacts): CpuDescription {
  const flags = new Set(field(cpuinfo, "flags").split(/\s+/));
  const { march, unit, features } = abilitiesOf(architecture, flags);
  const flopsPerCycle = flopsPerCycleOf(unit, cpuinfo);
  const names = ["vendor_id", "cpu family", "model"].map((name) => field(cpuinfo, name));
  return {
    name: "cpu",
    vectorLanes: unit.lanes,
    vectorRegisters: unit.registers,
    cacheBytes: cacheBytes ?? defaultCaches,
    peakFlops: flopsPerCycle * clock,
    multiplyAdds: flopsPerCycle / (2 * unit.lanes),
    cacheBandwidth: 120e9,
    sharedCache: { bytes: sharedCacheBytes ?? defaultSharedCache, bandwidth: 80e9 },
    memoryBandwidth: 30e9,
    launchSeconds: 0.3e-6,
    taskSeconds: 5e-6,
    winograd: true,
    workgroup: null,
    arenaAlignment: 64,
    wordsOnly: false,
    features,
    march,
    mtune: cpuinfo === "" || splitsVectors(unit, cpuinfo) ? "generic" : "native",
    prefersWideVectors: unit.lanes === 16,
    processor: [architecture, ...names, ...features].join(" "),
  };
}

/** A machine of which only the architecture is assumed: what any processor of its kind runs. */
export function baselineCpu(architecture: string): CpuDescription {
  return { ...describeCpu({ architecture, cpuinfo: "" }), processor: "baseline" };
}

/** The levels that can be compiled for whatever the machine, lowest first. */
export function cpuLevels(architecture: string): readonly string[] {
  return architecture === "x64"
    ? x86Levels.map(({ march }) => march)
    : [baselineCpu(architecture).march];
}

/** Any machine of a level. */
export function cpuOfLevel(architecture: string, level: string): CpuDescription {
  const count = cpuLevels(architecture).indexOf(level) + 1;
  invariant(count > 0, `${level} is no level of ${architecture}`);
  const flags = x86Levels.slice(0, count).flatMap(({ features }) => features.map(([flag]) => flag));
  const cpuinfo = `flags : ${flags.join(" ")}`;
  return { ...describeCpu({ architecture, cpuinfo }), mtune: "generic", processor: level };
}

/** The first line `name : value` of cpuinfo. */
function field(cpuinfo: string, name: string): string {
  for (const line of cpuinfo.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0 && line.slice(0, colon).trim() === name) return line.slice(colon + 1).trim();
  }
  return "";
}
