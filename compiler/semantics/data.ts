/** Data declarations: columns with their types, and the files that each block reads them from. */

import type { ColumnPlan, ColumnSource, DataPlan, ElementType } from "../../runtime/plan.ts";
import { diagnostics } from "../diagnostics/catalogue.generated.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { nearest } from "../diagnostics/nearest.ts";
import type { DType } from "../graph/dtype.ts";
import { batchExtent, printShape, type Shape } from "../graph/extent.ts";
import type { Value as GraphValue } from "../graph/node.ts";
import type { DataBlock, DataColumn, DataDeclaration } from "../syntax/ast.ts";
import { widensTo } from "./dtypes.ts";
import { declaredShape } from "./inputs.ts";
import { type NamedCall, namedCall, type ReaderName, readers } from "./named-arguments.ts";
import { type Environment, report } from "./session.ts";
import { elementType } from "./types.ts";
import { printTensorType } from "./values.ts";

/** A column of the training block. */
export interface DeclaredColumn {
  readonly name: string;
  /** One row; undefined where the type is left to the model's input of that name. */
  readonly type: { readonly dtype: DType; readonly shape: Shape } | null;
  readonly span: Span;
  readonly typeSpan: Span;
}

export interface LoweredData {
  readonly declaration: DataDeclaration;
  /** Of the training block, by name. */
  readonly columns: ReadonlyMap<string, DeclaredColumn>;
  readonly blocks: ReadonlyMap<BlockName, DataBlock>;
  /** What each column of each block is read by; missing where that is an error. */
  readonly readings: ReadonlyMap<DataColumn, NamedCall>;
}

const blockNames = ["train", "validation", "test"] as const;
type BlockName = (typeof blockNames)[number];

/** Nothing is returned where no block declares the columns. */
export function lowerData(declaration: DataDeclaration, env: Environment): LoweredData | null {
  const blocks = new Map<BlockName, DataBlock>();
  for (const block of declaration.blocks) {
    const { name, span } = block.name;
    const known = blockNames.find((candidate) => candidate === name);
    if (known === undefined) {
      report(env, diagnostics.unknownDataBlock(span, { name, nearest: nearest(name, blockNames) }));
    } else if (blocks.has(known)) {
      const labels = [{ span: blocks.get(known)!.name.span, text: "first given here" }];
      report(env, diagnostics.duplicateDataBlock(span, { name }, { labels }));
    } else {
      blocks.set(known, block);
    }
  }
  const columns = new Map<string, DeclaredColumn>();
  const train = blocks.get("train");
  if (train === undefined) {
    const { header, name } = declaration;
    report(env, diagnostics.missingTrainBlock(header, { name: name.name }));
    return null;
  }
  for (const column of train.columns) {
    const { name, span } = column.name;
    const before = columns.get(name);
    if (before !== undefined) {
      const labels = [{ span: before.span, text: "first given here" }];
      report(env, diagnostics.duplicateColumn(span, { name }, { labels }));
      continue;
    }
    const type = columnType(column, env);
    columns.set(name, { name, type, span, typeSpan: column.type?.span ?? span });
  }
  for (const [block, { columns: given }] of blocks) {
    if (block !== "train") checkColumns(block, given, columns, env);
  }
  const readings = new Map<DataColumn, NamedCall>();
  for (const column of [...blocks.values()].flatMap((block) => block.columns)) {
    const call = namedCall(column.value, readers, "reader", env);
    if (call !== undefined) readings.set(column, call);
  }
  return { declaration, columns, blocks, readings };
}

function columnType({ name, type }: DataColumn, env: Environment): DeclaredColumn["type"] {
  if (type === null) return null;
  if (type.kind === "tuple-type") {
    const what = `the column \`${name.name}\``;
    report(
      env,
      diagnostics.wrongType(type.span, { what, expected: "a tensor type", found: "a tuple type" }),
    );
    return null;
  }
  const dtype = elementType(env, type);
  const shape = declaredShape(type, env);
  if (dtype === undefined || shape === undefined) return null;
  if (shape.some(({ batch }) => batch !== 0)) {
    report(env, diagnostics.columnWithBatch(type.span, { name: name.name }));
    return null;
  }
  return { dtype: dtype ?? "f32", shape };
}

