/**
 * What holds of every graph between passes. The verifier runs after each pass in tests, and on request:
 *
 * - Operands are made before their users, and every scalar and node has the type that its table row gives.
 * - Axes that a body, its conditions and `where` mention are axes of the node. Without a reducer there are no
 *   reduction axes, and `where` is `always`.
 * - Extents are at least 0 for N ≥ 1; where N occurs in a shape it leads it; a tensor has less than 2³¹ elements.
 * - A load has one index a dimension, and each is in range wherever `where` and the load's guard hold, for every
 *   1 ≤ N ≤ Nmax. Numbers that index random streams are not negative.
 * - A loop's carries keep their shapes and types; its body is verified as the graph is, and no node of it stands
 *   outside.
 * - A call has cotangents of its results' shapes and types, which nothing but its gradients reads, and gradients of its
 *   inputs'.
 * - An assignment's target is a param or a state (in the body of a loop a carry), assigned once, of the value's shape and type. Results have
 *   different names.
 */

import { InvariantError } from "../diagnostics/diagnostic.ts";
import { axesOf } from "./affine.ts";
import { rangeOf } from "./affine-range.ts";
import { freeCotangents } from "./calls.ts";
import { always, and, type Condition, conditionAxes, inRange, nonnegative } from "./condition.ts";
import { graphNodes, loadsOf, scalarChildren } from "./context.ts";
import { isFloat } from "./dtype.ts";
import { type Extent, elementsAt, printExtent, type Shape, sameShape, sizeAt } from "./extent.ts";
import type {
  Call,
  Compute,
  Graph,
  LeafRole,
  LoadScalar,
  Node,
  Scalar,
  Scan,
  Scatter,
  Value,
} from "./node.ts";
import { nameValues, printAffine, printGraphLines } from "./print.ts";
import { implies } from "./prove.ts";
import { reducers } from "./reducers.ts";
import { scalarFunctions } from "./scalar-functions.ts";

export interface GraphFault {
  readonly message: string;
  /** The node at fault; null for results and assignments. */
  readonly node: Node | null;
}

/** Throws an `InvariantError` that shows the first fault and the ten lines of the graph around it. */
export function verifyGraph(graph: Graph, stage: string = graph.name): void {
  const [fault] = findFaults(graph);
  if (fault === undefined) return;
  const lines = printGraphLines(graph);
  const nodes = graphNodes(graph);
  const at = fault.node === null ? lines.length - 1 : nodes.indexOf(fault.node) + 1;
  const first = Math.max(0, Math.min(at - 5, lines.length - 10));
  const shown = lines
    .slice(first, first + 10)
    .map((line, i) => `${first + i === at ? "> " : "  "}${line}`);
  throw new InvariantError(`${stage}: ${fault.message}\n${shown.join("\n")}`);
}

/** Everything that is wrong with a graph, operands before users. */
export function findFaults(graph: Graph): GraphFault[] {
  const faults: GraphFault[] = [];
  const nodes = graphNodes(graph);
  const names = nameValues(nodes);
  for (const node of nodes) {
    checkNode(node, graph.batchMax, (message) => {
      faults.push({ message: `${names(node.values[0]!)}: ${message}`, node });
    });
    const [loop] = node.loops;
    if (loop !== undefined) faults.push({ message: `a node of loop ${loop} outside of it`, node });
  }
  checkEnds(graph, (message) => faults.push({ message, node: null }));
  return faults;
}

type Report = (message: string) => void;

function checkNode(node: Node, batchMax: number, report: Report): void {
  for (const value of node.values) checkShape(value.shape, batchMax, report);
  if (node.kind === "compute") checkCompute(node, batchMax, report);
  if (node.kind === "scatter") checkScatter(node, batchMax, report);
  if (node.kind === "scan") checkScan(node, batchMax, report);
  if (node.kind === "call") checkCall(node, report);
}

function checkCall({ primal, inputs, cotangents, gradients }: Call, report: Report): void {
  const like = (a: Value, b: Value | null | undefined): boolean =>
    b !== undefined && (b === null || (a.dtype === b.dtype && sameShape(a.shape, b.shape)));
  if (
    primal.length !== cotangents.length ||
    !primal.every((value, i) => like(value, cotangents[i]))
  )
    report("a call's cotangents are not like its results");
  if (inputs.length !== gradients.length || !inputs.every((value, i) => like(value, gradients[i])))
    report("a call's gradients are not like its inputs");
  if (!inputs.every(({ dtype }) => isFloat(dtype))) report("an input of a call is not a float");
}

function checkScatter(node: Scatter, batchMax: number, report: Report): void {
  const { parallel, shape, index, body, operands } = node;
  if (operands.some((value) => value.node.id >= node.id))
    report("an operand is made after its user");
  if (index.length !== shape.length || index.some(({ dtype }) => dtype !== "i32")) {
    report("a scatter takes an i32 for each dimension");
  }
  for (const scalar of [...index, body]) {
    checkScalars(scalar, parallel, batchMax, report);
    for (const load of loadsOf(scalar)) checkLoad(load, always, parallel, batchMax, report);
  }
}

