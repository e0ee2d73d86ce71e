/**
 * Functions with a derivative of their own: `fn f(x, k) = … gradient(d) { … return (dx, dk) }`. The block is lowered
 * where the function is called, with the parameters as they were given and the derivatives by the results, into a
 * `call` of the graph.
 */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import { invariant, type Span } from "../diagnostics/diagnostic.ts";
import { isFloat } from "../graph/dtype.ts";
import { sameShape } from "../graph/extent.ts";
import type { Value as GraphValue } from "../graph/node.ts";
import type { FnDeclaration, GradientBlock } from "../syntax/ast.ts";
import { Scope } from "./scope.ts";
import { type Environment, report } from "./session.ts";
import { runBody } from "./statements.ts";
import { broadcastTo } from "./tensors/layout.ts";
import { scalarTensor } from "./tensors/scalar-tensor.ts";
import {
  describe,
  type FunctionValue,
  noneValue,
  printTensorType,
  type TensorValue,
  tensorValue,
  type Value,
} from "./values.ts";

/** The result of a call at `span` with the function's own derivative; `env` binds the parameters alone. */
export function withOwnDerivative(
  { declaration }: FunctionValue,
  gradient: GradientBlock,
  result: Value,
  span: Span,
  env: Environment,
): Value {
  const name = declaration.name.name;
  const given = declaration.parameters.map((parameter) => ({
    name: parameter.name.name,
    value: env.scope.get(parameter.name.name)!.value,
  }));
  const all = [result, ...given.map(({ value }) => value)];
  if (all.some((value) => holds(value, "error"))) return result;
  if (all.some((value) => holds(value, "element"))) {
    return report(env, diagnostics.gradientOfElement(span, { name }));
  }
  const inputs = given.flatMap(({ value }) => floatsIn(value));
  const results = tensorsIn(result);
  // Of numbers known at build time there is no derivative.
  if (inputs.length === 0 || results.length === 0) return result;

  const { context } = env.session;
  const primal = results.map(({ value }) => value);
  const cotangents = context.cotangents(primal);
  const derivatives = context.backward(() => {
    const block = blockEnvironment(gradient, declaration, result, cotangents, env);
    return block === undefined ? undefined : derivativesOf(gradient, declaration, given, block);
  });
  if (derivatives === undefined) return { kind: "error" };
  const call = context.callNode({ primal, inputs, cotangents, gradients: derivatives });
  const parameters = given.flatMap(({ name: parameter, value }) =>
    floatsIn(value).map(() => parameter),
  );
  env.session.ownDerivatives.push({ name, span: gradient.header, call, parameters });
  const values = call.values.values();
  const replaced = (of: Value): Value => {
    if (of.kind === "list") return { ...of, items: of.items.map(replaced) };
    return of.kind === "tensor" ? { ...of, value: values.next().value! } : of;
  };
  return replaced(result);
}

function holds(value: Value, kind: Value["kind"]): boolean {
  return value.kind === kind || (value.kind === "list" && value.items.some((v) => holds(v, kind)));
}

function tensorsIn(value: Value): TensorValue[] {
  if (value.kind === "list") return value.items.flatMap(tensorsIn);
  return value.kind === "tensor" ? [value] : [];
}

function floatsIn(value: Value): GraphValue[] {
  return tensorsIn(value).flatMap(({ value: tensor }) => (isFloat(tensor.dtype) ? [tensor] : []));
}

