/** Keras' recurrent cells and the loop over them in plain TypeScript, in float64, as references for tests. */

/** [row][feature] */
export type Matrix = readonly (readonly number[])[];

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** x @ w, with w row-major [inputs, outputs]; from column `from` on, `count` of them. */
function product(
  x: readonly number[],
  w: readonly number[],
  columns: number,
  from = 0,
  count = columns,
): number[] {
  return Array.from({ length: count }, (_, o) =>
    x.reduce((sum, value, i) => sum + value * w[i * columns + from + o]!, 0),
  );
}

export interface Weights {
  readonly kernel: readonly number[];
  readonly recurrent: readonly number[];
  /** Zeros where there is none. */
  readonly bias: readonly number[];
}

/** One step of one row: the output, which is the first state, and all states. */
export type Cell = (x: readonly number[], states: Matrix, weights: Weights) => Matrix;

export const simpleCell: Cell = (x, [h], { kernel, recurrent, bias }) => {
  const units = h!.length;
  const a = product(x, kernel, units);
  const b = product(h!, recurrent, units);
  return [a.map((value, i) => Math.tanh(value + b[i]! + bias[i]!))];
};

export const lstmCell: Cell = (x, [h, c], { kernel, recurrent, bias }) => {
  const units = h!.length;
  const a = product(x, kernel, 4 * units);
  const b = product(h!, recurrent, 4 * units);
  const z = a.map((value, i) => value + b[i]! + bias[i]!);
  const next = c!.map(
    (value, i) => sigmoid(z[units + i]!) * value + sigmoid(z[i]!) * Math.tanh(z[2 * units + i]!),
  );
  return [next.map((value, i) => sigmoid(z[3 * units + i]!) * Math.tanh(value)), next];
};

/** With `reset_after`: bias is [2, 3·units]. */
export const gruCell: Cell = (x, [h], { kernel, recurrent, bias }) => {
  const units = h!.length;
  const a = product(x, kernel, 3 * units).map((value, i) => value + bias[i]!);
  const b = product(h!, recurrent, 3 * units).map((value, i) => value + bias[3 * units + i]!);
  return [
    h!.map((old, i) => {
      const z = sigmoid(a[i]! + b[i]!);
      const r = sigmoid(a[units + i]! + b[units + i]!);
      return z * old + (1 - z) * Math.tanh(a[2 * units + i]! + r * b[2 * units + i]!);
    }),
  ];
};

/** Without: bias is [3·units]. */
export const gruCellBefore: Cell = (x, [h], { kernel, recurrent, bias }) => {
  const units = h!.length;
  const a = product(x, kernel, 3 * units).map((value, i) => value + bias[i]!);
  const b = product(h!, recurrent, 3 * units);
  const r = h!.map((_, i) => sigmoid(a[units + i]! + b[units + i]!));
  const reset = h!.map((old, i) => r[i]! * old);
  const c = product(reset, recurrent, 3 * units, 2 * units, units);
  return [
    h!.map((old, i) => {
      const z = sigmoid(a[i]! + b[i]!);
      return z * old + (1 - z) * Math.tanh(a[2 * units + i]! + c[i]!);
    }),
  ];
};

export interface Run {
  /** One a step, in the order of the steps. */
  readonly outputs: Matrix;
  readonly states: Matrix;
}

/** One row's sequence; a step that is masked keeps the states and repeats the output, or gives 0. */
export function runCell(
  cell: Cell,
  sequence: Matrix,
  initial: Matrix,
  weights: Weights,
  options: {
    readonly mask?: readonly boolean[];
    readonly backwards?: boolean;
    readonly zeroOutput?: boolean;
  } = {},
): Run {
  const { mask, backwards = false, zeroOutput = false } = options;
  let states = initial;
  let shown: readonly number[] = initial[0]!.map(() => 0);
  const outputs: (readonly number[])[] = [];
  for (let k = 0; k < sequence.length; k++) {
    const t = backwards ? sequence.length - 1 - k : k;
    if (mask === undefined || mask[t]) {
      states = cell(sequence[t]!, states, weights);
      shown = states[0]!;
      outputs.push(shown);
    } else {
      outputs.push(zeroOutput ? shown.map(() => 0) : shown);
    }
  }
  return { outputs, states };
}

/** Numbers that look like any: the same for the same seed. */
export function numbers(count: number, seed: number): number[] {
  return Array.from({ length: count }, (_, i) => Math.sin(12.9898 * (i + 1) + 78.233 * seed));
}

export function rowsOf(data: readonly number[], width: number): number[][] {
  return Array.from({ length: data.length / width }, (_, i) =>
    data.slice(i * width, (i + 1) * width),
  );
}
