import { describe, expect, it } from "vitest";
import { DiagnosticSink, type Span } from "../../compiler/diagnostics/diagnostic.ts";
import type { Expression, ParsedFile } from "../../compiler/syntax/ast.ts";
import { parse } from "../../compiler/syntax/parser.ts";
import { samples } from "./samples.ts";
import { expressionOf, parseExpression, show } from "./show.ts";

function parsed(file: (typeof samples)[number]): ParsedFile {
  const sink = new DiagnosticSink();
  const result = parse(file, sink);
  expect(sink.sorted()).toEqual([]);
  return result;
}

interface Node {
  readonly kind: string;
  readonly span: Span;
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "kind" in value && "span" in value;
}

/** Calls `visit` for every node with the nearest node around it. */
function walk(
  value: unknown,
  parent: Node | null,
  visit: (node: Node, parent: Node | null) => void,
): void {
  if (Array.isArray(value)) for (const item of value) walk(item, parent, visit);
  else if (typeof value === "object" && value !== null) {
    const node = isNode(value) ? value : parent;
    if (isNode(value)) visit(value, parent);
    for (const child of Object.values(value)) walk(child, node, visit);
  }
}

const expressionKinds: ReadonlySet<string> = new Set<Expression["kind"]>([
  "number",
  "string",
  "boolean",
  "none",
  "identifier",
  "list",
  "tuple",
  "call",
  "index",
  "unary",
  "binary",
  "range",
  "pipe",
  "conditional",
  "reduce",
]);

describe.each(samples)("spans in $name", (file) => {
  it("lie inside the spans around them, and no node stands in two places", () => {
    const seen = new Set<Node>();
    walk(parsed(file).declarations, null, (node, parent) => {
      expect(node.span.file).toBe(file.name);
      expect(node.span.start).toBeLessThanOrEqual(node.span.end);
      if (parent !== null) {
        expect(node.span.start).toBeGreaterThanOrEqual(parent.span.start);
        expect(node.span.end).toBeLessThanOrEqual(parent.span.end);
      }
      // Only an import without `as` has its name twice.
      if (parent?.kind !== "import") expect(seen.has(node)).toBe(false);
      seen.add(node);
    });
  });

  it("of expressions hold the text of the expression", () => {
    walk(parsed(file).declarations, null, (node) => {
      if (!expressionKinds.has(node.kind)) return;
      const text = file.text.slice(node.span.start, node.span.end);
      expect(expressionOf(`(${text})`)).toBe(show(node as Expression));
    });
  });
});

describe("spans", () => {
  it("of operators include the parentheses of their operands", () => {
    const node = parseExpression("(a + b) * (c)");
    expect([node.span.start, node.span.end]).toEqual([11, 24]);
    expect(node.kind === "binary" && node.left.span).toMatchObject({ start: 12, end: 17 });
    expect(node.kind === "binary" && node.operatorSpan).toMatchObject({ start: 19, end: 20 });
  });
});
