/** Statements of a body, in order. Static `if` and `for` run as written; a `return` ends the body. */

import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import { assertExhaustive } from "../diagnostics/diagnostic.ts";
import { batchExtent, isFixed, sameExtent, sameShape } from "../graph/extent.ts";
import type {
  AssertStatement,
  AssignStatement,
  BindStatement,
  Expression,
  ForStatement,
  IfStatement,
  OutputStatement,
  Pattern,
  PenaltyStatement,
  Statement,
} from "../syntax/ast.ts";
import { withRows } from "./batch-states.ts";
import { evaluateStatic, staticTruth } from "./conditional.ts";
import { runConditionally } from "./conditional-assignments.ts";
import { convertTensor } from "./conversions.ts";
import { widensTo } from "./dtypes.ts";
import { evaluate, lookUp } from "./evaluate.ts";
import { childExpressions } from "./expression-children.ts";
import { declareInput } from "./inputs.ts";
import { nameInstance } from "./instances.ts";
import { evaluateIndexedBind } from "./notation.ts";
import { declarePersistent } from "./persistent.ts";
import { runScan } from "./scan.ts";
import { type BodyKind, type Environment, report } from "./session.ts";
import { singleNumber } from "./single-number.ts";
import { broadcastTo } from "./tensors/layout.ts";
import { scalarTensor } from "./tensors/scalar-tensor.ts";
import { conform } from "./types.ts";
import { describe, errorValue, printTensorType, tensorValue, type Value } from "./values.ts";

/** Where each kind of statement may stand, for those that may not stand everywhere. */
const places: Readonly<Partial<Record<Statement["kind"], readonly BodyKind[]>>> = {
  declare: ["layer", "model", "optimizer", "gradient", "metric"],
  assign: ["layer", "model", "optimizer", "gradient", "prepare", "metric"],
  penalty: ["layer", "model"],
  input: ["model"],
  output: ["model"],
  return: ["fn", "layer", "metric", "scale", "gradient", "prepare"],
};

/** The value returned, or null where the body ends without `return`. */
export function runBody(statements: readonly Statement[], env: Environment): Value | null {
  for (const statement of statements) {
    env.session.step(statement.span);
    const allowed = places[statement.kind];
    if (allowed !== undefined && !allowed.includes(env.body)) {
      report(
        env,
        diagnostics.misplacedStatement(statement.span, {
          statement:
            statement.kind === "declare" ? statement.role : statementWords[statement.kind]!,
          places: allowed.map((place) => bodyWords[place]).join(", "),
          instead:
            statement.kind === "return" && env.body === "model"
              ? "mark what the model gives: `output y = …`"
              : undefined,
        }),
      );
      if (statement.kind === "declare" || statement.kind === "input") {
        const { name, span } = statement.name;
        env.scope.set(name, { value: errorValue, span });
      }
      continue;
    }
    const result = runStatement(statement, env);
    if (result !== null) return result;
  }
  return null;
}

const statementWords: Readonly<Partial<Record<Statement["kind"], string>>> = {
  assign: "<-",
  penalty: "penalty",
  input: "input",
  output: "output",
  return: "return",
};

const bodyWords: Readonly<Record<BodyKind, string>> = {
  fn: "a fn",
  layer: "a layer",
  model: "a model",
  optimizer: "an optimizer's update",
  scale: "an optimizer's scale",
  gradient: "an optimizer's gradient",
  prepare: "an optimizer's prepare",
  metric: "a metric",
  top: "the top level",
};

function runStatement(statement: Statement, env: Environment): Value | null {
  switch (statement.kind) {
    case "bind":
      runBind(statement, env);
      return null;
    case "indexed-bind": {
      const { name, span } = statement.name;
      const value = withOrigin(env, statement.span, name, () =>
        evaluateIndexedBind(statement, env),
      );
      env.scope.set(name, { value, span });
      return null;
    }
    case "scan":
      runScan(statement, env);
      return null;
    case "declare":
      declarePersistent(statement, env);
      return null;
    case "assign":
      runAssign(statement, env);
      return null;
    case "penalty":
      runPenalty(statement, env);
      return null;
    case "assert":
      return runAssert(statement, env);
    case "if":
      return runIf(statement, env);
    case "for":
      return runFor(statement, env);
    case "return":
      return withOrigin(env, statement.span, "return", () => evaluate(statement.value, env));
    case "input":
      declareInput(statement, env);
      return null;
    case "output":
      runOutput(statement, env);
      return null;
    default:
      return assertExhaustive(statement);
  }
}

/** Nodes made outside any call stand for the statement; those of the library for the user's call. */
export function withOrigin<T>(
  env: Environment,
  span: Statement["span"],
  label: string,
  run: () => T,
): T {
  if (env.module.isStd) return run();
  return env.session.context.from({ span, label, path: env.owner.path, backward: false }, run);
}

