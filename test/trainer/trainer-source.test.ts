/** The generated trainer: readable, typed, and the same whatever the process. */

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { instantiateProgram } from "../../compiler/trainer/instantiate.ts";
import { printLiteral } from "../../compiler/trainer/literal.ts";
import { writeTrainerFiles } from "../../compiler/trainer/trainer-files.ts";
import { smallProgram } from "./small-program.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const identity = {
  name: "line",
  sourceFile: "line.nn",
  dataFolder: "/models/line",
  compilerVersion: "0.0.0",
};

describe("trainer.ts", () => {
  const files = writeTrainerFiles(smallProgram, identity);

  it("has a class by the model's name, typed by its inputs and outputs", () => {
    const declarations = files["trainer.d.ts"]!.replace(/ *\/\*\*.*?\*\/\n/gs, "");
    expect(declarations).toBe(`import * as nnc from "./runtime.js";
export interface LineInputs {
    readonly x: nnc.ColumnInput;
}
export interface LineTargets {
    readonly y: nnc.ColumnInput;
    readonly sample_weight?: nnc.ColumnInput;
}
export interface LineOutputs {
    readonly prediction: nnc.Tensor<Float32Array>;
}
export interface LineMetrics {
    readonly loss: number;
}
export type LineData = LineInputs & LineTargets;
export declare class Line {
    #private;
    private constructor();
    get state(): nnc.RunState;
    get device(): string;
    static create(options?: nnc.CreateOptions): Promise<Line>;
    fit(data: LineData, options?: nnc.FitOptions<LineData>): Promise<nnc.History>;
    evaluate(data: LineData, options?: nnc.BatchOptions): Promise<LineMetrics>;
    predict(inputs: LineInputs, options?: nnc.BatchOptions): Promise<LineOutputs>;
    trainOnBatch(data: LineData): Promise<LineMetrics>;
    testOnBatch(data: LineData): Promise<LineMetrics>;
    summary(): string;
    save(path: string): Promise<void>;
    load(path: string, options?: nnc.LoadOptions): Promise<void>;
    resume(path: string): Promise<void>;
    weights(): Promise<Uint8Array<ArrayBuffer>>;
    setWeights(bytes: Uint8Array, options?: nnc.LoadOptions): Promise<void>;
    checkpoint(): Promise<Uint8Array<ArrayBuffer>>;
    restore(bytes: Uint8Array): Promise<void>;
    selfTest(): Promise<nnc.SelfTestResult>;
    dispose(): void;
}
export declare const definition: nnc.TrainerDefinition;
`);
  });

  it("says what it is and how it is used", () => {
    const [head] = files["trainer.ts"]!.split("\nimport");
    expect(
      head,
    ).toBe(`// @ts-nocheck: strict TypeScript, but not under every rule that a project may add to that.

/**
 * Line, compiled from line.nn for cpu by nnc 0.0.0.
 * Generated: do not edit it, build it again.
 *
 * As a program: \`node trainer.js --help\`. As a module:
 *
 *     import { Line } from "./trainer.js";
 *     const model = await Line.create();
 *     const history = await model.fit({ x, y });
 *     const { prediction } = await model.predict({ x });
 */
`);
    expect(files["trainer.ts"]).toContain(`
/** Metrics from the totals that the device keeps. */
function readMetrics(`);
    expect(files["trainer.ts"]).toContain(`if (nnc.isMain(import.meta.url)) {
  await nnc.runTrainer(definition, import.meta.url, {
    name: "line",
    dataFolder: "/models/line",
  });
}
`);
  });

  it("has no line that ends in a space and no type error under strict flags", () => {
    const source = files["trainer.ts"]!;
    expect(source).not.toMatch(/[ \t]$/m);
    const use = `import { Line } from "./trainer.js";
const model = await Line.create({ device: "auto", threads: 1 });
const history = await model.fit({ x: [1, 2], y: new Float32Array(2) }, { epochs: 5, validation: 0.5 });
const losses: readonly number[] | undefined = history.history["loss"];
const { prediction } = await model.predict({ x: new Float64Array(1) });
const first: number | undefined = prediction.data[0];
await model.load("other.safetensors", { parts: { Line: "Other" } });
const { loss } = await model.evaluate({ x: [1], y: [2], sample_weight: [0.5] });
console.log(losses, first, loss.toFixed(2));
// @ts-expect-error a model without this input
await model.predict({ z: [1] });
`;
    const checked = source.replace("// @ts-nocheck", "//");
    expect(typeErrors({ "trainer.ts": checked, "use.ts": use })).toEqual([]);
  });

  it("has a class of another name where the model's is taken", () => {
    const { prelude } = smallProgram.functions;
    for (const model of [
      "class",
      "number",
      "Promise",
      "plan",
      /function (\w+)/.exec(prelude)![1]!,
    ]) {
      const plan = { ...smallProgram.plan, model };
      const source = writeTrainerFiles({ ...smallProgram, plan }, identity)["trainer.ts"]!;
      expect(source).toContain(`export class ${model}Model {`);
      expect(source).toContain(`  model: "${model}",`);
    }
  });

  it("is a module of its own", () => {
    expect(JSON.parse(files["package.json"]!)).toMatchObject({
      name: "line-trainer",
      type: "module",
      main: "trainer.js",
    });
    expect(files["trainer.js"]).toContain('import * as nnc from "./runtime.js";');
  });
});

