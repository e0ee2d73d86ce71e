/** What is begun while kernels are compiled is handed over once, and only to whoever asks for just that. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it, vi } from "vitest";
import { EarlyStart } from "../../compiler/cli/early-start.ts";
import { instantiateProgram } from "../../compiler/trainer/instantiate.ts";
import { readColumns } from "../../runtime/data/read-columns.ts";
import type { ColumnSource } from "../../runtime/plan.ts";
import { processEnvironment } from "../../runtime/training/command/environment.ts";
import { smallProgram } from "../trainer/small-program.ts";

const dataFolder = mkdtempSync(join(tmpdir(), "early-start-"));
afterAll(() => rmSync(dataFolder, { recursive: true }));

const column = { name: "x", dtype: "f32", shape: [] } as const;
const options = { column: "x" };
const source: ColumnSource = { column, reader: "csv", path: "rows.csv", options };
const data = { name: "rows", blocks: { train: [source], test: [source] } };
const program = { ...smallProgram, plan: { ...smallProgram.plan, data } };

function environmentOf() {
  const definition = instantiateProgram(program);
  const initialize = vi.fn(definition.initialize);
  const read = vi.fn(readColumns);
  const environment = {
    ...processEnvironment(),
    definition: { ...definition, initialize },
    name: "line",
    dataFolder,
    openDevice: () => Promise.reject(new Error("there is none")),
    readColumns: read,
  };
  return { environment, initialize, read };
}

it("hands over values of the seed and the training data, once", async () => {
  writeFileSync(join(dataFolder, "rows.csv"), "x\n1\n2\n");
  const { environment, initialize, read } = environmentOf();
  const early = new EarlyStart(dataFolder, 500);
  early.begin(instantiateProgram(program));
  const { definition, readColumns: readEarly } = early.handOver(environment);
  expect(definition.initialize(500)["Line/w"]).toEqual(Float32Array.of(1));
  expect(initialize).not.toHaveBeenCalled();
  expect(definition.initialize(500)["Line/w"]).toEqual(Float32Array.of(1));
  expect(initialize).toHaveBeenCalledOnce();
  const [x] = await readEarly(data.blocks.train, dataFolder);
  expect(x?.data).toEqual(Float32Array.of(1, 2));
  expect(read).not.toHaveBeenCalled();
  await readEarly(data.blocks.train, dataFolder);
  expect(read).toHaveBeenCalledOnce();
});

it("does not hand them over for another seed or block", async () => {
  writeFileSync(join(dataFolder, "rows.csv"), "x\n1\n2\n");
  const { environment, initialize, read } = environmentOf();
  const early = new EarlyStart(dataFolder, undefined);
  early.begin(instantiateProgram(program));
  const handed = early.handOver(environment);
  expect(handed.definition.initialize(500)["Line/w"]).toEqual(Float32Array.of(1));
  expect(initialize).toHaveBeenCalledOnce();
  await handed.readColumns(data.blocks.test, dataFolder);
  expect(read).toHaveBeenCalledOnce();
});

it("says what is wrong with the data when they are asked for", async () => {
  rmSync(join(dataFolder, "rows.csv"), { force: true });
  const early = new EarlyStart(dataFolder, undefined);
  early.begin(instantiateProgram(program));
  const { readColumns: readEarly } = early.handOver(environmentOf().environment);
  await new Promise((resolve) => setImmediate(resolve));
  await expect(readEarly(data.blocks.train, dataFolder)).rejects.toThrow("rows.csv");
});

it("leaves everything as it is where nothing was begun", () => {
  const { environment } = environmentOf();
  expect(new EarlyStart(dataFolder, 1).handOver(environment)).toBe(environment);
});
