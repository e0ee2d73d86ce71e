/**
 * The textual form of graphs: one line a node, in order of definition, with types on definitions and names
 * that depend on nothing but the graph.
 *
 *     graph train, N ≤ 128
 *     %0: u8[N, 784] = input image
 *     %1: f32[784, 32] = param Digits/dense/kernel
 *     %2: f32[N, 32] = sum[i2 < 784] f32(%0[i0, i2]) * %1[i2, i1]
 *     loss = %9
 *     Digits/dense/kernel <- %12
 *
 * A scalar with several users is bound before the body: `let s0 = exp(%2[i0]); s0 / (1 + s0)`.
 */

import { assertExhaustive } from "../diagnostics/diagnostic.ts";
import { type Affine, type Atom, soleAtom } from "./affine.ts";
import type { Condition } from "./condition.ts";
import { graphNodes, scalarChildren } from "./context.ts";
import { printExtent, printShape } from "./extent.ts";
import type { Call, Graph, Node, Scalar, Scan, Value } from "./node.ts";
import { scalarFunctions } from "./scalar-functions.ts";

/** Names a value in the text; `%3`, or `%3.1` for the second result of a node with several. */
export type ValueNames = (value: Value) => string;

export function printGraph(graph: Graph): string {
  return printGraphLines(graph).join("\n");
}

/** The lines of `printGraph`; the nodes' lines follow the head line in order of `graphNodes`. */
export function printGraphLines(graph: Graph): string[] {
  const nodes = graphNodes(graph);
  const names = nameValues(nodes);
  return [
    `graph ${graph.name}, N ≤ ${graph.batchMax}`,
    ...nodes.map((node) => printNode(node, names)),
    ...graph.results.map(({ name, value }) => `${name} = ${names(value)}`),
    ...graph.assignments.map(({ target, value }) => `${printTarget(target)} <- ${names(value)}`),
  ];
}

const printTarget = ({ node }: Value): string => (node.kind === "leaf" ? node.path : "?");

/** Names by position in the list, as `printGraph` uses them. */
export function nameValues(nodes: readonly Node[]): ValueNames {
  const numbers = new Map(nodes.map((node, i) => [node, i]));
  return ({ node, result }) => {
    const name = `%${numbers.get(node) ?? "?"}`;
    return node.values.length === 1 ? name : `${name}.${result}`;
  };
}

export function printNode(node: Node, names: ValueNames): string {
  const definitions = node.values
    .map((value) => `${names(value)}: ${value.dtype}${printShape(value.shape)}`)
    .join(", ");
  if (node.kind === "leaf") return `${definitions} = ${node.role} ${node.path}`;
  if (node.kind === "scan") return `${definitions} = ${printScan(node, names)}`;
  if (node.kind === "call") return `${definitions} = ${printCall(node, names)}`;
  if (node.kind === "scatter") {
    const box = node.parallel.map((extent, i) => `i${i} < ${printExtent(extent)}`);
    const index = node.index.map((scalar) => printBody(scalar, names));
    return `${definitions} = scatter[${box.join(", ")}] at [${index.join(", ")}]: ${printBody(node.body, names)}`;
  }
  const body = printBody(node.body, names);
  if (node.reducer === null) return `${definitions} = ${body}`;
  const axes = node.reduction.map(
    (extent, i) => `i${node.parallel.length + i} < ${printExtent(extent)}`,
  );
  const where = node.where.kind === "true" ? "" : ` where ${printCondition(node.where)}:`;
  return `${definitions} = ${node.reducer}[${axes.join(", ")}]${where} ${body}`;
}

/** `call %4, derivative of %0: %7 by %5`: the gradients, from the derivatives by its results. */
function printCall({ primal, inputs, cotangents, gradients }: Call, names: ValueNames): string {
  const list = (values: readonly (Value | null)[]): string =>
    values.map((value) => (value === null ? "none" : names(value))).join(", ");
  return `call ${list(primal)}, derivative of ${list(inputs)}: ${list(gradients)} by ${list(cotangents)}`;
}

/** A loop: its body's nodes are indented lines above its end, named after the loop: `%t0.3`. */
function printScan(scan: Scan, outer: ValueNames): string {
  const numbers = new Map(scan.nodes.map((node, i) => [node, i]));
  const names: ValueNames = (value) => {
    const number = numbers.get(value.node);
    if (number === undefined) return outer(value);
    const part = value.node.values.length === 1 ? "" : `.${value.result}`;
    return `%t${scan.loop}_${number}${part}`;
  };
  const indented = (text: string): string => text.replaceAll("\n", "\n  ");
  return [
    `scan t${scan.loop} < ${scan.length}${scan.recompute ? " recompute" : ""}`,
    ...scan.nodes.map((node) => `  ${indented(printNode(node, names))}`),
    ...scan.carries.map(
      ({ leaf, init, next }) => `  carry ${names(leaf)} from ${outer(init)} <- ${names(next)}`,
    ),
    ...scan.stacks.map(({ value, place }) => `  stack ${names(value)} at ${printAffine(place)}`),
  ].join("\n");
}

