/** Trees as short text: every operator with its operands in parentheses, so that precedence can be seen. */

import { DiagnosticSink } from "../../compiler/diagnostics/diagnostic.ts";
import type {
  Argument,
  AxisBinder,
  Declaration,
  Expression,
  IndexItem,
  ParsedFile,
  Pattern,
  Statement,
  TypeNode,
} from "../../compiler/syntax/ast.ts";
import { parse } from "../../compiler/syntax/parser.ts";

/** The tree and what was reported, as `code at "text": title`. */
export function parseText(text: string): { parsed: ParsedFile; found: readonly string[] } {
  const sink = new DiagnosticSink();
  const parsed = parse({ name: "test.nn", text }, sink);
  const found = sink.sorted().map((diagnostic) => {
    const { start, end } = diagnostic.primary.span;
    return `${diagnostic.code} at ${JSON.stringify(text.slice(start, end))}: ${diagnostic.title}`;
  });
  return { parsed, found };
}

/** A text that must parse. */
export function parseClean(text: string): ParsedFile {
  const { parsed, found } = parseText(text);
  if (found.length > 0) throw new Error(found.join("\n"));
  return parsed;
}

export function parseExpression(text: string): Expression {
  const [declaration] = parseClean(`const it = ${text}\n`).declarations;
  if (declaration?.kind !== "const") throw new Error("not a constant");
  return declaration.value;
}

export function expressionOf(text: string): string {
  return show(parseExpression(text));
}

/** The statements of a function's body, one a line. */
export function statementsOf(body: string): string {
  const [declaration] = parseClean(`fn it() {\n${body}\n}\n`).declarations;
  if (declaration?.kind !== "fn") throw new Error("not a function");
  return declaration.body.map(showStatement).join("\n");
}

export function declarationOf(text: string): Declaration {
  const { declarations } = parseClean(text);
  if (declarations.length !== 1) throw new Error(`${declarations.length} declarations`);
  return declarations[0]!;
}

export function show(node: IndexItem): string {
  switch (node.kind) {
    case "identifier":
      return node.name;
    case "number":
      return node.isInteger ? String(node.value) : `${node.value}f`;
    case "string":
      return JSON.stringify(node.value);
    case "boolean":
      return String(node.value);
    case "none":
      return "none";
    case "ellipsis":
      return "...";
    case "spread":
      return `${show(node.list)}...`;
    case "slice":
      return [node.start, node.stop, node.step].map((part) => (part ? show(part) : "")).join(":");
    case "list":
      return `[${node.elements.map(show).join(", ")}]`;
    case "tuple":
      return `(tuple ${node.elements.map(show).join(", ")})`;
    case "call":
      return `${show(node.callee)}(${node.arguments.map(showArgument).join(", ")})`;
    case "index":
      return `${show(node.object)}[${node.items.map(show).join(", ")}]`;
    case "member":
      return `${node.object.name}.${node.member.name}`;
    case "unary":
      return `(${node.operator} ${show(node.operand)})`;
    case "binary":
      return `(${show(node.left)} ${node.operator} ${show(node.right)})`;
    case "range":
      return `(${show(node.start)} .. ${show(node.stop)})`;
    case "pipe":
      return `(${show(node.value)} |> ${show(node.target)})`;
    case "conditional":
      return `(if ${show(node.condition)} then ${show(node.then)} else ${show(node.otherwise)})`;
    case "reduce":
      return `(${node.reducer}${showAxes(node.axes)} ${show(node.term)})`;
  }
}

export function showStatement(node: Statement): string {
  const block = (body: readonly Statement[]) => `{ ${body.map(showStatement).join("; ")} }`;
  const typed = (type: TypeNode | null) => (type === null ? "" : `: ${showType(type)}`);
  switch (node.kind) {
    case "bind":
      return `${showPattern(node.pattern)}${typed(node.type)} = ${show(node.value)}`;
    case "indexed-bind":
      return `${node.name.name}${showAxes(node.axes)} = ${show(node.value)}`;
    case "scan": {
      const direction = node.isReversed ? " reversed" : "";
      const every = node.checkpoint === null ? "" : ` checkpoint every ${show(node.checkpoint)}`;
      const head = `scan ${node.step.name} in ${show(node.length)}${direction} from ${show(node.from)}${every}`;
      return `${showPattern(node.pattern)} = ${head} ${block(node.body)}`;
    }
    case "declare": {
      const options = node.options.map((option) => `, ${showArgument(option)}`).join("");
      return `${node.role} ${node.name.name}${typed(node.type)} = ${show(node.value)}${options}`;
    }
    case "assign":
      return `${node.target.name} <- ${show(node.value)}`;
    case "penalty":
      return `penalty ${show(node.value)}`;
    case "assert":
      return `assert ${show(node.condition)}, ${node.severity === "warning" ? "warning = " : ""}${show(node.message)}`;
    case "if": {
      const branches = node.branches.map(
        (branch) => `if ${show(branch.condition)} ${block(branch.body)}`,
      );
      const otherwise = node.otherwise === null ? "" : ` else ${block(node.otherwise)}`;
      return branches.join(" else ") + otherwise;
    }
    case "for":
      return `for ${showPattern(node.pattern)} in ${show(node.list)} ${block(node.body)}`;
    case "return":
      return `return ${show(node.value)}`;
    case "input":
      return `input ${node.name.name}: ${showType(node.type)}`;
    case "output":
      return `output ${node.name.name}${typed(node.type)}${node.value ? ` = ${show(node.value)}` : ""}`;
  }
}

export function showType(type: TypeNode): string {
  if (type.kind === "tuple-type") return `(${type.elements.map(showType).join(", ")})`;
  const shape = type.dimensions === null ? "" : `[${type.dimensions.map(show).join(", ")}]`;
  return `${type.name?.name ?? ""}${shape}`;
}

function showArgument(argument: Argument): string {
  return `${argument.name === null ? "" : `${argument.name.name} = `}${show(argument.value)}`;
}

function showPattern(pattern: Pattern): string {
  if (pattern.kind === "identifier") return pattern.name;
  return `(${pattern.elements.map(showPattern).join(", ")})`;
}

function showAxes(axes: readonly AxisBinder[]): string {
  const shown = axes.map(
    ({ name, isList, extent }) =>
      `${name.name}${isList ? "..." : ""}${extent ? ` < ${show(extent)}` : ""}`,
  );
  return `[${shown.join(", ")}]`;
}
