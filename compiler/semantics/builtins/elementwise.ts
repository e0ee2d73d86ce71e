/** The language's elementwise functions: the rows of the table of scalar functions that have a name in it. */

import {
  type ScalarFunctionName,
  scalarFunctionNames,
  scalarFunctions,
} from "../../graph/scalar-functions.ts";
import { applyScalarFunction } from "../arithmetic.ts";
import { argument, type Builtin, type BuiltinCall, required } from "./builtin.ts";

const parameterNames = [["x"], ["a", "b"], ["a", "b", "c"]] as const;

function rowBuiltin(fn: ScalarFunctionName, name: string): Builtin {
  const { arity, doc } = scalarFunctions[fn];
  const names = parameterNames[arity - 1]!;
  return {
    name,
    parameters: names.map(required),
    doc,
    call: (call) => apply(call, fn, names),
  };
}

function apply(call: BuiltinCall, fn: ScalarFunctionName, names: readonly string[]) {
  const operation = { fn, name: call.name, span: call.span };
  return applyScalarFunction(
    call.env,
    operation,
    names.map((name) => argument(call, name)),
  );
}

const clip: Builtin = {
  name: "clip",
  parameters: ["x", "low", "high"].map(required),
  doc: "x cut to low … high; the gradient passes at the bounds",
  call: (call) => {
    const { env, name, span } = call;
    const raised = apply(call, "maximum", ["x", "low"]);
    return applyScalarFunction(env, { fn: "minimum", name, span }, [
      { value: raised, span: argument(call, "x").span },
      argument(call, "high"),
    ]);
  },
};

export const elementwiseBuiltins: readonly Builtin[] = [
  ...scalarFunctionNames.flatMap((fn) => {
    const name = scalarFunctions[fn].builtin;
    return name === null ? [] : [rowBuiltin(fn, name)];
  }),
  clip,
];
