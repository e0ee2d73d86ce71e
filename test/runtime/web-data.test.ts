/** Data files as pages get them: bytes by path. The readers themselves are tested in `data/`. */

import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { ColumnSource, DataPlan, TrainerPlan } from "../../runtime/plan.ts";
import { dataFiles, loadData } from "../../runtime/web-data.ts";
import { linePlan } from "../trainer/small-wgsl-program.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function source(name: string, reader: ColumnSource["reader"], path: string): ColumnSource {
  return { column: { name, dtype: "f32", shape: [] }, reader, path, options: {} };
}

function planOf(blocks: DataPlan["blocks"]): TrainerPlan {
  return { ...linePlan, data: { name: "line", blocks } };
}

/** Gives the files, and notes which were asked for. */
function filesOf(files: Readonly<Record<string, Uint8Array>>) {
  const asked: string[] = [];
  const read = async (path: string) => {
    asked.push(path);
    const found = files[path];
    if (found === undefined) throw new Error("404 Not Found");
    return found;
  };
  return { asked, read };
}

const csv = bytes("x,y,z\n1,2,9\n3,4,9\n");

describe("the data of a block", () => {
  const train = ["x", "y"].map((name) => source(name, "csv", "line.csv"));

  it("are the columns that the model reads, in the form that it takes", async () => {
    const plan = planOf({ train: [...train, source("z", "csv", "other.csv")] });
    const { asked, read } = filesOf({ "line.csv": csv });
    expect(dataFiles(plan, "train")).toEqual(["line.csv"]);
    expect(await loadData(plan, "train", read)).toEqual({
      x: { data: Float32Array.of(1, 3), shape: [2] },
      y: { data: Float32Array.of(2, 4), shape: [2] },
    });
    expect(asked).toEqual(["line.csv"]);
  });

  it("may be packed, each file for itself", async () => {
    const plan = planOf({
      train: [source("x", "csv", "line.csv.gz"), source("y", "jsonl", "y.jsonl")],
    });
    const { read } = filesOf({
      "line.csv.gz": gzipSync(csv),
      "y.jsonl": bytes('{"y": 5}\n{"y": 6}\n'),
    });
    expect(await loadData(plan, "train", read)).toMatchObject({
      x: { data: Float32Array.of(1, 3) },
      y: { data: Float32Array.of(5, 6) },
    });
  });

  it.each([
    ["cut short", gzipSync(csv).subarray(0, 30)],
    ["changed", gzipSync(csv).map((byte, i) => (i === 20 ? byte ^ 255 : byte))],
    ["followed by something else", Buffer.concat([gzipSync(csv), bytes("more")])],
  ])("is refused where a packed file was %s", async (_, damaged) => {
    const { read } = filesOf({ "line.csv": damaged });
    await expect(loadData(planOf({ train }), "train", read)).rejects.toMatchObject({
      name: "DataError",
      problem: { file: "line.csv", expected: "a whole gzip file" },
    });
  });

  it("names a file that cannot be had, a block that is not there, and a line that is wrong", async () => {
    const plan = planOf({ train });
    const { read } = filesOf({});
    await expect(loadData(plan, "train", read)).rejects.toThrow(
      "line.csv: expected a file that can be read, found 404 Not Found",
    );
    await expect(loadData(plan, "test", read)).rejects.toThrow("found train");
    const wrong = filesOf({ "line.csv": bytes("x,y\n1,2\n3,many\n") });
    await expect(loadData(plan, "train", wrong.read)).rejects.toMatchObject({
      problem: { file: "line.csv", place: 'line 3, column "y"', found: '"many"' },
    });
  });
});
