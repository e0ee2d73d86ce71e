/** Numbers, names and messages as people read them. */

import { describe, expect, test } from "vitest";
import { DataError } from "../../runtime/data/data-error.ts";
import { DeviceLostError } from "../../runtime/devices/device.ts";
import {
  formatAgo,
  formatClock,
  formatPercent,
  formatRate,
  formatSize,
  plural,
  quantityName,
} from "../../runtime/page/format.ts";
import { matchFiles } from "../../runtime/page/match-files.ts";
import { rankClasses } from "../../runtime/page/rank-classes.ts";
import { RateMeter } from "../../runtime/page/rate.ts";
import { checkSetting, settingRules } from "../../runtime/page/settings-rules.ts";
import { type BrowserFacts, findObstacle, noAdapter } from "../../runtime/page/support.ts";
import { describeProblem, sentence } from "../../runtime/page/worker/problems.ts";
import { TrainingError } from "../../runtime/training/error.ts";

test("times", () => {
  expect([0, 7.4, 59.6, 185, 7620].map(formatClock)).toEqual([
    "0:00",
    "0:07",
    "1:00",
    "3:05",
    "2:07:00",
  ]);
  const now = Date.UTC(2026, 10, 22, 12);
  const ago = (seconds: number) => formatAgo(now - 1000 * seconds, now);
  expect([5, 300, 7200, 90_000, 30 * 86_400].map(ago)).toEqual([
    "just now",
    "5 minutes ago",
    "2 hours ago",
    "yesterday",
    "on 2026-10-23",
  ]);
});

test("quantities", () => {
  expect([0, 999, 1000, 28_881, 9_912_422, 123_456_789].map(formatSize)).toEqual([
    "0 B",
    "999 B",
    "1.0 kB",
    "29 kB",
    "9.9 MB",
    "123 MB",
  ]);
  expect([3.14, 99, 1234.5, 385_123].map(formatRate)).toEqual([
    "3.1/s",
    "99/s",
    "1,230/s",
    "385,000/s",
  ]);
  expect(formatPercent(0.98349)).toBe("98.3 %");
  expect(quantityName("val_mean_absolute_error")).toBe("mean absolute error");
  expect([plural(1, "epoch"), plural(2000, "row")]).toEqual(["1 epoch", "2,000 rows"]);
});

test("the rate is that of the last seconds", () => {
  const meter = new RateMeter();
  expect(meter.rate).toBeUndefined();
  meter.record(0, 0);
  expect(meter.rate).toBeUndefined();
  for (let second = 1; second <= 20; second++) meter.record(second, 100);
  expect(meter.rate).toBeCloseTo(100);
  for (let second = 21; second <= 40; second++) meter.record(second, 10);
  expect(meter.rate).toBeCloseTo(10);
});

describe("files by their names", () => {
  const paths = ["data/train.csv", "data/test.csv.gz", "other/train.csv"];
  const match = (names: readonly string[], missing: readonly string[]) => {
    const { matched, unknown } = matchFiles(
      names.map((name) => ({ name })),
      paths,
      missing,
    );
    return [matched.map(([path, { name }]) => [name, path]), unknown.map(({ name }) => name)];
  };

  test("in any case, packed or not", () => {
    expect(match(["Test.csv", "TRAIN.csv.gz"], [])).toEqual([
      [
        ["Test.csv", paths[1]],
        ["TRAIN.csv.gz", paths[0]],
      ],
      [],
    ]);
  });

  test("the missing one of those of a name", () => {
    expect(match(["train.csv"], ["other/train.csv"])).toEqual([[["train.csv", paths[2]]], []]);
  });

  test("a single file of another name stands for the single one that is missing", () => {
    expect(match(["copy of test.csv"], ["data/test.csv.gz"])).toEqual([
      [["copy of test.csv", paths[1]]],
      [],
    ]);
    expect(match(["a.csv", "b.csv"], ["data/test.csv.gz"])).toEqual([[], ["a.csv", "b.csv"]]);
    expect(match(["a.csv"], [])).toEqual([[], ["a.csv"]]);
  });
});

