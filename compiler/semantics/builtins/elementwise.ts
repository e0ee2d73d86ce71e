/** The language's elementwise functions: the rows of the table of scalar functions that have a name in it. */

import {
  type ScalarFunctionName,
  scalarFunctionNames,
  scalarFunctions,
} from "../../graph/scalar-functions.ts";
import { applyScalarFunction } from "../arithmetic.ts";
import type { Value } from "../values.ts";
import { argument, type Builtin, type BuiltinCall, optional, required } from "./builtin.ts";

const parameterNames = [["x"], ["a", "b"], ["a", "b", "c"]] as const;

function rowBuiltin(fn: ScalarFunctionName, name: string): Builtin {
  const { arity, doc } = scalarFunctions[fn];
  const names = parameterNames[arity - 1]!;
  if (ofLists.has(fn)) {
    return {
      name,
      parameters: [required("a"), optional("b")],
      doc: `${doc}; also of all items of a list`,
      call: (call) => overList(call, fn) ?? apply(call, fn, names),
    };
  }
  return {
    name,
    parameters: names.map(required),
    doc,
    call: (call) => apply(call, fn, names),
  };
}

/** Functions of two that are also given a list of any length. */
const ofLists: ReadonlySet<ScalarFunctionName> = new Set(["maximum", "minimum"]);

function overList(call: BuiltinCall, fn: ScalarFunctionName): Value | undefined {
  const { value: list, span } = argument(call, "a");
  if (list.kind !== "list" || call.arguments.has("b")) return undefined;
  const [first, ...others] = list.items;
  if (first === undefined) return undefined;
  const operation = { fn, name: call.name, span: call.span };
  return others.reduce(
    (so, item) =>
      applyScalarFunction(call.env, operation, [
        { value: so, span },
        { value: item, span },
      ]),
    first,
  );
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
