/**
 * Writes `trainer.ts`: a typed class by the name of the model, its plan, the functions that the compiler generated,
 * and a command line. Built as ts-morph structures, one function a part, so that what comes out is well-formed and
 * formatted alike whatever the model is called.
 */

import {
  type FunctionDeclarationStructure,
  IndentationText,
  type InterfaceDeclarationStructure,
  type OptionalKind,
  Project,
  type PropertySignatureStructure,
  type SourceFile,
  type TypeAliasDeclarationStructure,
  ts,
} from "ts-morph";
import type { ColumnPlan, ElementType, TrainerPlan } from "../../runtime/plan.ts";
import type { CompiledProgram } from "../compiled-program.ts";
import { type LiteralStyle, printKey, printLiteral } from "./literal.ts";
import { createModelClass } from "./trainer-class.ts";
import { compactWgsl } from "./wgsl-text.ts";

/** What the trainer says of itself, besides the program. */
export interface TrainerIdentity {
  /** Of the model's file without its extension; names the files of a run. */
  readonly name: string;
  /** As the user gave it. */
  readonly sourceFile: string;
  /** Where the model's data were when it was built: absolute for the CPU, for WebGPU relative to the trainer. */
  readonly dataFolder: string;
  readonly compilerVersion: string;
}

/** `readable` is laid out and commented for people, `compact` says the same in fewer bytes. */
export function writeTrainerSource(
  program: CompiledProgram,
  identity: TrainerIdentity,
  style: LiteralStyle = "readable",
): string {
  // Only the class and its types may need another name than the model's.
  const named = { ...program.plan, model: className(program) };
  const project = new Project({
    useInMemoryFileSystem: true,
    skipLoadingLibFiles: true,
    manipulationSettings: { indentationText: IndentationText.TwoSpaces },
  });
  const file = project.createSourceFile("trainer.ts", createHead(named, identity));
  file.addInterfaces([
    createInputs(named),
    createTargets(named),
    createOutputs(named),
    createMetrics(named),
  ]);
  file.addTypeAlias(createData(named));
  file.addClass(createModelClass(named));
  addPrelude(file, program.functions.prelude);
  file.addFunctions(createFunctions(program));
  file.addStatements(createConstants(program, style));
  file.addStatements(createMain(program.plan, identity));
  if (style === "compact") return file.getFullText();
  // The prelude's functions come indented as the compiler's own build is.
  file.formatText({ indentSize: 2, ensureNewLineAtEndOfFile: true });
  return `${file.getFullText().trimEnd()}\n`;
}

/** Names that the generated module uses besides the model's; a model may be called as one of them. */
const TAKEN = [
  ..."nnc plan wgsl cuda definition initialize stepScalars readMetrics".split(" "),
  ..."Promise Record Readonly Float32Array Float64Array Int32Array Uint32Array Uint8Array".split(
    " ",
  ),
  ..."Math Number Object Array String Error undefined arguments eval await async".split(" "),
];

/** The model's name, or `ClassModel` for a model `Class` that TypeScript could not declare. */
function className({ plan, functions }: CompiledProgram): string {
  const { model } = plan;
  const isKeyword = ts.identifierToKeywordKind(ts.factory.createIdentifier(model)) !== undefined;
  const isDeclared = new RegExp(`\\bfunction ${model}\\b`).test(functions.prelude);
  return isKeyword || isDeclared || TAKEN.includes(model) ? `${model}Model` : model;
}

function createHead(plan: TrainerPlan, identity: TrainerIdentity): string {
  const { model, target } = plan;
  const data = plan.columns.filter((column) => !isWeight(plan, column)).map(({ name }) => name);
  const outputs = plan.outputs.map(({ name }) => name).join(", ");
  // Projects that import the trainer take its types from this file, and would hold it to rules of their own.
  return `// @ts-nocheck: strict TypeScript, but not under every rule that a project may add to that.

/**
 * ${model}, compiled from ${identity.sourceFile.replaceAll("*/", "*")} for ${target} by nnc ${identity.compilerVersion}.
 * Generated: do not edit it, build it again.
 *
 * As a program: \`node trainer.js --help\`. As a module:
 *
 *     import { ${model} } from "./trainer.js";
 *     const model = await ${model}.create();
 *     const history = await model.fit({ ${data.join(", ")} });
 *     const { ${outputs} } = await model.predict({ ${plan.inputs.join(", ")} });
 */

import * as nnc from "./runtime.js";
`;
}

function createInputs(plan: TrainerPlan): OptionalKind<InterfaceDeclarationStructure> {
  return {
    name: `${plan.model}Inputs`,
    isExported: true,
    docs: [`Rows of what ${plan.model} reads.`],
    properties: inputColumns(plan).map((column) => createColumn(column, false)),
  };
}

function createTargets(plan: TrainerPlan): OptionalKind<InterfaceDeclarationStructure> {
  return {
    name: `${plan.model}Targets`,
    isExported: true,
    docs: ["Rows of what the loss and the metrics compare with, and weights."],
    properties: targetColumns(plan).map((column) => createColumn(column, isWeight(plan, column))),
  };
}

function createData({ model }: TrainerPlan): OptionalKind<TypeAliasDeclarationStructure> {
  return {
    name: `${model}Data`,
    isExported: true,
    docs: ["What training and evaluation need."],
    type: `${model}Inputs & ${model}Targets`,
  };
}

