/**
 * A built trainer, carried to another place, where there is neither nnc nor a compiler: as a program, as a typed
 * module, and on a machine that computes wrongly.
 */

import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { examples, lastJson, nnc, root, runNode, temporaryFolder } from "./nnc.ts";

const folder = temporaryFolder();
const place = join(folder, "another", "place");
/** No programs are found, no packages, and no settings of nnc. */
const environment = { PATH: "/nonexistent", HOME: folder };

const run = (trainer: string, ...argv: string[]) =>
  runNode([join(place, trainer, "trainer.js"), ...argv], { cwd: place, environment });

beforeAll(async () => {
  mkdirSync(place, { recursive: true });
  for (const name of ["digits", "functional"]) {
    const built = join(folder, "built", name);
    const outcome = await nnc(["build", join(examples, `${name}.nn`), "-o", built], {
      cwd: folder,
    });
    expect(outcome).toMatchObject({ code: 0, errors: "" });
    cpSync(built, join(place, name), { recursive: true });
  }
}, 120_000);

describe("as a program", () => {
  test("it trains, evaluates and predicts", async () => {
    const trained = lastJson(
      await run("digits", "--json", "--epochs", "1", "--data", examples, "--threads", "2"),
    );
    expect(trained).toMatchObject({ epochs: 1, updates: 469 });
    expect(trained.test.accuracy).toBeGreaterThan(0.88);
    const evaluated = lastJson(await run("digits", "--evaluate", "--json", "--data", examples));
    expect(evaluated).toEqual({ block: "test", ...trained.test });

    const images = join(examples, "data/mnist/t10k-images-idx3-ubyte.gz");
    const predicted = await run("digits", "--predict", images, "--output", "digits.csv");
    expect(predicted).toMatchObject({ code: 0, errors: "" });
    const rows = readFileSync(join(place, "digits.csv"), "utf8").trimEnd().split("\n");
    expect(rows).toHaveLength(10_001);
    // The first image shows a 7.
    const probabilities = rows[1]!.split(",").map(Number);
    expect(probabilities.indexOf(Math.max(...probabilities))).toBe(7);
  });

  test("it says where its data were, when they are gone", async () => {
    const source = join(folder, "gone");
    cpSync(join(examples, "digits.nn"), join(source, "digits.nn"), { recursive: true });
    const trainer = join(place, "moved");
    const built = await nnc(["build", join(source, "digits.nn"), "-o", trainer], { cwd: folder });
    expect(built.code).toBe(0);
    const first = await run("moved", "--epochs", "1");
    expect(first).toMatchObject({ code: 1, out: "" });
    expect(first.errors).toMatch(/^error: .*train-images-idx3-ubyte\.gz/);
    rmSync(source, { recursive: true });
    const second = await run("moved", "--epochs", "1");
    expect(second).toMatchObject({ code: 1, out: "" });
    expect(second.errors).toContain(`error: there is no folder ${source}`);
    expect(second.errors).toContain("--data DIR");
  });

  test("unknown options are errors with a hint", async () => {
    expect(await run("digits", "--epoch", "1")).toMatchObject({
      code: 1,
      errors: "error: unknown option --epoch\n  = did you mean --epochs?\n",
    });
  });

  test("it is small", () => {
    const sizes = readdirSync(join(place, "digits")).map(
      (name) => [name, statSync(join(place, "digits", name)).size] as const,
    );
    const total = sizes.reduce((sum, [, bytes]) => sum + bytes, 0);
    console.log(
      [...sizes, ["together", total] as const]
        .map(([name, bytes]) => `${bytes.toLocaleString("en").padStart(9)} bytes  ${name}`)
        .join("\n"),
    );
    expect(total).toBeLessThan(1_000_000);
  });
});

