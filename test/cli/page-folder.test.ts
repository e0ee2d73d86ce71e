/** What is put beside a trainer to make it a page. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describePage, pageFolder, placeOf } from "../../compiler/cli/page-folder.ts";
import type { TrainerPlan } from "../../runtime/plan.ts";

const folder = mkdtempSync(join(tmpdir(), "nnc-page-"));
const write = (path: string, text: string) => {
  mkdirSync(join(folder, path, ".."), { recursive: true });
  writeFileSync(join(folder, path), text);
};

beforeAll(() => {
  write("nnc/dist/page/index.html", "<title>%MODEL%</title>");
  write("nnc/dist/page/page.js", "");
  write("models/README.md", "of the models");
  write("models/data/LICENSE", "of all data");
  write("models/data/a b/train.csv", "1\n2\n");
  write("models/data/a b/NOTICE.txt", "of these");
  write("models/data/a b/other.csv", "");
  write("elsewhere/test.csv", "3\n");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const source = (path: string) => ({
  column: { name: "x", dtype: "f32", shape: [] } as const,
  reader: "csv" as const,
  path,
  options: {},
});
const plan = {
  model: "Mine",
  data: {
    name: "d",
    blocks: {
      train: [source("data/a b/train.csv"), source("data/a b/train.csv")],
      test: [source("../elsewhere/test.csv"), source("data/gone.csv")],
    },
  },
} satisfies Pick<TrainerPlan, "model" | "data">;

test("the page, the data that is there, and its licences", () => {
  const page = pageFolder(plan, "mine", join(folder, "models"), { root: join(folder, "nnc") });
  expect(page.texts["index.html"]).toBe("<title>Mine</title>");
  expect(JSON.parse(page.texts["page.json"]!)).toEqual({
    name: "mine",
    files: [
      { path: "data/a b/train.csv", url: "data/a%20b/train.csv", bytes: 4 },
      { path: "../elsewhere/test.csv", url: "data/test.csv", bytes: 2 },
    ],
  });
  expect(Object.keys(page.copies).sort()).toEqual([
    "data/LICENSE",
    "data/a b/NOTICE.txt",
    "data/a b/train.csv",
    "data/test.csv",
    "page.js",
  ]);
  expect(page.missing).toEqual(["data/gone.csv"]);
  expect(describePage(page, "out/mine")).toContain(
    "not here, so the page asks for them: data/gone.csv",
  );
});

test("no file lies outside the page's folder, or on another's place", () => {
  expect(placeOf("train.csv", new Set())).toBe("data/train.csv");
  expect(placeOf("./data/x.csv", new Set())).toBe("data/x.csv");
  expect(placeOf("/etc/x.csv", new Set(["data/x.csv"]))).toBe("data/x-2.csv");
  expect(placeOf("a/../../x.csv", new Set(["data/x.csv", "data/x-2.csv"]))).toBe("data/x-3.csv");
});

test("a copy of nnc that was not built says so", () => {
  const build = () => pageFolder(plan, "mine", folder, { root: folder });
  expect(build).toThrow("the page is missing in this copy of nnc");
});
