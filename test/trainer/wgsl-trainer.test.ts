/** Trainers for WebGPU: readable or small, and the same class, command line and files as on the CPU. */

import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { instantiateProgram } from "../../compiler/trainer/instantiate.ts";
import { compactText, compactWgsl } from "../../compiler/trainer/wgsl-text.ts";
import { openNullDevice } from "../dawn.ts";
import { hasGpu, needsGpu } from "../runtime/devices/webgpu/software-gpu.ts";
import { lineKernels, linePlan, smallWgslProgram } from "./small-wgsl-program.ts";
import { lineFiles, linkWebGpu, writeLineTrainer } from "./wgsl-folder.ts";

const files = lineFiles(smallWgslProgram);

describe("the files", () => {
  it("are a class with the model's types, and what a page needs to show the model", () => {
    const declarations = files["trainer.d.ts"]!;
    expect(declarations).toContain("static create(options?: nnc.WebGpuOptions): Promise<Line>;");
    expect(declarations).toContain("export declare const definition: nnc.TrainerDefinition;");
    expect(JSON.parse(files["package.json"]!)).toMatchObject({
      main: "trainer.js",
      optionalDependencies: { webgpu: expect.any(String) },
    });
  });

  it("have the kernels as text to read, with line breaks and comments", () => {
    expect(files["trainer.ts"]).toContain("  // One update\n  let rate = ");
  });

  it("have them without comments and needless blanks in the module to load", () => {
    const script = files["trainer.js"]!;
    expect(script).toContain("fn line(w:f32,b:f32,x:f32)->f32{return w*x+b;}");
    expect(script).not.toContain("One update");
    expect(script.split("\n")[0]).toMatch(/^\/\/ Line, built by nnc .*trainer\.ts/);
  });

  it("start the command line without waiting for it, as bundlers for pages do not wait", () => {
    for (const name of ["trainer.ts", "trainer.js"]) {
      const text = files[name]!;
      expect(text).toContain("void nnc.runIfMain(definition, import.meta.url, {");
      expect(text).not.toMatch(/^await /m);
    }
  });
});

describe("compact text", () => {
  it.each([
    ["a; // b\n\n  c;\n", "a;c;"],
    ["// only\n", ""],
    ["x = a / b; // c // d", "x=a/b;"],
    ["let a /* why */ = b;", "let a=b;"],
    ["let a/**/b", "let a b"],
    ["a /* b // */ c", "a c"],
    ["// a /* b\nc", "c"],
    ["a /* b /* c */ d */ e", "a /* b /* c */ d */ e"],
    ["a - -b + +c < (d) & !e", "a- -b+ +c<(d)& !e"],
    ["var<storage, read> x: array<i32>;", "var<storage,read>x:array<i32>;"],
    ["if (a) { return 1.0 ; }", "if(a){return 1.0;}"],
  ])("of %j", (text, expected) => expect(compactText(text)).toBe(expected));

  it("is the same program to a compiler", async () => {
    const dawn = await openNullDevice();
    expect(await dawn.validateWgsl(compactWgsl(lineKernels))).toEqual([]);
    dawn.close();
  });
});