describe("settings", () => {
  const rules = settingRules({ batchMax: 128, hypers: { learning_rate: 0.001 } });
  const check = (name: string, text: string) =>
    checkSetting(rules.find((rule) => rule.name === name)!, text);

  test("are those of the plan", () => {
    expect(rules.map(({ name }) => name)).toEqual([
      "epochs",
      "batch_size",
      "learning_rate",
      "seed",
    ]);
  });

  test("say what is wrong with them", () => {
    expect(check("epochs", "5")).toBeUndefined();
    expect(check("learning_rate", "1e-4")).toBeUndefined();
    expect(check("epochs", "2.5")).toBe("The epochs must be a whole number from 1 to 100,000.");
    expect(check("batch_size", "256")).toBe(
      "The batch size must be a whole number from 1 to 128: the trainer was built for batches of up to that.",
    );
    expect(check("learning_rate", "")).toBe("The learning rate must be a number of at least 0.");
  });
});

describe("classes", () => {
  const output = (values: readonly number[], dtype: "f32" | "i32" = "f32") => ({
    name: "y",
    dtype,
    shape: [values.length],
    data: Float32Array.from(values),
  });

  test("shares are shown as such", () => {
    const ranking = rankClasses(output([0.25, 0.5, 0.25]))!;
    expect(ranking.areShares).toBe(true);
    expect(ranking.classes[0]).toEqual({ index: 1, value: 0.5, length: 0.5 });
  });

  test("scores run from the least to the largest", () => {
    const ranking = rankClasses(output([-2, 6, 2]))!;
    expect(ranking.areShares).toBe(false);
    expect(ranking.classes).toEqual([
      { index: 1, value: 6, length: 1 },
      { index: 2, value: 2, length: 0.5 },
      { index: 0, value: -2, length: 0 },
    ]);
  });

  test("numbers are none", () => {
    expect(rankClasses(output([3]))).toBeUndefined();
    expect(rankClasses(output([1, 2], "i32"))).toBeUndefined();
    expect(rankClasses({ ...output([1, 2, 3, 4]), shape: [2, 2] })).toBeUndefined();
  });
});

describe("browsers that cannot", () => {
  const able: BrowserFacts = {
    isSecureContext: true,
    hasGpu: true,
    hasModuleWorkers: true,
    userAgent:
      "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36",
    address: "https://example.org",
  };

  test("are told what to do", () => {
    expect(findObstacle(able)).toBeUndefined();
    expect(findObstacle({ ...able, hasGpu: false })?.advice).toContain("Chrome or Edge");
    const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0";
    expect(findObstacle({ ...able, hasGpu: false, userAgent: firefox })?.advice).toContain(
      "Update Firefox",
    );
    const iphone =
      "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Mobile Safari/604.1";
    expect(findObstacle({ ...able, hasGpu: false, userAgent: iphone })?.advice).toContain("iOS");
    expect(noAdapter(able.userAgent).advice).toContain("chrome://gpu");
    expect(noAdapter(firefox).advice).toContain("about:support");
  });

  test("and why, where the page is not secure", () => {
    const problem = findObstacle({
      ...able,
      isSecureContext: false,
      hasGpu: false,
      address: "http://nas:8000",
    });
    expect(problem?.title).toContain("secure pages only");
    expect(problem?.detail).toContain("http://nas:8000");
  });
});

describe("problems in words", () => {
  test("of data, of training, of devices, of ours", () => {
    const problem = {
      file: "a.csv",
      place: "line 3",
      expected: "a number",
      found: '"x"',
      hint: "correct it",
    };
    expect(describeProblem(new DataError(problem), "a.csv cannot be used")).toEqual({
      title: "a.csv cannot be used",
      detail: 'a.csv, line 3: expected a number, found "x".',
      advice: "Correct it.",
    });
    expect(
      describeProblem(new TrainingError("the data has no rows", "give some"), "It stopped"),
    ).toEqual({
      title: "It stopped",
      detail: "The data has no rows.",
      advice: "Give some.",
    });
    expect(describeProblem(new DeviceLostError("gone"), "x").title).toBe(
      "The graphics processor was lost",
    );
    expect(describeProblem(new RangeError("1 > 0"), "x").advice).toContain("report it");
  });

  test("begin with a capital and end with a stop, names of files apart", () => {
    expect(sentence("the loss is gone")).toBe("The loss is gone.");
    expect(sentence("train.csv is empty")).toBe("train.csv is empty.");
    expect(sentence("Why?")).toBe("Why?");
  });
});