/** A body on one line, shared scalars first. */
function printBody(body: Scalar, names: ValueNames): string {
  const bound = new Map<Scalar, string>();
  const bindings: string[] = [];
  const visited = new Set<Scalar>();
  const shared = sharedScalars(body);
  const visit = (scalar: Scalar): void => {
    if (visited.has(scalar)) return;
    visited.add(scalar);
    for (const child of scalarChildren(scalar)) visit(child);
    if (shared.has(scalar)) {
      const text = printScalar(scalar, names, bound);
      const name = `s${bound.size}`;
      bound.set(scalar, name);
      bindings.push(`${name} = ${text}`);
    }
  };
  visit(body);
  const result = printScalar(body, names, bound);
  return bindings.length === 0 ? result : `let ${bindings.join("; ")}; ${result}`;
}

/** Computed scalars that more than one scalar uses. */
function sharedScalars(body: Scalar): Set<Scalar> {
  const seen = new Set<Scalar>();
  const shared = new Set<Scalar>();
  const visit = (scalar: Scalar): void => {
    if (seen.has(scalar)) {
      if (scalar.kind === "call" || scalar.kind === "cast") shared.add(scalar);
      return;
    }
    seen.add(scalar);
    for (const child of scalarChildren(scalar)) visit(child);
  };
  visit(body);
  return shared;
}

const isOperator = (spelling: string | undefined): spelling is string =>
  spelling !== undefined && /^[-+*/<>=!&|]+$/.test(spelling);

function printScalar(
  scalar: Scalar,
  names: ValueNames,
  bound: ReadonlyMap<Scalar, string>,
  isOperand = false,
): string {
  const name = bound.get(scalar);
  if (name !== undefined) return name;
  switch (scalar.kind) {
    case "constant":
      return printConstant(scalar);
    case "index":
      return isOperand ? `(${printAffine(scalar.index)})` : printAffine(scalar.index);
    case "condition":
      return `[${printCondition(scalar.condition)}]`;
    case "load": {
      const place = `${names(scalar.value)}[${scalar.index.map(printAffine).join(", ")}]`;
      if (scalar.guard.kind === "true") return place;
      return `${place}{${printCondition(scalar.guard)}}`;
    }
    case "gather": {
      const index = scalar.index.map((i) => printScalar(i, names, bound));
      return `${names(scalar.value)}[[${index.join(", ")}]]`;
    }
    case "random":
      return `random("${scalar.stream}", ${printAffine(scalar.index)})`;
    case "cast":
      return `${scalar.dtype}(${printScalar(scalar.of, names, bound)})`;
    case "call": {
      const { c } = scalarFunctions[scalar.fn].spelling;
      const [a, b] = scalar.args;
      if (scalar.args.length === 2 && isOperator(c)) {
        const left = printScalar(a!, names, bound, true);
        const right = printScalar(b!, names, bound, true);
        return isOperand ? `(${left} ${c} ${right})` : `${left} ${c} ${right}`;
      }
      if (scalar.args.length === 1 && isOperator(c))
        return `${c}${printScalar(a!, names, bound, true)}`;
      return `${scalar.fn}(${scalar.args.map((arg) => printScalar(arg, names, bound)).join(", ")})`;
    }
    default:
      return assertExhaustive(scalar);
  }
}

function printConstant({ value, dtype }: Extract<Scalar, { kind: "constant" }>): string {
  if (dtype === "bool") return value === 0 ? "false" : "true";
  if (Object.is(value, -0)) return "-0.0";
  const isWholeFloat = dtype !== "i32" && dtype !== "u8" && Number.isInteger(value);
  return isWholeFloat && Math.abs(value) < 1e15 ? `${value}.0` : String(value);
}

/** `2*i0 + i3 - 1`, `i1 div 28`, `(i1 + 4) mod 28`. */
export function printAffine(a: Affine): string {
  const parts = a.terms.map(({ coefficient, atom }) => [coefficient, printAtom(atom)] as const);
  if (a.batch !== 0) parts.push([a.batch, "N"]);
  if (a.constant !== 0 || parts.length === 0) parts.push([a.constant, ""]);
  return parts
    .map(([coefficient, atom], i) => {
      const size = Math.abs(coefficient);
      const term = atom === "" ? String(size) : size === 1 ? atom : `${size}*${atom}`;
      if (i === 0) return coefficient < 0 ? `-${term}` : term;
      return coefficient < 0 ? ` - ${term}` : ` + ${term}`;
    })
    .join("");
}

function printAtom(atom: Atom): string {
  if (atom.kind === "axis") return `i${atom.axis}`;
  if (atom.kind === "step") return `t${atom.loop}`;
  // A sole atom has its own parentheses.
  const text = printAffine(atom.base);
  const inner = soleAtom(atom.base) === undefined ? `(${text})` : text;
  return `(${inner} ${atom.kind} ${atom.divisor})`;
}

export function printCondition(c: Condition): string {
  switch (c.kind) {
    case "true":
    case "false":
      return c.kind;
    case "nonnegative":
      return `${printAffine(c.value)} >= 0`;
    case "zero":
      return `${printAffine(c.value)} = 0`;
    case "divides":
      return `${c.divisor} divides ${printAffine(c.value)}`;
    case "not":
      return `not (${printCondition(c.of)})`;
    case "and":
    case "or":
      return c.of
        .map((part) => {
          const text = printCondition(part);
          return part.kind === "and" || part.kind === "or" ? `(${text})` : text;
        })
        .join(` ${c.kind} `);
    default:
      return assertExhaustive(c);
  }
}
