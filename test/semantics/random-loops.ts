/** Layers with random loops, as text, for tests that compare what passes make of them. */

import * as fc from "fast-check";

export interface RandomLoop {
  /** A layer `Cell` of an input `x: f32[N, T, 2]`, giving f32[N, …]. */
  readonly layer: string;
  /** Words after the loop's first values: `checkpoint every 2`. */
  readonly words: string;
}

/** Statements that bind a name to a tensor of shape [N, 3], from names of the body so far. */
const statements: readonly ((name: string, a: string, b: string) => string)[] = [
  (name, a, b) => `${name}[n, c < 3] = sum[i < 3] ${a}[n, c + i - 1] * ${b}[n, i]`,
  (name, a, b) => `${name}[n, c < 3] = max[i < 2] ${a}[n, 2*i - c] * x[n, t, i] + ${b}[n, c]`,
  (name, a, b) =>
    `${name}[n, c < 3] = ${a}[n, (c + t) % 3] * (if c < t then x[n, t - c, 0] else ${b}[n, 0])`,
  (name, a) =>
    `${name} = ${a}\n    ${name} = ${inner.replaceAll("NAME", name).replace("NEXT", `${name}'`)}`,
];

const inner = `scan k in 2 from NAME { NEXT = tanh(NAME @ u) + f32(k + t) * x[:, t] @ w }`;

/** Expressions of that shape. */
const operations: readonly ((a: string, b: string) => string)[] = [
  (a, b) => `${a} + ${b}`,
  (a, b) => `${a} * ${b}`,
  (a, b) => `${a} - 0.5 * ${b}`,
  (a, b) => `${a} @ u + ${b}`,
  (a) => `tanh(${a})`,
  (a, b) => `sigmoid(${a} @ u) * ${b}`,
  (a, b) => `if ${a} > ${b} then ${a} else 0.5 * ${b}`,
  (a, b) => `if t < 2 then ${a} else ${b} + f32(t)`,
  (a, b) => `${a} - mean(${b}, axis = -1, keepdims = true)`,
  (a, b) => `${a} * max(${b}, axis = 1)[:, none]`,
  (a, b) => `0.1 * ${a}[:, ::-1] + ${b} * w[0]`,
];

const sequences = [
  "x[:, t] @ w",
  "x[:, t - 1] @ w",
  "y[:, t]",
  "tanh(x[:, T - 1 - t] @ w)",
  "y[:, 0]",
];

export const randomLoop: fc.Arbitrary<RandomLoop> = fc
  .record({
    start: fc.constantFrom("zeros([N, 3])", "x[:, 0] @ w", "y[:, 1]"),
    sequence: fc.constantFrom(...sequences),
    steps: fc.array(
      fc.record({
        op: fc.nat(operations.length + statements.length - 1),
        a: fc.nat(20),
        b: fc.nat(20),
      }),
      {
        minLength: 2,
        maxLength: 6,
      },
    ),
    ends: fc.tuple(fc.nat(20), fc.nat(20)),
    isReversed: fc.boolean(),
    result: fc.constantFrom("p", "p.all", "p.all + q.all", "p + q.last", "q.all[:, 1] * p"),
    words: fc.constantFrom("", "", " checkpoint every 2", " checkpoint every 3"),
  })
  .map(({ start, sequence, steps, ends, isReversed, result, words }) => {
    const names = ["p", "q", "s"];
    const lines = [`s = ${sequence}`];
    steps.forEach(({ op, a, b }, i) => {
      const name = `v${i}`;
      const [left, right] = [names[a % names.length]!, names[b % names.length]!];
      const statement = statements[op - operations.length];
      lines.push(statement?.(name, left, right) ?? `${name} = ${operations[op]!(left, right)}`);
      names.push(name);
    });
    // The latest names twice: most of the body should matter.
    const pick = (i: number) => names[Math.max(3, names.length - 1 - (i % 3))]!;
    const layer = `
layer Cell()(x: f32[N, T, 2]) {
  param w: f32[2, 3] = glorot_uniform
  param u: f32[3, 3] = glorot_uniform
  y = x @ (2 * w)
  (p, q) = scan t in T${isReversed ? " reversed" : ""} from (${start}, y[:, 2])WORDS {
    ${lines.join("\n    ")}
    p' = 0.7 * p + 0.2 * ${pick(ends[0])}
    q' = tanh(${pick(ends[1])} - p')
  }
  return ${result}
}`;
    return { layer, words };
  });

/** The model with the words in their place, or without. */
export function loopModel({ layer }: RandomLoop, words: string): string {
  return `${layer.replace("WORDS", words)}
model M {
  input x: f32[N, 5, 2]
  output y = x |> Cell
}`;
}
