/** Cases of the `grad` folder: outputs and gradients of operations, from arrays in NPZ files. */

import { join } from "node:path";
import {
  type CaseProgram,
  gradientSlot,
  NotExpressible,
  paramPath,
  type Tensor,
} from "./case-program.ts";
import type { RuleCase, RuleResult } from "./case-rules.ts";
import { compare, firstOf, gradTolerance, type Precision, type Tolerance } from "./compare.ts";
import { byFormula } from "./grad/elementwise.ts";
import { gradRules } from "./grad/rules.ts";
import { type NumberArray, readArrays } from "./npz.ts";
import type { Target, Tensors } from "./target.ts";

interface ArraySpec {
  readonly key: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly role?: string;
  readonly cotangent?: string;
}

export interface GradCase {
  readonly name: string;
  readonly file: string;
  readonly op: string;
  readonly formula: string;
  readonly torch: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly inputs: Readonly<Record<string, ArraySpec>>;
  readonly outputs: Readonly<Record<string, ArraySpec>>;
  readonly gradients?: Readonly<Record<string, ArraySpec>>;
  /** What the reference itself loses in float32, by array. */
  readonly torch_float32_error?: Readonly<Record<string, { max_abs: number }>>;
}

const dtypes: Readonly<Record<string, Tensor["dtype"]>> = {
  float32: "f32",
  float64: "f32",
  int32: "i32",
  int64: "i32",
  bool: "bool",
};

function tensorOf(
  { key, dtype, shape }: ArraySpec,
  arrays: ReadonlyMap<string, NumberArray>,
): Tensor {
  const type = dtypes[dtype];
  if (type === undefined) throw new NotExpressible(`the element type ${dtype}`);
  return { dtype: type, shape, data: arrays.get(key)!.data };
}

/** An operation without a rule of its own is what its formula says, if that is no words. */
function byItsFormula(c: RuleCase): RuleResult {
  try {
    return byFormula(c);
  } catch (error) {
    if (!(error instanceof NotExpressible)) throw error;
    throw new NotExpressible(`the operation ${c.op}`);
  }
}

/** The program of a case: what has a gradient is a param. */
function programOf(c: GradCase, arrays: ReadonlyMap<string, NumberArray>): CaseProgram {
  const rule = gradRules[c.op] ?? byItsFormula;
  const tensors = new Map(
    Object.entries(c.inputs).map(([name, spec]) => [name, tensorOf(spec, arrays)]),
  );
  const ruleCase: RuleCase = {
    op: c.op,
    formula: c.formula,
    reference: c.torch,
    config: c.config,
    inputs: tensors,
    outputs: new Map(Object.entries(c.outputs).map(([name, { shape }]) => [name, shape])),
  };
  const { declarations = [], statements = [], outputs } = rule(ruleCase);
  const isParam = (name: string) => c.gradients?.[name] !== undefined;
  return {
    declarations,
    params: new Map([...tensors].filter(([name]) => isParam(name))),
    inputs: new Map([...tensors].filter(([name]) => !isParam(name))),
    statements,
    outputs: Object.entries(c.outputs).map(([name, { shape, cotangent }]) => {
      const expression = outputs[name];
      if (expression === undefined) throw new NotExpressible(`the output ${name} of ${c.op}`);
      return {
        name,
        expression,
        shape,
        ...(cotangent !== undefined && {
          cotangent: { dtype: "f32" as const, shape, data: arrays.get(cotangent)!.data },
        }),
      };
    }),
  };
}

/** What deviates; empty if nothing does. */
export async function checkGradCase(
  c: GradCase,
  folder: string,
  target: Target,
): Promise<string[]> {
  const arrays = readArrays(join(folder, c.file));
  const { outputs, steps } = await target.run(programOf(c, arrays), [{}]);
  const deviations = Object.entries(c.outputs).map(([name, spec]) => {
    const isExact = spec.dtype === "int32" || spec.dtype === "bool";
    const limit = isExact
      ? { relative: 0, absolute: 0 }
      : toleranceOf(c, spec.key, target.precision);
    const expected = arrays.get(spec.key)!.data;
    return compare(name, firstOf(outputs.get(name)!, expected.length), expected, limit);
  });
  const gradients = Object.entries(c.gradients ?? {}).map(([name, { key }]) => {
    const limit = toleranceOf(c, key, target.precision);
    return compare(
      `d${name}`,
      gradientOf(name, steps[0] ?? new Map()),
      arrays.get(key)!.data,
      limit,
    );
  });
  return [...deviations, ...gradients].filter((text) => text !== undefined);
}

/** Where the reference itself loses a tenth of the limit in float32, ten times its error is allowed. */
function toleranceOf(c: GradCase, key: string, precision: Precision): Tolerance {
  const usual = gradTolerance[precision];
  const lost = c.torch_float32_error?.[key]?.max_abs ?? 0;
  if (precision === "float64") return usual;
  return { relative: usual.relative, absolute: Math.max(usual.absolute, 10 * lost) };
}

/** What the optimizer `Probe` was given for a param. */
export function gradientOf(name: string, tensors: Tensors): ArrayLike<number> {
  const path = paramPath(name);
  const slot = [...tensors.keys()].find(
    (key) => key.includes(path) && key.endsWith(`/${gradientSlot}`),
  );
  return tensors.get(slot ?? "") ?? [];
}