describe.runIf(hasGpu)(`in Node ${needsGpu}`, () => {
  let place = "";
  const folder = () => join(place, "line");

  const run = (script: string, ...argv: string[]) =>
    new Promise<{ code: unknown; out: string; errors: string }>((resolve) => {
      execFile(
        process.execPath,
        [join(folder(), script), ...argv],
        { cwd: place, timeout: 120_000 },
        (error, out, errors) => resolve({ code: error?.code ?? error?.signal ?? 0, out, errors }),
      );
    });

  /** Runs statements that have the class, its model and rows of y = 2x − 1; gives what they `show`. */
  async function runModule(statements: string): Promise<unknown[]> {
    const head = `
      import { definition, Line } from "./trainer.js";
      import * as nnc from "./runtime.js";
      import { setTimeout } from "node:timers/promises";
      const x = Float32Array.from({ length: 37 }, (_, i) => ((i * 7) % 37) / 37);
      const data = { x, y: x.map((value) => 2 * value - 1) };
      const show = (value) => console.log(JSON.stringify(value));
    `;
    writeFileSync(join(folder(), "use.mjs"), `${head}${statements}`);
    const { code, out, errors } = await run("use.mjs");
    expect({ code, errors }).toEqual({ code: 0, errors: "" });
    return out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
  }

  beforeAll(async () => {
    place = mkdtempSync(join(tmpdir(), "wgsl-trainer-"));
    linkWebGpu(place);
    await writeLineTrainer(folder(), smallWgslProgram);
    mkdirSync(join(folder(), "data"));
    const rows = Array.from({ length: 40 }, (_, i) => `${i / 40},${(2 * i) / 40 - 1}\n`);
    writeFileSync(join(folder(), "data", "line.csv"), `x,y\n${rows.join("")}`);
  });
  afterAll(() => rmSync(place, { recursive: true, force: true }));

  it("holds the program that was compiled", async () => {
    const [plan, functions] = await runModule(`
      show(definition.plan);
      show([Object.keys(definition.wgsl.graphs), [...definition.initialize(3).w]]);
    `);
    expect(plan).toEqual(linePlan);
    expect(functions).toEqual([Object.keys(lineKernels.graphs), [0.5]]);
    expect(instantiateProgram(smallWgslProgram, { wgsl: lineKernels }).initialize(3)).toEqual({
      w: Float32Array.of(0.5),
    });
  });

  it("trains, evaluates and predicts as a module", async () => {
    const [device, losses, after, prediction] = await runModule(`
      const compiled = [];
      const model = await Line.create({ seed: 1, onProgress: (done, all) => compiled.push([done, all]) });
      show(model.device);
      show((await model.fit(data)).history.loss);
      show((await model.evaluate(data)).loss);
      const { prediction } = await model.predict({ x: [0.5] });
      show([prediction.data[0], prediction.shape, compiled.at(-1)]);
      model.dispose();
    `);
    expect(device).toMatch(/^webgpu, /);
    expect(losses).toHaveLength(20);
    expect(after).toBeLessThan(1e-3);
    expect(prediction).toEqual([expect.closeTo(0, 1), [1], [3, 3]]);
  });

  it("goes on bit for bit after a pause, though the model was used in between", async () => {
    const [unbroken, paused, resumed] = await runModule(`
      const whole = await Line.create();
      show((await whole.fit(data, { epochs: 6 })).history.loss);
      whole.dispose();
      const model = await Line.create();
      const pause = new AbortController();
      const seen = [];
      const first = await model.fit(data, {
        epochs: 6,
        signal: pause.signal,
        callbacks: [{ name: "batch by batch", batchesUntilCall: () => 1 }],
        onProgress: (progress) => {
          seen.push(progress);
          if (progress.epoch === 2 && progress.batch >= 2) pause.abort();
        },
      });
      const { epoch, position } = model.state;
      await model.evaluate(data);
      await model.predict({ x });
      await model.selfTest();
      const { samplesPerSecond, logs } = seen.at(-1);
      show([first.epoch.length, epoch, position > 0, samplesPerSecond > 0, Object.keys(logs)]);
      show((await model.fit(data, { epochs: 6, resume: true })).history.loss);
      model.dispose();
    `);
    expect(paused).toEqual([2, 2, true, true, ["loss"]]);
    expect(resumed).toEqual(unbroken);
  });

  it("predicts and evaluates while it trains, without a trace in the training", async () => {
    const [unbroken, losses, during] = await runModule(`
      const whole = await Line.create();
      show((await whole.fit(data, { epochs: 30 })).history.loss);
      const model = await Line.create();
      let training = true;
      const fit = model.fit(data, { epochs: 30 }).finally(() => { training = false; });
      let used = 0;
      while (training) {
        await model.predict({ x: [1] });
        await model.evaluate({ x: [1], y: [1] });
        used++;
      }
      show((await fit).history.loss);
      const again = model.fit(data, { epochs: 30 });
      const refused = await model.checkpoint().catch((error) => error.message);
      await again;
      show([used > 1, refused]);
      model.dispose();
      whole.dispose();
    `);
    expect(losses).toEqual(unbroken);
    expect(during).toEqual([true, "checkpoint was called while fit runs"]);
  });

  it("gives weights and checkpoints as bytes and as files", async () => {
    const [predictions, losses, wrong] = await runModule(`
      const model = await Line.create();
      await model.fit(data, { epochs: 3, checkpoint: "line-module.safetensors" });
      const weights = await model.weights();
      const other = await Line.create({ seed: 9 });
      await other.setWeights(weights);
      const predicted = async (m) => [...(await m.predict({ x: [0.25, 0.5] })).prediction.data];
      show([await predicted(model), await predicted(other)]);
      const continued = await Line.create();
      await continued.restore(await model.checkpoint());
      const fromFile = await Line.create();
      await fromFile.resume("line-module.safetensors");
      const rest = { epochs: 5 };
      const a = (await continued.fit(data, rest)).history.loss;
      const b = (await fromFile.fit(data, rest)).history.loss;
      show([a.length, a.every((loss, i) => loss === b[i])]);
      weights[weights.length - 1] ^= 1;
      show(await other.setWeights(weights).catch((error) => [error.name, error.message]));
      for (const m of [model, other, continued, fromFile]) m.dispose();
    `);
    expect((predictions as number[][])[0]).toEqual((predictions as number[][])[1]);
    expect(losses).toEqual([5, true]);
    expect(wrong).toEqual(["DataError", expect.stringContaining("match their checksum")]);
  });

  it("is the command line, too", async () => {
    expect(await run("trainer.js", "--selftest")).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^self-test passed: 4 values on webgpu, .*\n$/),
    });
    const trained = await run("trainer.js", "--epochs", "3", "--json");
    expect(trained).toMatchObject({ code: 0, errors: "" });
    const lines = trained.out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines).toHaveLength(4);
    expect(lines[3]).toMatchObject({
      epochs: 3,
      updates: 15,
      checkpoint: "line.checkpoint.safetensors",
    });
    const resumed = await run("trainer.js", "--epochs", "5", "--resume", "--json");
    expect(JSON.parse(resumed.out.trimEnd().split("\n").at(-1)!)).toMatchObject({
      epochs: 5,
      updates: 25,
    });
    expect(await run("trainer.js", "--epoch", "5")).toMatchObject({
      code: 1,
      errors: "error: unknown option --epoch\n  = did you mean --epochs?\n",
    });
  });

  it("refuses a device that computes wrongly, unless it is forced", async () => {
    const file = join(folder(), "trainer.js");
    const script = readFileSync(file, "utf8");
    try {
      writeFileSync(file, script.replace("rate*dw", "rate*db"));
      const refused = await run("trainer.js", "--epochs", "1");
      expect(refused.code).toBe(1);
      expect(refused.errors).toMatch(
        /^error: webgpu, .* computes otherwise than the compiler's interpreter/,
      );
      expect(refused.errors).toContain("  w[0] is 0 after one update, expected -0.5 ± 0.000001\n");
      expect(refused.errors).toContain("--force");
      const forced = await run("trainer.js", "--epochs", "1", "--force");
      expect(forced).toMatchObject({
        code: 0,
        errors: expect.stringMatching(/^warning: webgpu, /),
      });
      const [message, epochs] = await runModule(`
        const model = await Line.create();
        show(await model.fit(data).catch((error) => error.message));
        const silent = nnc.silentReporter;
        show((await model.fit(data, { epochs: 2, force: true, reporter: silent })).epoch.length);
        model.dispose();
      `);
      expect(message).toContain("w[0] is 0 after one update");
      expect(epochs).toBe(2);
    } finally {
      writeFileSync(file, script);
    }
  });

  it("says what to install where there is no WebGPU", async () => {
    rmSync(join(place, "node_modules"), { recursive: true });
    const outcome = await run("trainer.js", "--epochs", "1");
    linkWebGpu(place);
    expect(outcome).toMatchObject({ code: 1, out: "" });
    expect(outcome.errors).toMatch(/^error: .*npm install webgpu/);
  });
});
