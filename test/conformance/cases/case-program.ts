/**
 * A conformance case as a `.nn` program and its data. What may be differentiated is a param of the model, what may
 * not is an input with one row; the outputs are repeated along the batch, which has one sample. The optimizer
 * `Probe` keeps the gradient that it is given, so that it can be read after one step.
 */

export interface Tensor {
  readonly dtype: "f32" | "i32" | "bool";
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

export interface CaseProgram {
  /** Functions and optimizers that the model uses. */
  readonly declarations?: readonly string[];
  /** By name; params start from these values. */
  readonly params: ReadonlyMap<string, Tensor>;
  /** By name; constants, indexes and masks. */
  readonly inputs: ReadonlyMap<string, Tensor>;
  /** By name; columns of several samples, for library functions that take a batch. All have as many rows. */
  readonly batches?: ReadonlyMap<string, Tensor>;
  /** Params of layers, by path within the model: `dense/kernel`. */
  readonly weights?: ReadonlyMap<string, Tensor>;
  /** Statements of the model. */
  readonly statements: readonly string[];
  readonly outputs: readonly CaseOutput[];
  /** An optimizer, applied. */
  readonly optimizer?: string;
  /** Metrics of the batches' columns, evaluated over all rows at once; then nothing is trained. */
  readonly metrics?: readonly { readonly name: string; readonly expression: string }[];
}

export interface CaseOutput {
  readonly name: string;
  readonly expression: string;
  readonly shape: readonly number[];
  /** Whether it leads with the batch by itself, so that it is not repeated. */
  readonly isBatch?: boolean;
  /** The loss is Σ output · cotangent over the outputs that have one. */
  readonly cotangent?: Tensor;
}

/** Why a case is left out: it says what the language lacks. */
export class NotExpressible extends Error {}

const modelName = "Case";

/** What the case gives to start from, by path. */
export const givenTensors = ({ params, weights = new Map() }: CaseProgram) =>
  new Map<string, ArrayLike<number>>(
    [...params, ...weights].map(([name, { data }]) => [paramPath(name), data]),
  );

/** The path of a param in the compiled model. */
export const paramPath = (name: string): string => `${modelName}/${name}`;

const probe = `
optimizer Probe(learning_rate = 0.0) {
  update(w, g, t) {
    state gradient = zeros
    gradient <- g
    w <- w - learning_rate * g
  }
}`;

/** The name of the slot in which `Probe` keeps the gradient. */
export const gradientSlot = "gradient";

const dimensions = (shape: readonly number[]): string => shape.join(", ");

const rowsType = ({ dtype, shape }: Tensor): string => `${dtype}[${["N", ...shape].join(", ")}]`;

const columnType = ({ dtype, shape }: Tensor): string =>
  shape.length === 0 ? dtype : `${dtype}[${dimensions(shape)}]`;

/** Whether there is anything to differentiate. */
export const isTrained = ({ params, outputs }: CaseProgram): boolean =>
  params.size > 0 && outputs.some(({ cotangent }) => cotangent !== undefined);

/** A program that trains a number nobody reads, for the metrics of its columns. */
function metricSource({ batches = new Map(), metrics = [] }: CaseProgram): string {
  const columns = [...batches].map(([name, tensor]) => [name, sampleOf(tensor)] as const);
  return [
    `model ${modelName} {`,
    "  input unit: f32[N]",
    "  param start: f32 = zeros",
    "  output result = unit * start",
    "}",
    "data rows {",
    "  train {",
    '    unit = npy("unit.npy")',
    ...columns.map(([name, tensor]) => `    ${name}: ${columnType(tensor)} = npy("${name}.npy")`),
    "  }",
    "}",
    `train ${modelName} on rows {`,
    "  loss mean(result)",
    "  optimizer SGD()",
    `  metrics ${metrics.map(({ name, expression }) => `${name} = ${expression}`).join(", ")}`,
    `  batch_size ${samplesOf({ batches })}`,
    "}",
    "",
  ].join("\n");
}

/** The text of the program. */
export function sourceOf(program: CaseProgram): string {
  if (program.metrics !== undefined) return metricSource(program);
  const { declarations = [], params, inputs, statements, outputs, optimizer } = program;
  const batches = program.batches ?? new Map<string, Tensor>();
  const cotangents = outputs.flatMap(({ name, cotangent }) =>
    cotangent === undefined ? [] : [[name, cotangent] as const],
  );
  const columns = [
    ["unit", { dtype: "f32", shape: [], data: [1] } as Tensor] as const,
    ...[...inputs].map(([name, tensor]) => [rowsName(name), tensor] as const),
    ...cotangents.map(([name, tensor]) => [cotangentName(name), tensor] as const),
  ];
  const loss = cotangents.map(([name]) => `sum(${outputName(name)} * ${cotangentName(name)})`);
  return [
    ...declarations,
    ...(optimizer === undefined ? [probe] : []),
    `model ${modelName} {`,
    "  input unit: f32[N]",
    ...[...inputs].map(([name, tensor]) => `  input ${rowsName(name)}: ${rowsType(tensor)}`),
    ...[...batches].map(([name, tensor]) => `  input ${name}: ${rowsType(sampleOf(tensor))}`),
    ...[...inputs.keys()].map((name) => `  ${name} = ${rowsName(name)}[0]`),
    ...[...params].map(([name, tensor]) => `  param ${name}: ${columnType(tensor)} = zeros`),
    ...statements.map((statement) => `  ${statement}`),
    ...outputs.flatMap(({ name, expression, shape, isBatch = false }) =>
      isBatch
        ? [`  output ${outputName(name)} = ${expression}`]
        : [
            `  value_${name} = ${expression}`,
            `  output ${outputName(name)} = broadcast_to(value_${name}, [${["N", ...shape].join(", ")}])`,
          ],
    ),
    "  output batch_unit = unit",
    "}",
    ...(isTrained(program)
      ? [
          "data rows {",
          "  train {",
          ...columns.map(
            ([name, tensor]) => `    ${name}: ${columnType(tensor)} = npy("${name}.npy")`,
          ),
          "  }",
          "}",
          `train ${modelName} on rows {`,
          `  loss ${loss.join(" + ")}`,
          `  optimizer ${optimizer ?? "Probe()"}`,
          "  batch_size 1",
          "}",
        ]
      : []),
    "",
  ].join("\n");
}

/** One row of a column of samples. */
function sampleOf({ dtype, shape }: Tensor): Tensor {
  return { dtype, shape: shape.slice(1), data: [] };
}

/** Rows of the batch. */
export function samplesOf({ batches = new Map() }: Pick<CaseProgram, "batches">): number {
  const [first] = batches.values();
  return first?.shape[0] ?? 1;
}

/** The columns of the program's data: their batches, and one row of everything else. */
export function columnsOf(program: CaseProgram): ReadonlyMap<string, Tensor> {
  const { inputs, outputs } = program;
  const columns = new Map<string, Tensor>([["unit", { dtype: "f32", shape: [], data: [1] }]]);
  for (const [name, tensor] of inputs) columns.set(rowsName(name), tensor);
  for (const { name, cotangent } of outputs) {
    if (cotangent !== undefined) columns.set(cotangentName(name), cotangent);
  }
  const samples = samplesOf(program);
  const repeated = [...columns].map(([name, { dtype, shape, data }]) => {
    const rows = Array.from({ length: samples }, () => Array.from(data)).flat();
    return [name, { dtype, shape, data: rows }] as const;
  });
  return new Map([...repeated, ...(program.batches ?? [])]);
}

export const rowsName = (name: string): string => `${name}_rows`;
export const outputName = (name: string): string => `out_${name}`;
const cotangentName = (name: string): string => `ct_${name}`;