describe("a program in this process", () => {
  it("has the functions that the trainer would have", () => {
    const { initialize, stepScalars, readMetrics } = instantiateProgram(smallProgram);
    expect(initialize(500)["Line/w"]).toEqual(Float32Array.of(1));
    expect(stepScalars("train", { learning_rate: 0.1 }, { t: 1, batch: 0 })).toEqual([0.1, 0.5]);
    expect(stepScalars("predict", {}, { t: 1, batch: 0 })).toEqual([]);
    const totals: Readonly<Record<string, number>> = { "metric/loss": 3, "metric/count": 4 };
    expect(readMetrics((path) => Float32Array.of(totals[path]!))).toEqual({ loss: 0.75 });
  });
});

describe("literals", () => {
  it("give back what they print", () => {
    const value = fc.jsonValue({ depthSize: "large" });
    fc.assert(
      fc.property(value, (data) => {
        const printed = printLiteral(data);
        expect(new Function(`return (${printed});`)()).toEqual(data);
      }),
    );
  });

  it("fill lines with numbers and give long records a line a field", () => {
    const numbers = Array.from({ length: 40 }, (_, i) => i + 100);
    expect(printLiteral({ numbers, name: "n" })).toBe(`{
  numbers: [
    ${numbers.slice(0, 19).join(", ")},
    ${numbers.slice(19, 38).join(", ")},
    138, 139,
  ],
  name: "n",
}`);
  });
});

/** Diagnostics of TypeScript for files that import `./runtime.js`, which is the runtime's source here. */
function typeErrors(files: Readonly<Record<string, string>>): readonly string[] {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    lib: ["lib.es2023.d.ts"],
    types: ["node"],
    typeRoots: [join(root, "node_modules", "@types")],
    strict: true,
    noUnusedLocals: true,
    noUnusedParameters: true,
    exactOptionalPropertyTypes: true,
    allowImportingTsExtensions: true,
    noEmit: true,
    skipLibCheck: true,
  };
  const host = ts.createCompilerHost(options);
  const folder = join(root, "test", "trainer", "generated");
  const texts = new Map(
    Object.entries({ ...files, "package.json": '{"type":"module"}' }).map(([name, text]) => {
      return [join(folder, name), text];
    }),
  );
  const { readFile, fileExists, getSourceFile } = host;
  host.readFile = (path) => texts.get(path) ?? readFile(path);
  host.directoryExists = (path) => path === folder || ts.sys.directoryExists(path);
  host.fileExists = (path) => texts.has(path) || fileExists(path);
  host.getSourceFile = (path, target, ...rest) => {
    const text = texts.get(path);
    return text === undefined
      ? getSourceFile(path, target, ...rest)
      : ts.createSourceFile(path, text, target);
  };
  host.resolveModuleNameLiterals = (literals, containing) =>
    literals.map(({ text }) => {
      if (text === "./runtime.js") {
        const resolvedFileName = join(root, "runtime", "index.ts");
        return {
          resolvedModule: { resolvedFileName, extension: ".ts", isExternalLibraryImport: false },
        };
      }
      return ts.resolveModuleName(text, containing, options, host);
    });
  const names = Object.keys(files).map((name) => join(folder, name));
  const program = ts.createProgram(names, options, host);
  return ts
    .getPreEmitDiagnostics(program)
    .map(
      ({ messageText, file }) =>
        `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`,
    );
}