function runBind({ pattern, type, value: source, span }: BindStatement, env: Environment): void {
  const label = pattern.kind === "identifier" ? pattern.name : "tuple";
  let value = withOrigin(env, span, label, () => evaluate(source, env));
  if (type !== null) {
    const what = pattern.kind === "identifier" ? `\`${pattern.name}\`` : "this value";
    value = conform(env, value, type, { span: source.span, what });
  }
  bindPattern(pattern, value, env);
}

/** Binds the names of a pattern. A layer takes the first name it is bound to, but not that of a loop. */
export function bindPattern(
  pattern: Pattern,
  value: Value,
  env: Environment,
  isLoop = false,
): void {
  if (pattern.kind === "identifier") {
    if (value.kind === "instance" && !isLoop) nameInstance(value.instance, pattern.name, env);
    env.scope.set(pattern.name, { value, span: pattern.span });
    return;
  }
  const { elements, span } = pattern;
  let items: readonly Value[] | null = null;
  if (value.kind === "list") {
    if (value.items.length === elements.length) {
      items = value.items;
    } else {
      report(
        env,
        diagnostics.patternLength(span, { names: elements.length, values: value.items.length }),
      );
    }
  } else if (value.kind !== "error") {
    report(
      env,
      diagnostics.wrongType(span, {
        what: "the value of a pattern",
        expected: "a tuple or list",
        found: describe(value),
      }),
    );
  }
  elements.forEach((element, i) => {
    bindPattern(element, items?.[i] ?? errorValue, env, isLoop);
  });
}

/** `x <- e`: later reads see e; the assignment commits at the end of the step. */
function runAssign({ target, value: source, span }: AssignStatement, env: Environment): void {
  const binding = env.scope.get(target.name);
  if (binding === undefined) {
    lookUp(target, env);
    return;
  }
  if (binding.value.kind === "error") return;
  const { cell } = binding;
  if (cell === undefined) {
    const labels = [{ span: binding.span, text: "bound here" }];
    report(env, diagnostics.notAssignable(target.span, { name: target.name }, { labels }));
    return;
  }
  const value = withOrigin(env, span, target.name, () => evaluate(source, env));
  if (env.loops.length > 0) {
    report(env, diagnostics.assignedInLoop(span, { name: target.name }));
    return;
  }
  const tensor = scalarTensor(env, value, cell.dtype);
  if (tensor === undefined) {
    if (value.kind === "error") return;
    const expected = printTensorType(cell.dtype, cell.shape);
    const what = `what \`${target.name}\` is assigned`;
    report(env, diagnostics.wrongType(source.span, { what, expected, found: describe(value) }));
    return;
  }
  const { shape } = tensor.value;
  const whole = binding.value.kind === "tensor" ? binding.value.value.shape : cell.shape;
  const fits =
    shape.length <= whole.length && sameShape(whole.slice(whole.length - shape.length), shape);
  if (!fits || !widensTo(tensor.value.dtype, cell.dtype)) {
    report(
      env,
      diagnostics.assignedShape(
        source.span,
        {
          name: target.name,
          expected: printTensorType(cell.dtype, whole),
          found: describe(tensor),
          advice:
            env.stateRole === "slot"
              ? "a state without a type has the shape of the parameter: `state v = zeros`"
              : undefined,
        },
        { labels: [{ span: binding.span, text: "declared here" }] },
      ),
    );
    env.scope.set(target.name, { ...binding, value: errorValue });
    return;
  }
  const converted = convertTensor(env, tensor, cell.dtype).value;
  const { context } = env.session;
  const assigned = broadcastTo(context, converted, whole);
  env.pass.assigned.set(cell, withRows(context, cell, assigned));
  env.scope.set(target.name, { ...binding, value: tensorValue(assigned) });
}

function runPenalty({ value: source, span }: PenaltyStatement, env: Environment): void {
  const value = withOrigin(env, span, "penalty", () => evaluate(source, env));
  if (value.kind === "none") return;
  addPenalty(value, source.span, env);
}

/** Adds a term to every loss; only if there is none of the same value yet where it `isShared`. */
export function addPenalty(
  value: Value,
  span: Statement["span"],
  env: Environment,
  isShared = false,
): void {
  const penalty = singleNumber(env, value, { what: "a penalty", span });
  if (penalty !== undefined && penalty.node.loops.size > 0) {
    report(env, diagnostics.penaltyInLoop(span, {}));
    return;
  }
  if (penalty === undefined) return;
  const { penalties } = env.pass;
  if (isShared && penalties.some((other) => other.value === penalty)) return;
  penalties.push({ value: penalty, span });
}

