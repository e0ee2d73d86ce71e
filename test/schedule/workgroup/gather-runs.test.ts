/** Rows that data choose are read four elements at a time, where they lie so. */

import { expect, test } from "vitest";
import { describeCuda } from "../../../compiler/targets/cuda/description.ts";
import { printCuda } from "../../../compiler/targets/cuda/print-module.ts";
import { gathersCase, type LookupSizes } from "../gather-cases.ts";
import { scheduleCase } from "../schedule-case.ts";

function printed(units: number): string {
  const sizes: LookupSizes = { words: 20, units, steps: 8, n: 4, batchMax: 4 };
  const { program } = scheduleCase(gathersCase(sizes), describeCuda(), true);
  const options = { source: "test.nn", batchMax: sizes.batchMax };
  return printCuda([{ architecture: "sm_80", module: program.module }], options).sources[0]!;
}

test("where rows are multiples of four elements", () => {
  expect(printed(40)).toMatch(/nnc_load_f32x4\(&table\[place/);
});

test("and one by one where they are not", () => {
  expect(printed(41)).not.toMatch(/nnc_load_f32x4\(&table\[place/);
});
