/** A model's inputs: columns of the batch where the model is trained, arguments where it is a layer. */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Extent } from "../graph/extent.ts";
import type { InputStatement, NamedType } from "../syntax/ast.ts";
import { evaluate } from "./evaluate.ts";
import { evaluateSpread } from "./indexing.ts";
import { type Environment, report } from "./session.ts";
import { conform, elementType, reportDimension } from "./types.ts";
import { asExtent, errorValue, tensorValue, type Value } from "./values.ts";

export function declareInput({ name, type, span }: InputStatement, env: Environment): void {
  const { model } = env;
  if (model === null) return;
  const before = env.scope.get(name.name);
  if (before !== undefined) {
    const labels = [{ span: before.span, text: "first bound here" }];
    report(env, diagnostics.duplicateInput(name.span, { name: name.name }, { labels }));
    return;
  }
  let value: Value = errorValue;
  if (type.kind === "tuple-type") {
    report(
      env,
      diagnostics.wrongType(type.span, {
        what: "the type of an input",
        expected: "a tensor type",
        found: "a tuple type",
      }),
    );
  } else if (model.inputs === null) {
    value = inputLeaf(name.name, type, env);
    if (value.kind === "tensor") {
      model.leaves.set(name.name, { leaf: value.value, span: name.span });
      env.pass.summary?.input(name.name, value.value);
    }
  } else {
    const given = model.inputs.get(name.name) ?? { value: errorValue, span };
    const what = `the input \`${name.name}\``;
    value = conform(env, given.value, type, { span: given.span, what });
  }
  env.scope.set(name.name, { value, span: name.span });
}

function inputLeaf(name: string, type: NamedType, env: Environment): Value {
  const dtype = elementType(env, type);
  const shape = declaredShape(type, env);
  if (dtype === undefined || shape === undefined) return errorValue;
  const [first, ...rest] = shape;
  if (
    first === undefined ||
    first.batch !== 1 ||
    first.constant !== 0 ||
    rest.some((e) => e.batch !== 0)
  ) {
    const size = rest.length + (first?.batch === 0 ? 1 : 0) > 0 ? ", …" : "";
    const batched = `${dtype ?? "f32"}[N${size}]`;
    return report(env, diagnostics.inputWithoutBatch(type.span, { name, type: batched }));
  }
  const leaf = env.session.context.leaf("input", name, dtype ?? "f32", shape);
  return tensorValue(
    leaf,
    shape.map(() => ({ span: type.span, text: `from \`input ${name}\`` })),
  );
}

/** The shape that a type says in full; reports dimensions that are not known here. */
export function declaredShape(type: NamedType, env: Environment): readonly Extent[] | undefined {
  const shape: Extent[] = [];
  for (const dimension of type.dimensions ?? []) {
    if (dimension.kind === "ellipsis") {
      report(env, diagnostics.openShape(dimension.span, {}));
      return undefined;
    }
    const values =
      dimension.kind === "spread"
        ? evaluateSpread(dimension, env)
        : [evaluate(dimension, { ...env, floors: true })];
    if (values === undefined) return undefined;
    for (const value of values) {
      const extent = asExtent(value);
      if (extent === undefined || extent.batch + extent.constant < 0) {
        if (value.kind !== "error") reportDimension(env, dimension.span, value);
        return undefined;
      }
      shape.push(extent);
    }
  }
  return shape;
}