/** What returns a value returns an error where an assertion fails; what follows relies on it. */
function runAssert(
  { condition, message, severity }: AssertStatement,
  env: Environment,
): Value | null {
  if (evaluateStatic(condition, env) !== false) return null;
  const facts = factsOf(condition, env);
  const notes = facts.length === 0 ? [] : [`here ${facts.join(", ")}`];
  const values = { message: message.value };
  if (severity === "warning") {
    report(env, diagnostics.adviceNotFollowed(condition.span, values, { notes }));
    return null;
  }
  report(env, diagnostics.assertionFailed(condition.span, values, { notes }));
  return places.return!.includes(env.body) ? errorValue : null;
}

/** What the names in an expression stand for: "`rate` is 20", "`x` is f32[N, 10], from `Block`". */
function factsOf(expression: Expression, env: Environment): string[] {
  if (expression.kind === "identifier") {
    const value = env.scope.get(expression.name)?.value;
    if (value === undefined || value.kind === "error") return [];
    const isNumber = value.kind === "int" || value.kind === "float";
    const source = value.kind === "tensor" ? value.sources.findLast((known) => known) : undefined;
    const shown = isNumber ? `${value.value}` : describe(value);
    return [`\`${expression.name}\` is ${shown}${source ? `, ${source.text}` : ""}`];
  }
  return [...new Set(childExpressions(expression).flatMap((child) => factsOf(child, env)))];
}

/** Where an `if` may ask for a number of the step: in what runs once a step. */
const steppedBodies: readonly BodyKind[] = ["optimizer", "gradient", "prepare"];

function runIf({ branches, otherwise, span }: IfStatement, env: Environment): Value | null {
  for (const [i, { condition, body }] of branches.entries()) {
    const value = evaluate(condition, env);
    const isStepped = steppedBodies.includes(env.body) && value.kind === "tensor";
    if (isStepped && value.value.shape.length === 0 && value.value.dtype === "bool") {
      const rest: IfStatement = { kind: "if", branches: branches.slice(i + 1), otherwise, span };
      const run = (statements: readonly Statement[]) => (inner: Environment) => {
        const result = runBody(statements, inner);
        if (result === null || result.kind === "error") return;
        report(env, diagnostics.returnOnSomeSteps(condition.span, {}));
      };
      runConditionally(env, value, span, run(body), run([rest]));
      return null;
    }
    const holds = staticTruth(value, condition, env);
    // After an error neither side would tell anything new.
    if (holds === undefined) return errorValue;
    if (holds) return runBody(body, env);
  }
  return otherwise === null ? null : runBody(otherwise, env);
}

function runFor({ pattern, list, body }: ForStatement, env: Environment): Value | null {
  const value = evaluate(list, env);
  if (value.kind === "error") return errorValue;
  if (value.kind !== "list") {
    return report(
      env,
      diagnostics.wrongType(list.span, {
        what: "what `for` goes over",
        expected: "a static list",
        found: describe(value),
      }),
    );
  }
  for (const item of value.items) {
    bindPattern(pattern, item, env, true);
    const result = runBody(body, env);
    if (result !== null) return result;
  }
  return null;
}

function runOutput({ name, type, value: source, span }: OutputStatement, env: Environment): void {
  let value =
    source === null
      ? lookUp(name, env)
      : withOrigin(env, span, name.name, () => evaluate(source, env));
  if (type !== null) {
    value = conform(env, value, type, { span: source?.span ?? name.span, what: "the output" });
  }
  env.scope.set(name.name, { value, span: name.span });
  const outputs = env.model?.outputs;
  const before = outputs?.get(name.name);
  if (before !== undefined) {
    const labels = [{ span: before.span, text: "first given here" }];
    report(env, diagnostics.duplicateOutput(name.span, { name: name.name }, { labels }));
    return;
  }
  outputs?.set(name.name, { value, span: name.span });
  if (value.kind === "error") return;
  if (value.kind !== "tensor") {
    const expected = "a tensor";
    const what = `the output \`${name.name}\``;
    report(env, diagnostics.wrongType(name.span, { what, expected, found: describe(value) }));
  } else if (env.model?.inputs === null) {
    const [rows, ...row] = value.value.shape;
    const message =
      rows === undefined || !sameExtent(rows, batchExtent)
        ? diagnostics.outputWithoutBatch
        : row.some((extent) => !isFixed(extent))
          ? diagnostics.outputRowOfBatch
          : undefined;
    if (message === undefined) return;
    report(env, message(name.span, { name: name.name, found: describe(value) }));
    outputs?.set(name.name, { value: errorValue, span: name.span });
  }
}