function createOutputs(plan: TrainerPlan): OptionalKind<InterfaceDeclarationStructure> {
  return {
    name: `${plan.model}Outputs`,
    isExported: true,
    docs: [`What ${plan.model} computes for the rows of its inputs.`],
    properties: plan.outputs.map((column) => ({
      name: printKey(column.name),
      isReadonly: true,
      type: `nnc.Tensor<${ARRAYS[column.dtype]}>`,
      docs: [describeRows(column)],
    })),
  };
}

function createMetrics(plan: TrainerPlan): OptionalKind<InterfaceDeclarationStructure> {
  return {
    name: `${plan.model}Metrics`,
    isExported: true,
    docs: ["Means over the rows."],
    properties: plan.metrics.map((name) => ({
      name: printKey(name),
      isReadonly: true,
      type: "number",
    })),
  };
}

function createColumn(
  column: ColumnPlan,
  hasQuestionToken: boolean,
): OptionalKind<PropertySignatureStructure> {
  return {
    name: printKey(column.name),
    isReadonly: true,
    hasQuestionToken,
    type: "nnc.ColumnInput",
    docs: [describeRows(column)],
  };
}

/** Functions that the three below share, printed as JavaScript: they take numbers, and arrays that they index. */
function addPrelude(file: SourceFile, prelude: string): void {
  if (prelude.trim() === "") return;
  const before = file.getFunctions().length;
  file.addStatements(`\n${prelude.trim()}`);
  for (const declared of file.getFunctions().slice(before)) {
    const body = declared.getBodyText() ?? "";
    for (const parameter of declared.getParameters()) {
      if (parameter.getTypeNode() !== undefined) continue;
      const isIndexed = new RegExp(`\\b${parameter.getName()}\\[`).test(body);
      parameter.setType(isIndexed ? "Float64Array" : "number");
    }
  }
}

function createFunctions({
  functions,
}: CompiledProgram): readonly OptionalKind<FunctionDeclarationStructure>[] {
  return [
    {
      name: "initialize",
      docs: ["Initial values by path, in float64 rounded once: the same bits on every target."],
      parameters: [{ name: "seed", type: "number" }],
      returnType: "Readonly<Record<string, Float32Array>>",
      statements: [functions.initialize],
    },
    {
      name: "stepScalars",
      docs: ["What a step computes from counters and learning rates alone."],
      parameters: [
        { name: "graph", type: "string" },
        { name: "hypers", type: "Readonly<Record<string, number>>" },
        { name: "counters", type: "nnc.StepCounters" },
      ],
      returnType: "readonly number[]",
      statements: [functions.stepScalars],
    },
    {
      name: "readMetrics",
      docs: ["Metrics from the totals that the device keeps."],
      parameters: [{ name: "read", type: "(path: string) => Float32Array" }],
      returnType: "Readonly<Record<string, number>>",
      statements: [functions.readMetrics],
    },
  ];
}

function createConstants({ plan, code }: CompiledProgram, style: LiteralStyle): string {
  const planConstant = `
const plan: nnc.TrainerPlan = ${printLiteral(plan, style)};`;
  const name = "export const definition: nnc.TrainerDefinition";
  if (code.target === "cpu") {
    return `${planConstant}

/** Everything of this model, for the runtime. */
${name} = { plan, initialize, stepScalars, readMetrics };`;
  }
  if (code.target === "cuda") {
    return `${planConstant}

/** What a step launches of the kernels beside this file. */
const cuda: nnc.CudaProgram = ${printLiteral(code.program, style)};

/** Everything of this model, for the runtime. */
${name} = { plan, cuda, initialize, stepScalars, readMetrics };`;
  }
  const program = style === "compact" ? compactWgsl(code.program) : code.program;
  return `${planConstant}

/** The kernels, and what a step dispatches. */
const wgsl: nnc.WgslProgram = ${printLiteral(program, style)};

/** Everything of this model, for the runtime and for pages that show it. */
${name} = { plan, wgsl, initialize, stepScalars, readMetrics };`;
}

function createMain({ target }: TrainerPlan, { name, dataFolder }: TrainerIdentity): string {
  const about = printLiteral({ name, dataFolder }, "readable", 2, 60);
  if (target !== "wgsl") {
    return `
if (nnc.isMain(import.meta.url)) {
  await nnc.runTrainer(definition, import.meta.url, ${about});
}`;
  }
  return `
void nnc.runIfMain(definition, import.meta.url, ${printLiteral({ name, dataFolder }, "readable", 0, 60)});`;
}

const ARRAYS: Readonly<Record<ElementType, string>> = {
  f32: "Float32Array",
  i32: "Int32Array",
  u8: "Uint8Array",
  bool: "Uint8Array",
};

function inputColumns({ columns, inputs }: TrainerPlan): readonly ColumnPlan[] {
  return columns.filter(({ name }) => inputs.includes(name));
}

function targetColumns({ columns, inputs }: TrainerPlan): readonly ColumnPlan[] {
  return columns.filter(({ name }) => !inputs.includes(name));
}

function describeRows({ dtype, shape }: ColumnPlan): string {
  return `${dtype}[${["N", ...shape].join(", ")}]`;
}

/** Sample weights may be left out: rows then count once. */
function isWeight({ training }: TrainerPlan, { name }: ColumnPlan): boolean {
  return name === (training?.sampleWeight ?? "sample_weight");
}