function checkColumns(
  block: BlockName,
  given: readonly DataColumn[],
  columns: ReadonlyMap<string, DeclaredColumn>,
  env: Environment,
): void {
  const seen = new Map<string, Span>();
  for (const column of given) {
    const { name, span } = column.name;
    const before = seen.get(name);
    seen.set(name, span);
    const known = columns.get(name);
    if (before !== undefined) {
      const labels = [{ span: before, text: "first given here" }];
      report(env, diagnostics.duplicateColumn(span, { name }, { labels }));
    } else if (known === undefined) {
      const best = nearest(name, columns.keys());
      report(env, diagnostics.unknownColumn(span, { name, block, nearest: best }));
    } else if (column.type !== null && known.type !== null) {
      const type = columnType(column, env);
      const first = printTensorType(known.type.dtype, known.type.shape);
      const second = type === null ? first : printTensorType(type.dtype, type.shape);
      if (first !== second) {
        const labels = [{ span: known.typeSpan, text: `${first} here` }];
        report(env, diagnostics.columnTypes(column.type.span, { name, first, second }, { labels }));
      }
    }
  }
}

/** The element types that columns can be stored in. */
const elementTypes: readonly ElementType[] = ["f32", "i32", "u8", "bool"];

/** A leaf that reads a column, as the plan describes it; nothing after an error. */
export function columnPlan(
  leaf: GraphValue,
  name: string,
  span: Span,
  env: Environment,
): ColumnPlan | undefined {
  const dtype = elementTypes.find((type) => type === leaf.dtype);
  if (dtype === undefined) {
    report(env, diagnostics.columnDtype(span, { name, dtype: leaf.dtype }));
    return undefined;
  }
  const shape = leaf.shape.slice(1).map(({ constant }) => constant);
  const indexes = env.session.indexes.get(name);
  return { name, dtype, shape, ...(indexes !== undefined && { indexes }) };
}

/** The batch of a column that is no input of the model. */
export function columnLeaf(column: DeclaredColumn, env: Environment): GraphValue | undefined {
  if (column.type === null) {
    // A type that means nothing was reported where it stands.
    if (column.typeSpan !== column.span) return undefined;
    report(env, diagnostics.columnWithoutType(column.span, { name: column.name }));
    return undefined;
  }
  const { dtype, shape } = column.type;
  return env.session.context.leaf("input", column.name, dtype, [batchExtent, ...shape]);
}

/** Checks that a column can feed the model's input of its name. */
export function checkInput(
  column: DeclaredColumn,
  input: GraphValue,
  span: Span,
  env: Environment,
): void {
  if (column.type === null) return;
  const { dtype, shape } = column.type;
  const isSame = printShape(shape) === printShape(input.shape.slice(1));
  if (isSame && widensTo(dtype, input.dtype)) return;
  report(
    env,
    diagnostics.columnForInput(
      column.typeSpan,
      {
        name: column.name,
        column: printTensorType(dtype, shape),
        input: printTensorType(input.dtype, input.shape),
      },
      { labels: [{ span, text: `the model takes ${printTensorType(input.dtype, input.shape)}` }] },
    ),
  );
}

/** The files of the columns that are used, block by block. */
export function dataPlan(
  data: LoweredData,
  used: readonly ColumnPlan[],
  env: Environment,
): DataPlan {
  const sources = (block: BlockName): ColumnSource[] => {
    const given = data.blocks.get(block);
    if (given === undefined) return [];
    return used.flatMap((column) => {
      const source = given.columns.find(({ name }) => name.name === column.name);
      if (source === undefined) {
        const isKnown = data.columns.has(column.name);
        if (isKnown) {
          report(
            env,
            diagnostics.blockWithoutColumn(given.name.span, { block, name: column.name }),
          );
        }
        return [];
      }
      const read = columnSource(data, source, column, env);
      return read === undefined ? [] : [read];
    });
  };
  const train = sources("train");
  return {
    name: data.declaration.name.name,
    blocks: {
      train,
      ...(data.blocks.has("validation") ? { validation: sources("validation") } : {}),
      ...(data.blocks.has("test") ? { test: sources("test") } : {}),
    },
  };
}

function columnSource(
  data: LoweredData,
  source: DataColumn,
  column: ColumnPlan,
  env: Environment,
): ColumnSource | undefined {
  const call = data.readings.get(source);
  if (call === undefined) return undefined;
  const { path, ...options } = call.arguments;
  const { columns } = options;
  const training = data.blocks.get("train")?.columns.find(({ name }) => name.name === column.name);
  const countsOwn = options.split === undefined || options.vocabulary !== undefined;
  const counted =
    countsOwn || training === undefined || training === source
      ? undefined
      : columnSource(data, training, column, env);
  const size = column.shape.reduce((product, extent) => product * extent, 1);
  if (Array.isArray(columns) && columns.length !== size) {
    report(
      env,
      diagnostics.columnCount(source.value.span, {
        name: source.name.name,
        count: columns.length,
        shape: printShape(column.shape.map((constant) => ({ batch: 0, constant }))),
        size,
      }),
    );
    return undefined;
  }
  const read = { column, reader: call.name as ReaderName, path: String(path), options };
  return counted === undefined ? read : { ...read, vocabulary: counted };
}