function checkScan(scan: Scan, batchMax: number, report: Report): void {
  const { carries, stacks, nodes, length, loop } = scan;
  if (!Number.isInteger(length) || length < 1) report(`a loop runs ${length} times`);
  for (const { leaf, init, next } of carries) {
    for (const value of [init, next]) {
      if (value.dtype !== leaf.dtype || !sameShape(value.shape, leaf.shape)) {
        report("a carry changes its shape or type");
      }
    }
  }
  for (const { place } of stacks) {
    const { min, max } = rangeOf(place, [], batchMax);
    if (min < 0 || max >= length || axesOf(place).size > 0) report("a stack leaves its axis");
  }
  for (const node of nodes) {
    checkNode(node, batchMax, (message) => report(`in loop ${loop}, node ${node.id}: ${message}`));
  }
}

function checkShape(shape: Shape, batchMax: number, report: Report): void {
  for (const extent of shape) {
    if (sizeAt(extent, 1) < 0 || extent.batch < 0) {
      report(`extent ${printExtent(extent)} may be negative`);
    }
  }
  const [first] = shape;
  if (first?.batch === 0 && shape.some((extent) => extent.batch !== 0)) {
    report("N occurs in the shape but does not lead it");
  }
  if (elementsAt(shape, batchMax) >= 2 ** 31) report("the tensor has 2³¹ elements or more");
}

function checkCompute(node: Compute, batchMax: number, report: Report): void {
  const { parallel, reduction, where, reducer, body, values, operands } = node;
  const box: readonly Extent[] = [...parallel, ...reduction];
  if (reducer === null && (reduction.length > 0 || where.kind !== "true")) {
    report("without a reducer there is nothing to reduce over or to leave out");
  }
  const types = reducer === null ? [body.dtype] : reducers[reducer].resultTypes(body.dtype);
  if (String(types) !== String(values.map((value) => value.dtype))) {
    report(`a body of ${body.dtype} under ${reducer} gives ${types}`);
  }
  if (values.some((value) => !sameShape(value.shape, parallel))) {
    report("a result's shape is not the parallel box");
  }
  if (operands.some((value) => value.node.id >= node.id))
    report("an operand is made after its user");
  checkAxes(conditionAxes(where), box, report);
  checkScalars(body, box, batchMax, report);
  for (const load of loadsOf(body)) checkLoad(load, where, box, batchMax, report);
}

function checkAxes(axes: ReadonlySet<number>, box: readonly Extent[], report: Report): void {
  for (const axis of axes) if (axis >= box.length) report(`there is no axis i${axis}`);
}

function checkScalars(
  body: Scalar,
  box: readonly Extent[],
  batchMax: number,
  report: Report,
): void {
  const seen = new Set<Scalar>();
  const visit = (scalar: Scalar): void => {
    if (seen.has(scalar)) return;
    seen.add(scalar);
    for (const child of scalarChildren(scalar)) visit(child);
    switch (scalar.kind) {
      case "index":
        checkAxes(axesOf(scalar.index), box, report);
        break;
      case "condition":
        checkAxes(conditionAxes(scalar.condition), box, report);
        break;
      case "random":
        checkAxes(axesOf(scalar.index), box, report);
        if (!implies(and(), nonnegative(scalar.index), box, batchMax)) {
          report(`the random index ${printAffine(scalar.index)} may be negative`);
        }
        break;
      case "call": {
        const types = scalar.args.map((arg) => arg.dtype);
        if (scalarFunctions[scalar.fn].resultType(types) !== scalar.dtype) {
          report(`${scalar.fn}(${types.join(", ")}) is not ${scalar.dtype}`);
        }
        break;
      }
      default:
        break;
    }
  };
  visit(body);
}

function checkLoad(
  { value, index, guard }: LoadScalar,
  where: Condition,
  box: readonly Extent[],
  batchMax: number,
  report: Report,
): void {
  if (index.length !== value.shape.length) {
    report(`a load has ${index.length} indexes for ${value.shape.length} dimensions`);
    return;
  }
  const axes = new Set<number>();
  for (const i of index) axesOf(i, axes);
  conditionAxes(guard, axes);
  if ([...axes].some((axis) => axis >= box.length)) {
    checkAxes(axes, box, report);
    return;
  }
  const given = and(where, guard);
  index.forEach((i, dimension) => {
    const extent = value.shape[dimension]!;
    if (!implies(given, inRange(i, extent), box, batchMax)) {
      report(
        `the index ${printAffine(i)} may leave 0 … ${printExtent(extent)}−1 in dimension ${dimension}`,
      );
    }
  });
}

const assignable: ReadonlySet<LeafRole> = new Set(["param", "state", "carry"]);

function checkEnds(graph: Graph, report: Report): void {
  const ends = [...graph.results, ...graph.assignments].map(({ value }) => value);
  if (freeCotangents(ends).size > 0) report("a cotangent is read outside of its call's gradients");
  const names = new Set<string>();
  for (const { name } of graph.results) {
    if (names.has(name)) report(`two results are named ${name}`);
    names.add(name);
  }
  const targets = new Set<Node>();
  for (const { target, value } of graph.assignments) {
    const { node } = target;
    if (node.kind !== "leaf" || !assignable.has(node.role)) {
      report("an assignment's target is neither a param nor a state");
      continue;
    }
    if (targets.has(node)) report(`${node.path} is assigned twice`);
    targets.add(node);
    if (target.dtype !== value.dtype || !sameShape(target.shape, value.shape)) {
      report(`${node.path} is assigned a value of another shape or type`);
    }
  }
}
