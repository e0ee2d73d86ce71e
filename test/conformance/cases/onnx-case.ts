/** Cases of the `onnx` folder: models of ONNX with inputs and the outputs that they should give. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isTrained, NotExpressible } from "./case-program.ts";
import { compare, firstOf, halfTolerance, onnxRunnerTolerance, onnxTolerance } from "./compare.ts";
import { gradientOf } from "./grad-case.ts";
import { type OnnxTensor, readModel, readTensor } from "./onnx/model.ts";
import { onnxRules } from "./onnx/rules.ts";
import { outputNameOf, translate } from "./onnx/translate.ts";
import type { Target } from "./target.ts";

interface TensorSpec {
  readonly name: string;
  readonly shape: readonly number[];
  /** Absent where the manifest says by a rule what is fed. */
  readonly file?: string;
}

export interface OnnxCase {
  readonly name: string;
  readonly path: string;
  readonly op_type: string;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

/** What deviates; empty if nothing does. */
export async function checkOnnxCase(
  c: OnnxCase,
  folder: string,
  target: Target,
): Promise<string[]> {
  const tensorOf = ({ name, shape, file }: TensorSpec): OnnxTensor =>
    file === undefined ? ramp(name, shape) : readTensor(readFileSync(join(folder, c.path, file)));
  const model = readModel(readFileSync(join(folder, c.path, "model.onnx")));
  const given = new Map(c.inputs.map((spec) => [spec.name, tensorOf(spec)] as const));
  const expected = new Map(c.outputs.map((spec) => [spec.name, tensorOf(spec)] as const));
  const { program, outputs: translated } = translate(model, given, onnxRules);
  const { outputs, steps } = await target.run(program, isTrained(program) ? [{}] : []);
  const deviations = model.graph.outputs.map((name, i) => {
    const tensor = expected.get(name);
    if (tensor === undefined)
      throw new NotExpressible(`the output ${name}, of which nothing is said`);
    const { shape, param } = translated[i]!;
    if (shape.join() !== tensor.shape.join()) {
      return `${name} has the shape [${shape}], not [${tensor.shape}]`;
    }
    const found =
      param === undefined
        ? firstOf(outputs.get(outputNameOf(i))!, tensor.data.length)
        : gradientOf(param, steps[0]!);
    return compare(name, found, tensor.data, toleranceOf(tensor, target), "element");
  });
  return deviations.filter((text) => text !== undefined);
}

/** What models without input files are fed. */
function ramp(name: string, shape: readonly number[]): OnnxTensor {
  const count = shape.reduce((product, size) => product * size, 1);
  const data = Float32Array.from({ length: count }, (_, i) => i / count);
  return { name, dtype: "f32", elementType: "float", shape, data };
}

function toleranceOf({ dtype, elementType, data }: OnnxTensor, { precision }: Target) {
  if (dtype !== "f32") return { relative: 0, absolute: 0 };
  if (elementType === "float16") return halfTolerance;
  // Some figures were written down with four decimals.
  const isRounded = Array.from(data).every((value) => isWholeMultiple(value, 1e-4));
  const isWhole = Array.from(data).every((value) => isWholeMultiple(value, 1));
  return isRounded && !isWhole ? onnxRunnerTolerance : onnxTolerance[precision];
}

/** Up to what float32 loses. */
function isWholeMultiple(value: number, unit: number): boolean {
  return Math.abs(value - Math.round(value / unit) * unit) <= 1e-7 * Math.abs(value);
}