describe("the self-test", () => {
  test.each(["digits", "functional"])("of %s passes", async (name) => {
    const outcome = await run(name, "--selftest");
    expect(outcome).toMatchObject({ code: 0, errors: "" });
    expect(outcome.out).toMatch(/^self-test passed: \d+ values on cpu, 1 thread\n$/);
  });

  test.each(["output", "loss", "tensor"])(
    "fails where a figure of kind %s is another",
    async (kind) => {
      const trainer = join(place, `tampered-${kind}`);
      cpSync(join(place, "digits"), trainer, { recursive: true });
      const file = join(trainer, "trainer.js");
      const source = readFileSync(file, "utf8");
      const pattern = new RegExp(
        `(of: "${kind}",\\s+name: "([^"]+)"[^\\]]+\\],\\s+expected: \\[\\s*)([-.e\\d]+)`,
      );
      const [, , name, figure] = pattern.exec(source)!;
      writeFileSync(
        file,
        source.replace(pattern, (_, before) => `${before}${Number(figure) + 0.01}`),
      );
      const outcome = await run(`tampered-${kind}`, "--selftest");
      expect(outcome).toMatchObject({ code: 1, out: "" });
      expect(outcome.errors).toMatch(/^error: .* is .*, expected .* ± /);
      expect(outcome.errors).toContain(`error: ${name}[`);
    },
  );
});

