import { expect, test } from "vitest";
import {
  baselineCpu,
  cpuLevels,
  cpuOfLevel,
  describeCpu,
} from "../../compiler/targets/cpu/description.ts";

const cpuinfo = (flags: string, vendor = "AuthenticAMD", family = 26) =>
  `processor\t: 0\nvendor_id\t: ${vendor}\ncpu family\t: ${family}\nmodel\t\t: 2\nflags\t\t: ${flags}\n`;

const v2 = "fpu pni ssse3 sse4_1 sse4_2 popcnt";
const v3 = `${v2} avx avx2 fma bmi1 bmi2`;
const v4 = `${v3} avx512f avx512cd avx512bw avx512dq avx512vl`;

const describe = (architecture: string, flags: string) =>
  describeCpu({ architecture, cpuinfo: cpuinfo(flags) });

test("lanes, registers and flags of the compiler follow the highest level that is whole", () => {
  const unit = (architecture: string, flags: string) => {
    const cpu = describe(architecture, flags);
    return [cpu.march, cpu.vectorLanes, cpu.vectorRegisters];
  };
  expect(unit("x64", v4)).toEqual(["x86-64-v4", 16, 32]);
  expect(unit("x64", `${v3} avx512f`)).toEqual(["x86-64-v3", 8, 16]);
  expect(unit("x64", `${v2} avx`)).toEqual(["x86-64-v2", 4, 16]);
  expect(unit("x64", "fpu")).toEqual(["x86-64", 4, 16]);
  expect(unit("arm64", "fp asimd")).toEqual(["armv8-a", 4, 32]);
});

test("features are those of the level, as the addon spells them", () => {
  expect(describe("x64", `${v3} avx512f`).features).toEqual([
    "sse3",
    "ssse3",
    "sse4.1",
    "sse4.2",
    "popcnt",
    "avx",
    "avx2",
    "fma",
    "bmi",
    "bmi2",
  ]);
});

test("processors that differ have different keys", () => {
  expect(describe("x64", v3).processor).not.toBe(describe("x64", v4).processor);
  expect(baselineCpu("x64").features).toEqual([]);
  for (const level of cpuLevels("x64")) {
    expect(cpuOfLevel("x64", level)).toMatchObject({ march: level, processor: level });
  }
});

test("processors that split vectors of 512 bits do half as much a second", () => {
  const peak = (...of: Parameters<typeof cpuinfo>) =>
    describeCpu({ architecture: "x64", cpuinfo: cpuinfo(...of) }).peakFlops;
  const whole = peak(v4, "GenuineIntel", 6);
  expect(peak(v4, "AuthenticAMD", 26)).toBe(whole);
  expect(peak(v4, "AuthenticAMD", 25)).toBe(whole / 2);
  // Only theirs, and only vectors that are split: with 8 lanes both families do as much as any other.
  expect(peak(v4, "GenuineIntel", 25)).toBe(whole);
  expect(peak(v3, "AuthenticAMD", 25)).toBe(whole / 2);
  expect(peak(v3, "AuthenticAMD", 26)).toBe(whole / 2);
  const of = (family: number) =>
    describeCpu({ architecture: "x64", cpuinfo: cpuinfo(v4, "AuthenticAMD", family) });
  expect([of(25), of(26)].map(({ multiplyAdds }) => multiplyAdds)).toEqual([1, 2]);
  // C compilers take them for what they were before.
  expect([of(25), of(26)].map(({ mtune }) => mtune)).toEqual(["generic", "native"]);
  // What is not known counts as whole.
  const unnamed = describeCpu({ architecture: "x64", cpuinfo: `flags : ${v4}` });
  expect(unnamed.peakFlops).toBe(whole);
});
