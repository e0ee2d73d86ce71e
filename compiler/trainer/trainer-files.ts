/** The text files of a standalone trainer. What is binary, and the runtime, is copied beside them by the caller. */

import { ts } from "ts-morph";
import type { CompiledProgram } from "../compiled-program.ts";
import { type TrainerIdentity, writeTrainerSource } from "./trainer-source.ts";

/** File names and contents. */
export type TrainerFiles = Readonly<Record<string, string>>;

export function writeTrainerFiles(
  program: CompiledProgram,
  identity: TrainerIdentity,
): TrainerFiles {
  const source = writeTrainerSource(program, identity);
  return {
    "trainer.ts": source,
    "trainer.js":
      program.code.target === "wgsl" ? writeForBrowsers(program, identity) : transpile(source),
    "trainer.d.ts": declarations(source),
    "package.json": `${JSON.stringify(createManifest(program, identity), null, 2)}\n`,
  };
}

const COMPILER_OPTIONS = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  isolatedDeclarations: true,
  declaration: true,
  verbatimModuleSyntax: true,
} as const;

function transpile(source: string, options: ts.CompilerOptions = {}): string {
  return ts.transpileModule(source, {
    compilerOptions: { ...COMPILER_OPTIONS, ...options },
    fileName: "trainer.ts",
  }).outputText;
}

/** Small, as pages load it: without comments, data and kernels on as few lines as they allow. */
function writeForBrowsers(program: CompiledProgram, identity: TrainerIdentity): string {
  const { model } = program.plan;
  const source = writeTrainerSource(program, identity, "compact");
  const text = transpile(source, { removeComments: true });
  return `// ${model}, built by nnc ${identity.compilerVersion}; trainer.ts says the same for people.\n${text}`;
}

/** Every export of the source has its type written out, so its declarations need no type checker. */
function declarations(source: string): string {
  return ts.transpileDeclaration(source, {
    compilerOptions: COMPILER_OPTIONS,
    fileName: "trainer.ts",
  }).outputText;
}

function createManifest(
  { plan }: CompiledProgram,
  { name, compilerVersion }: TrainerIdentity,
): object {
  return {
    name: `${name.toLowerCase().replace(/[^a-z0-9._-]+/g, "-")}-trainer`,
    description: `${plan.model}, compiled by nnc ${compilerVersion}`,
    private: true,
    type: "module",
    main: "trainer.js",
    types: "trainer.d.ts",
    engines: { node: ">=20.12" },
    // In Node, WebGPU comes with a package; browsers have it.
    ...(plan.target === "wgsl" ? { optionalDependencies: { webgpu: "^0.6.2" } } : {}),
  };
}
