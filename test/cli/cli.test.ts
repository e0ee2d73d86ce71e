/** The command line: exit codes, hints, diagnostics, and a small model taken through every command. */

import { execFileSync, spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { findPackageFiles } from "../../compiler/cli/package-files.ts";
import { runCli } from "../../compiler/cli/program.ts";
import { findNativeAddon } from "../../runtime/devices/cpu/native-addon.ts";

const folder = mkdtempSync(join(tmpdir(), "nnc-cli-"));
const model = join(folder, "line.nn");

const MODEL = `model Line {
  input x: f32[N, 2]
  output y = x |> Dense(1)
}

data points {
  train {
    x: f32[2] = csv("points.csv", columns = ["a", "b"])
    target: f32 = csv("points.csv", column = "c")
  }
  test {
    x = csv("points.csv", columns = ["a", "b"])
    target = csv("points.csv", column = "c")
  }
}

train Line on points {
  loss       mse(target, y)
  optimizer  SGD(learning_rate = 0.1)
  metrics    mae(target, y)
  epochs     4
  batch_size 8
  seed       1
}
`;

beforeAll(() => {
  vi.stubEnv("XDG_CACHE_HOME", join(folder, "cache"));
  writeFileSync(model, MODEL);
  const rows = Array.from({ length: 60 }, (_, i) => {
    const [a, b] = [(i % 7) / 7, (i % 11) / 11];
    return `${a},${b},${2 * a - b + 1}`;
  });
  writeFileSync(join(folder, "points.csv"), `a,b,c\n${rows.join("\n")}\n`);
});

afterAll(() => {
  vi.unstubAllEnvs();
});

async function nnc(...argv: string[]) {
  const out: string[] = [];
  const errors: string[] = [];
  const code = await runCli(argv, {
    out: { write: (text: string) => out.push(text) },
    errors: { write: (text: string) => errors.push(text) },
    color: false,
  });
  return { code, out: out.join(""), errors: errors.join("") };
}

describe("mistakes on the command line", () => {
  it.each([
    [["trian", "m.nn"], "error: unknown command 'trian'\n  = did you mean train?\n"],
    [
      ["train", "m.nn", "--epoch", "3"],
      "error: unknown option '--epoch'\n  = did you mean --epochs?\n",
    ],
    [["train", "m.nn", "--wonder"], "error: unknown option '--wonder'\n  = see nnc --help\n"],
    [["train"], "error: missing required argument 'model'\n"],
    [["train", "m.nn", "--epochs", "x"], "It must be a whole number of at least 0."],
    [["train", "m.nn", "--learning-rate", "-1"], "It must be a number above 0."],
    [
      ["train", "m.nn", "--data", "/nowhere"],
      "error: there is no folder /nowhere\n  = check --data\n",
    ],
    [["check", "a.nn", "b.nn"], "error: too many arguments"],
    [["check", "nowhere.nn"], "nowhere.nn"],
    [["evaluate", "m.nn", "--block", "tset"], "Allowed choices are train, validation, test."],
  ])("%j", async (argv, message) => {
    const { code, out, errors } = await nnc(...argv);
    expect([code, out]).toEqual([1, ""]);
    expect(errors).toContain(message);
    expect(errors).not.toContain("    at ");
  });

  it.each([
    [["--target", "tpu"], "error: unknown target tpu"],
    [["--march", "i386"], "error: unknown processor i386"],
    [["--print", "autodiff"], "error: --print takes after-<pass>, not autodiff"],
    [["--print", "after-wonder"], "error: there is no pass wonder\n  = there are lower"],
  ])("build %j", async (argv, message) => {
    const { code, errors } = await nnc("build", model, ...argv);
    expect(code).toBe(1);
    expect(errors).toContain(message);
    expect(existsSync("out")).toBe(false);
  });
});

describe("commands that only compile", () => {
  it("check says that a model is right, or what is wrong, with the exit code", async () => {
    expect(await nnc("check", model)).toEqual({
      code: 0,
      out: `${model}: no errors\n`,
      errors: "",
    });
    const wrong = join(folder, "wrong.nn");
    writeFileSync(wrong, MODEL.replace("Dense(1)", "Dens(1)").replace("mse(", "mze("));
    const { code, out, errors } = await nnc("check", wrong);
    expect([code, out]).toEqual([1, ""]);
    expect(errors.match(/^error\[/gm)?.length).toBeGreaterThanOrEqual(2);
    expect(errors).toContain(`${wrong}:3:`);
  });

  it("a file without a model is right, but there is nothing to build", async () => {
    const entry = join(folder, "blocks.nn");
    writeFileSync(entry, "fn double(x) = 2 * x\n");
    expect(await nnc("check", entry)).toMatchObject({ code: 0, errors: "" });
    expect(await nnc("summary", entry)).toEqual({
      code: 1,
      out: "",
      errors: `error: ${entry} declares no model\n  = write \`model Name { … }\` in it\n`,
    });
  });

  it("check compares derivatives with differences", async () => {
    expect(await nnc("check", model, "--gradients")).toEqual({
      code: 0,
      out: `${model}: no errors\n2 derivatives agree with differences\n`,
      errors: "",
    });
    const { out } = await nnc("check", model, "--gradients", "--json");
    expect(
      out
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toMatchObject([
      { derivative: "loss", at: `${model}:18:14`, outcome: "agrees" },
      {
        derivative: "layer",
        name: "Dense",
        path: "Line/dense",
        at: `${model}:3:19`,
        outcome: "agrees",
      },
    ]);
    const wrong = join(folder, "wrong-derivative.nn");
    const cube = "fn cube(x) = x^3 gradient(d) {\n  return 2 * d * x^2\n}\n\n";
    writeFileSync(wrong, cube + MODEL.replace("Dense(1)", "cube |> Dense(1)"));
    for (const flags of [[], ["--gradients"]]) {
      const { code, errors } = await nnc("check", wrong, ...flags);
      expect(code).toBe(1);
      expect(errors).toMatch(/error\[wrong-derivative\]: the derivative of `cube` by `x` is -?\d/);
      expect(errors).toContain(`${wrong}:1:18`);
    }
  });

  it("summary has Keras' table and the costs of a step", async () => {
    const { code, out } = await nnc("summary", model, "--batch-size", "4");
    expect(code).toBe(0);
    expect(out).toContain('Model: "Line"');
    expect(out).toMatch(/Total params: 3 \(12\.00 B\)/);
    expect(out).toMatch(/Training step \(batch 4\): \d+.* FLOPs, .* moved, \d+ kernels?/);
    expect(out).toMatch(/Peak memory: [\d.]+ [KM]?B \(/);
  });

  it("explain shows every graph's kernels, as text or as JSON lines", async () => {
    const { out } = await nnc("explain", model);
    for (const graph of ["train", "evaluate", "predict"]) {
      expect(out).toMatch(new RegExp(`^${graph}, batch 8: \\d+ kernels?, `, "m"));
    }
    expect(out).toMatch(/^ {2}.* predicted on one thread, \d+ % of it bound by memory$/m);
    expect(out).toMatch(/^ {4}fused \d+ stages: \d+ values? never in memory, .* less to move$/m);
    for (const line of out.split("\n")) expect(line.length).toBeLessThanOrEqual(100);
    const kernels = (await nnc("explain", model, "--json")).out.trimEnd().split("\n");
    for (const line of kernels) expect(JSON.parse(line)).toHaveProperty("flops");
    const unfused = (await nnc("explain", model, "--json", "--no-fusion")).out
      .trimEnd()
      .split("\n");
    expect(unfused.length).toBeGreaterThan(kernels.length);
  });

  it("explain --measure runs the kernels and sets times beside predictions", async () => {
    const { code, out } = await nnc("explain", model, "--measure", "--target", "cpu");
    expect(code).toBe(0);
    for (const graph of ["train", "evaluate", "predict"]) {
      const head = /: \d+ kernels?, .* predicted, .* measured on 1 thread$/m;
      expect(out).toMatch(new RegExp(`^${graph}${head.source}`, "m"));
    }
    expect(out).toMatch(/^ +predicted +measured +ratio +share +GFLOP\/s +GB\/s$/m);
    const args = ["--measure", "--json", "--threads", "2", "--target", "cpu"];
    const lines = (await nnc("explain", model, ...args)).out.trimEnd().split("\n");
    const all = (await nnc("explain", model, "--json", "--target", "cpu")).out.trimEnd();
    expect(lines.length).toBe(all.split("\n").length);
    for (const line of lines) {
      const kernel = JSON.parse(line);
      expect(kernel.threads).toBe(2);
      expect(kernel.fastestSeconds).toBeGreaterThanOrEqual(0);
      expect(kernel.measuredSeconds).toBeGreaterThanOrEqual(kernel.fastestSeconds);
      expect(kernel.ratio).toBe(kernel.measuredSeconds / kernel.predictedStepSeconds);
    }
  });

  it("explain --measure is for the CPU", async () => {
    const { code, errors } = await nnc("explain", model, "--measure", "--target", "wgsl");
    expect(code).toBe(1);
    expect(errors).toContain("  = add --target cpu\n");
  });

  it("answers --help quickly enough to be asked for often", async () => {
    const { code, out } = await nnc("--help");
    expect(code).toBe(0);
    for (const name of ["check", "summary", "build", "train", "evaluate", "predict", "explain"]) {
      expect(out).toContain(`  ${name} [options] <model>`);
    }
    expect((await nnc("--version")).out).toBe(`${findPackageFiles().version}\n`);
  });
});

describe.skipIf(findNativeAddon() === undefined)("commands that run the model", () => {
  const checkpoint = join(folder, "run.safetensors");
  const last = (text: string) => JSON.parse(text.trimEnd().split("\n").at(-1)!);

  it("train learns and ends with one JSON line", async () => {
    const { code, out, errors } = await nnc(
      ...["train", model, "--json", "--threads", "2", "--checkpoint", checkpoint, "--epochs", "60"],
    );
    expect([code, errors]).toEqual([0, ""]);
    const result = last(out);
    expect(result).toMatchObject({ epochs: 60, updates: 480, checkpoint });
    expect(Object.keys(result.history)).toEqual(["loss", "mae"]);
    expect(result.test.loss).toBeLessThan(0.01);
    expect(result.history.loss[0]).toBeGreaterThan(result.test.loss);
  });

  it("gives the same bits with one thread and with two, and resumed", async () => {
    const train = async (name: string, ...argv: string[]) => {
      const own = join(folder, `${name}.safetensors`);
      const { out } = await nnc("train", model, "--json", "--checkpoint", own, ...argv);
      return { history: last(out).history, bytes: readFileSync(own) };
    };
    const one = await train("one", "--threads", "1");
    const two = await train("two", "--threads", "2");
    expect(two).toEqual(one);
    await train("resumed", "--epochs", "2");
    expect(await train("resumed", "--resume")).toEqual(one);
  });

  it("evaluate and predict use what train wrote", async () => {
    const evaluated = await nnc("evaluate", model, "--weights", checkpoint, "--json");
    expect(evaluated.code).toBe(0);
    expect(last(evaluated.out)).toMatchObject({ block: "test", loss: expect.any(Number) });
    const input = join(folder, "ask.jsonl");
    writeFileSync(input, '{"x":[0.5,0.25]}\n{"x":[1,1]}\n');
    const { code, out } = await nnc("predict", model, "--weights", checkpoint, "--input", input);
    expect(code).toBe(0);
    const predictions = out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).y[0]);
    expect(predictions[0]).toBeCloseTo(1.75, 0);
    for (const name of ["p.csv", "p.npy", "p.jsonl"]) {
      const output = join(folder, name);
      const written = await nnc("predict", model, "--weights", checkpoint, "--output", output);
      expect([written.code, existsSync(output)]).toEqual([0, true]);
    }
    expect(readFileSync(join(folder, "p.csv"), "utf8").split("\n").length).toBe(62);
  });

  it("says what is wrong with weights, data and checkpoints", async () => {
    const nothing = await nnc("evaluate", model, "--weights", "nowhere");
    expect(nothing).toMatchObject({ code: 1, out: "" });
    expect(nothing.errors).toContain("error: there are no weights nowhere\n  = train first");
    writeFileSync(join(folder, "broken.safetensors"), "what is this");
    const broken = await nnc("train", model, "--resume", join(folder, "broken.safetensors"));
    expect(broken.code).toBe(1);
    expect(broken.errors).toContain("the file is damaged or not safetensors");
    mkdirSync(join(folder, "empty"), { recursive: true });
    const missing = await nnc("train", model, "--data", join(folder, "empty"));
    expect(missing.code).toBe(1);
    expect(missing.errors).toMatch(/^error: .*points\.csv/);
  });
});

const files = findPackageFiles();
const isBuilt = existsSync(files.runtime);

describe.skipIf(!isBuilt || findNativeAddon() === undefined)("a built trainer", () => {
  const output = join(folder, "trainer");

  it("is a folder that runs by itself", async () => {
    const { code, out } = await nnc("build", model, "-o", output);
    expect(code).toBe(0);
    expect(out).toMatch(/trainer of Line for cpu, \d+ kernels/);
    expect(readdirSync(output).sort()).toEqual([
      "kernels.c",
      "kernels.so",
      "nnc.node",
      "package.json",
      "runtime.d.ts",
      "runtime.js",
      "trainer.d.ts",
      "trainer.js",
      "trainer.ts",
    ]);
    const run = (...argv: string[]) =>
      execFileSync(process.execPath, [join(output, "trainer.js"), ...argv], {
        cwd: folder,
        encoding: "utf8",
      });
    const result = last(run("--json", "--epochs", "2"));
    expect(result).toMatchObject({
      epochs: 2,
      updates: 16,
      checkpoint: "line.checkpoint.safetensors",
    });
    expect(last(run("--json", "--resume"))).toMatchObject({ epochs: 4, updates: 32 });
    expect(run("--selftest")).toMatch(/^self-test passed: \d+ values on cpu, \d+ threads?\n$/);
  });

  it("is a module", async () => {
    const script = `
      import { Line } from ${JSON.stringify(join(output, "trainer.js"))};
      const model = await Line.create({ threads: 1 });
      const x = [[0, 1], [1, 0], [1, 1]];
      const history = await model.fit({ x, target: [0, 3, 2] }, { epochs: 200, learningRate: 0.2 });
      const { y } = await model.predict({ x });
      console.log(JSON.stringify({ shape: y.shape, y: [...y.data], epochs: history.epoch.length }));
      model.dispose();`;
    const out = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
      encoding: "utf8",
    });
    const { shape, y, epochs } = JSON.parse(out);
    expect([shape, epochs]).toEqual([[3, 1], 200]);
    for (const [row, value] of [0, 3, 2].entries()) expect(y[row]).toBeCloseTo(value, 1);
  });

  it("replaces an older one but no other folder", async () => {
    writeFileSync(join(output, "mine.txt"), "stays");
    expect((await nnc("build", model, "-o", output)).code).toBe(0);
    expect(readFileSync(join(output, "mine.txt"), "utf8")).toBe("stays");
    const other = await nnc("build", model, "-o", folder);
    expect(other.code).toBe(1);
    expect(other.errors).toContain("holds something else than a trainer");
    expect(readdirSync(folder).filter((name) => name.startsWith("."))).toEqual([]);
  });

  it("says of a folder that cannot be written what to do", async () => {
    const file = join(folder, "no-folder");
    writeFileSync(file, "");
    const { code, errors } = await nnc("build", model, "--target", "cpu", "-o", join(file, "out"));
    expect(code).toBe(1);
    expect(errors).toMatch(/^error: .*no-folder\/out: expected to write the trainer, found E/);
    expect(errors).toContain("  = check that the folder can be written to and that the disk has");
  });

  it("quotes its path where a shell would take it apart", async () => {
    const { out } = await nnc("build", model, "--target", "cpu", "-o", join(folder, "it's mine"));
    const [, command = ""] = /run it with `(.*)`\n/.exec(out)!;
    expect(execFileSync("sh", ["-c", `${command} --help`], { encoding: "utf8" })).toContain(
      "Usage: node trainer.js",
    );
  });

  it("ends in silence where its reader has seen enough, else says that nothing can be written", () => {
    const run = (redirection: string) =>
      spawnSync("sh", ["-c", `node "$0" --epochs 300 ${redirection}`, join(output, "trainer.js")], {
        cwd: folder,
        encoding: "utf8",
      });
    expect(run("| head -n 1")).toMatchObject({ status: 0, stderr: "" });
    if (!existsSync("/dev/full")) return;
    const full = "error: the standard output cannot be written to: ENOSPC: no space left on device";
    expect(run(">/dev/full")).toMatchObject({ status: 1, stderr: `${full}, write\n` });
  });

  it("saves on Ctrl-C and exits with 130", async () => {
    const child = spawn(
      process.execPath,
      [
        join(output, "trainer.js"),
        "--epochs",
        "1000000",
        "--json",
        "--checkpoint",
        "long.safetensors",
      ],
      { cwd: folder, stdio: ["ignore", "pipe", "inherit"] },
    );
    let out = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      if (out === "") child.kill("SIGINT");
      out += text;
    });
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect(code).toBe(130);
    expect(last(out)).toMatchObject({ event: "interrupted", checkpoint: "long.safetensors" });
    expect(existsSync(join(folder, "long.safetensors"))).toBe(true);
  });

  it("killed at any moment and continued ends with the same bits", async () => {
    const trainer = (name: string, ...argv: string[]) => {
      const flags = ["--json", "--epochs", "400", "--checkpoint-seconds", "0.001"];
      const file = ["--checkpoint", `${name}.safetensors`];
      return spawn(process.execPath, [join(output, "trainer.js"), ...flags, ...file, ...argv], {
        cwd: folder,
        stdio: ["ignore", "pipe", "inherit"],
      });
    };
    const ended = (child: ReturnType<typeof trainer>) => {
      child.stdout.resume();
      return new Promise((resolve) => child.on("close", resolve));
    };
    expect(await ended(trainer("whole"))).toBe(0);
    let kills = 0;
    for (const milliseconds of [0, 5, 20, 60]) {
      const resume = existsSync(join(folder, "killed.safetensors")) ? ["--resume"] : [];
      const child = trainer("killed", ...resume);
      child.stdout.once("data", () => setTimeout(() => child.kill("SIGKILL"), milliseconds));
      if ((await ended(child)) === null) kills++;
    }
    expect(kills).toBeGreaterThan(0);
    expect(await ended(trainer("killed", "--resume"))).toBe(0);
    const bytes = (name: string) => readFileSync(join(folder, `${name}.safetensors`));
    expect(bytes("killed").equals(bytes("whole"))).toBe(true);
  });

  const last = (text: string) => JSON.parse(text.trimEnd().split("\n").at(-1)!);
});
