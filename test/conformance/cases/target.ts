/** What runs a case: gives its outputs, and what training makes of its tensors. */

import { findPackageFiles } from "../../../compiler/cli/package-files.ts";
import { diskSources } from "../../../compiler/cli/source-files.ts";
import type { Diagnostic } from "../../../compiler/diagnostics/diagnostic.ts";
import type { SourceHost } from "../../../compiler/semantics/modules.ts";
import type { CaseProgram, Tensor } from "./case-program.ts";
import type { Precision } from "./compare.ts";

/** One update: columns in place of the program's own, and the learning rate where it changes. */
export interface Step {
  readonly columns?: ReadonlyMap<string, Tensor>;
  readonly learningRate?: number;
}

export type Tensors = ReadonlyMap<string, ArrayLike<number>>;

export interface CaseRun {
  /** Before the first step, by the name of the output. */
  readonly outputs: Tensors;
  /** Params and optimizer slots after each step, by path. */
  readonly steps: readonly Tensors[];
  /** Of a program with metrics: what is read out after all rows, by name. */
  readonly metrics?: Readonly<Record<string, number>>;
}

export interface Target {
  readonly precision: Precision;
  run(program: CaseProgram, steps: readonly Step[]): Promise<CaseRun>;
}

export const caseFile = "case.nn";

/** The program's text as the only file, beside the standard library. */
export function hostOf(source: string): SourceHost {
  const { readStd } = diskSources(findPackageFiles().std);
  return { readFile: (path) => (path === caseFile ? source : undefined), readStd };
}

/** A case that the compiler refuses fails, with the first error and the place in the program. */
export class RefusedProgram extends Error {
  constructor(diagnostics: readonly Diagnostic[], source: string) {
    const error = diagnostics.find(({ severity }) => severity === "error");
    const line = source.slice(0, error?.primary.span.start).split("\n").length;
    const text = source.split("\n")[line - 1]?.trim();
    super(`${error?.title ?? "refused"}: \`${text}\``);
  }
}

/** A case gives a weight that its program has not: it would have been left at its initial value. */
export class MissingTensor extends Error {
  constructor(path: string) {
    super(`the program has no ${path} to give a value to`);
  }
}