describe("as a module", () => {
  const CONSUMER = `
import { setTimeout } from "node:timers/promises";
import { Tumour, type TumourData, type TumourMetrics, type TumourOutputs } from "./functional/trainer.js";

const rows = 48;
const features = (scale: number) =>
  Float32Array.from({ length: rows * 10 }, (_, i) => scale * Math.sin(i * i));
const data: TumourData = {
  mean_cells: features(1),
  worst_cells: features(2),
  target: Uint8Array.from({ length: rows }, (_, i) => i % 2),
  radius_error: Array.from({ length: rows }, (_, i) => i / rows),
};

const model = await Tumour.create({ threads: 2, seed: 5 });
const before: TumourMetrics = await model.testOnBatch(part(data, 0, 32));
const first: TumourMetrics = await model.trainOnBatch(part(data, 0, 32));
const history = await model.fit(data, { epochs: 40, batchSize: 16, validation: null, learningRate: 0.005 });
const after = await model.evaluate(data);
const outputs: TumourOutputs = await model.predict({
  mean_cells: data.mean_cells,
  worst_cells: data.worst_cells,
});
const probability: number = outputs.benign.data[0]!;
await model.save("tumour.safetensors");

const other = await Tumour.create({ threads: 1, seed: 6 });
await other.load("tumour.safetensors");
const again = await other.predict({ mean_cells: data.mean_cells, worst_cells: data.worst_cells });
const same = again.benign.data.every((value, i) => value === outputs.benign.data[i]);

let ticks = 0;
const ticking = (async () => { for (;;) { await setTimeout(1); ticks++; } })();
void ticking;
await model.fit(data, { epochs: 300, validation: null });

const wrong: string[] = [];
const attempt = async (action: () => Promise<unknown>) => {
  try { await action(); } catch (error) { wrong.push((error as Error).message); }
};
// @ts-expect-error: a column is missing
await attempt(() => model.fit({ mean_cells: data.mean_cells }));
// @ts-expect-error: no such column
await attempt(() => model.predict({ ...data, cells: [] }));
await attempt(() => model.predict({ mean_cells: features(1).subarray(1), worst_cells: features(2) }));
// @ts-expect-error: the model has no such output
const nothing = outputs.malignant;
// @ts-expect-error: no such option
await attempt(() => model.fit(data, { epoch: 3 }).then(() => {}));
// @ts-expect-error: a share of the rows is validation
await attempt(() => model.evaluate(data, { validation_split: 0.1 }));
// @ts-expect-error: nothing to learn from
await attempt(() => model.fit());
// @ts-expect-error: another type's value
await attempt(() => model.predict({ mean_cells: "cells.npy", worst_cells: features(2) }));
await attempt(() => model.load("tumour.safetensors", { parts: { Tumour: "Old" } }));
// @ts-expect-error: no such option
await attempt(() => Tumour.create({ cores: 2 }));
await attempt(() => Tumour.create({ device: "cuda" }));

console.log(JSON.stringify({
  before, first, after, epochs: history.epoch.length, losses: history.history.loss,
  shape: outputs.benign.shape, probability, same, ticks, wrong, nothing: nothing ?? null,
  summary: model.summary(),
}));
model.dispose();
other.dispose();
process.exit(0);

function part(all: TumourData, from: number, to: number): TumourData {
  const cut = (values: unknown, width: number) =>
    (values as Float32Array).slice(from * width, to * width);
  return {
    mean_cells: cut(all.mean_cells, 10),
    worst_cells: cut(all.worst_cells, 10),
    target: cut(all.target, 1),
    radius_error: cut(all.radius_error, 1),
  };
}
`;

  test("it is typed by the model's own inputs and outputs, and runs", async () => {
    writeFileSync(join(place, "consumer.mts"), CONSUMER);
    const compiled = await runNode(
      [
        join(root, "node_modules/typescript/bin/tsc"),
        ...["--strict", "--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes"],
        ...["--target", "es2022", "--module", "nodenext", "--lib", "es2023"],
        ...["--types", "node", "--typeRoots", join(root, "node_modules/@types")],
        ...["--outDir", ".", "consumer.mts"],
      ],
      { cwd: place },
    );
    expect(compiled.out).toBe("");
    const outcome = await runNode([join(place, "consumer.mjs")], { cwd: place, environment });
    expect(outcome).toMatchObject({ code: 0, errors: "" });
    const seen = JSON.parse(outcome.out);
    expect(Object.keys(seen.before)).toEqual(["loss", "accuracy", "mae"]);
    expect(seen.epochs).toBe(40);
    expect(seen.losses[39]).toBeLessThan(seen.losses[0]);
    expect(seen.after.loss).toBeLessThan(seen.before.loss);
    expect(seen.shape).toEqual([48, 1]);
    expect(seen.probability).toBeGreaterThan(0);
    expect(seen.same).toBe(true);
    // Node's own event loop went on while the model trained.
    expect(seen.ticks).toBeGreaterThan(2);
    expect(seen.summary).toContain('Model: "Tumour"');
    expect(seen.wrong).toEqual([
      expect.stringContaining("worst_cells"),
      expect.stringContaining("cells"),
      expect.stringContaining("mean_cells"),
      "fit has no option epoch",
      "evaluate has no option validation_split",
      "model Tumour takes an object with its columns, found undefined",
      expect.stringContaining('found the text "cells.npy"'),
      expect.stringContaining("tumour.safetensors"),
      "create has no option cores",
      "this trainer was built for cpu, not for cuda",
    ]);
  });

  test("its types need none of Node's", async () => {
    writeFileSync(
      join(place, "without-node.mts"),
      'import { Tumour } from "./functional/trainer.js";\nawait Tumour.create();\n',
    );
    const checked = await runNode(
      [
        join(root, "node_modules/typescript/bin/tsc"),
        ...["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--typeRoots", ".", "--lib"],
        ...["es2023,dom", "--target", "es2022", "--module", "nodenext", "without-node.mts"],
      ],
      { cwd: place },
    );
    expect(checked).toMatchObject({ code: 0, out: "" });
  });

  test("its source is strict TypeScript by itself", async () => {
    const source = readFileSync(join(place, "functional", "trainer.ts"), "utf8");
    const checkable = join(place, "functional", "checked.ts");
    writeFileSync(checkable, source.replace("// @ts-nocheck", "//"));
    const checked = await runNode(
      [
        join(root, "node_modules/typescript/bin/tsc"),
        ...["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext"],
        ...["--lib", "es2023", "--types", "node"],
        ...["--typeRoots", join(root, "node_modules/@types"), checkable],
      ],
      { cwd: join(place, "functional") },
    );
    expect(checked).toMatchObject({ code: 0, out: "" });
  });
});