/** Binds the block's names to the derivatives by the results; `none` for a result without one. */
function blockEnvironment(
  gradient: GradientBlock,
  declaration: FnDeclaration,
  result: Value,
  leaves: readonly (GraphValue | null)[],
  env: Environment,
): Environment | undefined {
  const parts = result.kind === "list" ? result.items : [result];
  const { cotangents, header } = gradient;
  if (cotangents.length !== parts.length) {
    const values = {
      name: declaration.name.name,
      results: countOf(parts.length, "result"),
      found: cotangents.length,
    };
    report(env, diagnostics.cotangentCount(header, values));
    return undefined;
  }
  const next = leaves.values();
  const cotangentOf = (part: Value): Value => {
    if (part.kind === "list") return { ...part, items: part.items.map(cotangentOf) };
    const leaf = part.kind === "tensor" ? next.next().value : null;
    return leaf == null || part.kind !== "tensor" ? noneValue : tensorValue(leaf, part.sources);
  };
  const scope = new Scope(env.scope);
  parts.forEach((part, i) => {
    const { name, span } = cotangents[i]!;
    scope.set(name, { value: cotangentOf(part), span });
  });
  return { ...env, scope };
}

interface Given {
  readonly name: string;
  readonly value: Value;
}

/** The derivatives by all floats given, in order; nothing after an error. */
function derivativesOf(
  gradient: GradientBlock,
  declaration: FnDeclaration,
  given: readonly Given[],
  env: Environment,
): GraphValue[] | undefined {
  const name = declaration.name.name;
  const returned = runBody(gradient.body, env);
  if (returned === null) {
    report(env, diagnostics.missingReturn(gradient.header, { name: `gradient of ${name}` }));
    return undefined;
  }
  if (returned.kind === "error") return undefined;
  const span = returnedSpan(gradient);
  const parts = returned.kind === "list" && returned.isTuple ? returned.items : [returned];
  if (parts.length !== given.length) {
    const parameters = countOf(given.length, "parameter");
    report(env, diagnostics.gradientCount(span, { name, parameters, found: parts.length }));
    return undefined;
  }
  const derivatives = given.map((of, i) => derivativeBy(of, parts[i]!, span, env));
  if (derivatives.some((found) => found === undefined)) return undefined;
  return derivatives.flatMap((found) => found!);
}

/** Where the derivatives are returned, if that is one place. */
function returnedSpan({ body, header }: GradientBlock): Span {
  const last = body.at(-1);
  return last?.kind === "return" ? last.value.span : header;
}

function countOf(count: number, what: string): string {
  return count === 1 ? `1 ${what}` : `${count} ${what}s`;
}

/** What is returned as the derivative by a parameter, float by float. */
function derivativeBy(
  { name, value }: Given,
  derivative: Value,
  span: Span,
  env: Environment,
): GraphValue[] | undefined {
  if (derivative.kind === "error") return undefined;
  if (value.kind === "list") {
    const items = derivative.kind === "list" ? derivative.items : [];
    if (items.length !== value.items.length) {
      const expected = `a list of ${value.items.length}`;
      report(env, diagnostics.gradientType(span, { name, expected, found: describe(derivative) }));
      return undefined;
    }
    const found = value.items.map((item, i) =>
      derivativeBy({ name, value: item }, items[i]!, span, env),
    );
    return found.includes(undefined) ? undefined : found.flatMap((part) => part!);
  }
  // A parameter known at build time needs none, whatever the block says for other calls.
  if (value.kind !== "tensor") return [];
  const { dtype, shape } = value.value;
  if (!isFloat(dtype)) {
    if (derivative.kind === "none") return [];
    report(env, diagnostics.gradientOfInteger(span, { name, found: dtype }));
    return undefined;
  }
  const isNumber = derivative.kind === "int" || derivative.kind === "float";
  const tensor = scalarTensor(env, derivative, dtype);
  const fits =
    tensor !== undefined &&
    tensor.value.dtype === dtype &&
    (isNumber || sameShape(tensor.value.shape, shape));
  if (!fits) {
    const expected = printTensorType(dtype, shape);
    report(env, diagnostics.gradientType(span, { name, expected, found: describe(derivative) }));
    return undefined;
  }
  invariant(tensor !== undefined, "a derivative that fits is a tensor");
  return [broadcastTo(env.session.context, tensor.value, shape)];
}
