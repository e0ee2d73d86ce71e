import { expect, test } from "vitest";
import { baselineCpu, describeCpu } from "../../compiler/targets/cpu/description.ts";

const cpuinfo = (flags: string) =>
  `processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 26\nmodel\t\t: 2\nflags\t\t: ${flags}\n`;

const avx2 = "fpu sse4_2 avx avx2 fma";

test("lanes and registers follow the vector unit", () => {
  const unit = (architecture: string, flags: string) => {
    const cpu = describeCpu({ architecture, cpuinfo: cpuinfo(flags) });
    return [cpu.vectorLanes, cpu.vectorRegisters];
  };
  expect(unit("x64", `${avx2} avx512f avx512bw avx512dq avx512vl`)).toEqual([16, 32]);
  expect(unit("x64", avx2)).toEqual([8, 16]);
  expect(unit("x64", "fpu sse4_2 avx")).toEqual([4, 16]);
  expect(unit("arm64", "fp asimd")).toEqual([4, 32]);
});

test("half of AVX-512 is not used", () => {
  expect(
    describeCpu({ architecture: "x64", cpuinfo: cpuinfo(`${avx2} avx512f`) }).vectorLanes,
  ).toBe(8);
});

test("features are spelled as the addon reports them", () => {
  const { features } = describeCpu({ architecture: "x64", cpuinfo: cpuinfo(avx2) });
  expect(features).toEqual(["sse4.2", "avx", "avx2", "fma"]);
});

test("processors that differ have different keys", () => {
  const key = (flags: string) =>
    describeCpu({ architecture: "x64", cpuinfo: cpuinfo(flags) }).processor;
  expect(key(avx2)).not.toBe(key(`${avx2} avx512f avx512bw avx512dq avx512vl`));
  expect(baselineCpu("x64").features).toEqual([]);
});
