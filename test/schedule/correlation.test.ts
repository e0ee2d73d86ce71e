/** Correlations by transformed tiles: against the float64 interpreter, what they round, and where they are worth it. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { interpret } from "../../compiler/graph/interpret.ts";
import { printModule } from "../../compiler/kernel/print.ts";
import { thisCpu } from "../targets/run-kernels.ts";
import { type CorrelationCase, correlationGraph } from "./correlation-cases.ts";
import { runGraph } from "./run-program.ts";
import { scheduleCase } from "./schedule-case.ts";

const cpu = thisCpu();

/** Where moving costs nothing, so that all correlations are worth transforming. */
const eager = { ...cpu, cacheBandwidth: 1e18, taskSeconds: 1e-9 };

const correlations: fc.Arbitrary<CorrelationCase> = fc.record({
  sizes: fc.array(fc.integer({ min: 2, max: 7 }), { minLength: 1, maxLength: 2 }),
  channels: fc.integer({ min: 5, max: 21 }),
  filters: fc.integer({ min: 5, max: 21 }),
  form: fc.constantFrom("forward", "dataGradient", "filterGradient"),
  isRectified: fc.boolean(),
  isColumn: fc.boolean(),
});

function furthest(expected: ArrayLike<number>, actual: ArrayLike<number>): number {
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    worst = Math.max(worst, Math.abs(expected[i]! - actual[i]!));
  }
  return worst;
}

test("random correlations equal the interpreter, by vectors of all widths and on two threads", async () => {
  const cases = fc.array(correlations, { minLength: 8, maxLength: 8 });
  const lanes = fc.constantFrom(...[16, 8, 4].filter((count) => count <= cpu.vectorLanes));
  const caches = fc.constantFrom([1 << 13, 1 << 16] as const, eager.cacheBytes);
  let transformed = 0;
  await fc.assert(
    fc.asyncProperty(cases, lanes, caches, async (given, vectorLanes, cacheBytes) => {
      const graph = correlationGraph(given, [3, 4]);
      const expected = interpret(graph.graph, graph);
      const options = { cpu: { ...eager, vectorLanes, cacheBytes }, fusion: true };
      const { results, source } = await runGraph(graph, options);
      const onTwo = await runGraph(graph, { ...options, threads: 2 });
      transformed += source.match(/\btaps_[12]_|\boutputs_[12]_/g)?.length ?? 0;
      for (const [name, values] of expected.results) {
        expect(
          furthest(values, results.get(name)!),
          JSON.stringify(given[Number(name)]),
        ).toBeLessThan(1e-4);
        expect(onTwo.results.get(name)).toEqual(results.get(name));
      }
    }),
    { numRuns: 4 },
  );
  expect(transformed).toBeGreaterThan(0);
});

/** The root of the mean square of the error, over that of the sums. */
function errorOf(expected: ArrayLike<number>, actual: ArrayLike<number>): number {
  let error = 0;
  let size = 0;
  for (let i = 0; i < expected.length; i++) {
    error += (expected[i]! - actual[i]!) ** 2;
    size += expected[i]! ** 2;
  }
  return Math.sqrt(error / size);
}

const forms = ["forward", "dataGradient", "filterGradient"] as const;
const ofForms: readonly CorrelationCase[] = forms.map((form) => ({
  sizes: [6, 5],
  channels: 20,
  filters: 16,
  form,
  isRectified: false,
}));

test.each([
  ["of both signs", (x: number) => x],
  ["of one sign, as behind a rectifier,", Math.abs],
] as const)(
  "the error for numbers %s is hardly larger than that of the plain sum",
  async (_, numbers) => {
    const graph = correlationGraph(ofForms, [4, 4]);
    const leaf: typeof graph.leaf = (role, path) =>
      Float64Array.from(graph.leaf(role, path), numbers);
    const given = { ...graph, leaf };
    const expected = interpret(graph.graph, given).results;
    const run = (winograd: boolean) =>
      runGraph(given, { cpu: { ...eager, winograd }, fusion: true });
    const [fast, plain] = [await run(true), await run(false)];
    expect(plain.source).not.toMatch(/outputs_2_|taps_2_/);
    expect(fast.source).toMatch(/outputs_2_/);
    expect(fast.source).toMatch(/taps_2_/);
    forms.forEach((form, i) => {
      const error = errorOf(expected.get(`${i}`)!, fast.results.get(`${i}`)!);
      const of = errorOf(expected.get(`${i}`)!, plain.results.get(`${i}`)!);
      console.log(form, error, of, error / of);
      expect(error, form).toBeLessThan(1.2 * of);
    });
  },
);

test("transforms pay where channels are many, and not where they are few", () => {
  const wide = {
    ...cpu,
    vectorLanes: 16,
    vectorRegisters: 32,
    cacheBytes: [1 << 15, 1 << 20] as const,
  };
  const algorithms = (channels: number, filters: number) => {
    const cases = forms.map((form) => ({
      sizes: [16, 16],
      channels,
      filters,
      form,
      isRectified: false,
    }));
    const { program } = scheduleCase(correlationGraph(cases, [64, 64]), wide, true);
    return program.kernels.flatMap(({ kind, algorithm }) =>
      kind === "contraction" ? [algorithm] : [],
    );
  };
  const forward = "Winograd F(2×2, 3×3)";
  expect(algorithms(64, 64)).toEqual([forward, forward, "Winograd F(3×3, 2×2)"]);
  expect(algorithms(5, 5)).toEqual([null, null, null]);
});

test("weight gradients go through one row of a tile's points at a time, and ask for what comes next", () => {
  const given = { sizes: [6, 6], channels: 4, filters: 4, form: "filterGradient" } as const;
  const graph = correlationGraph([{ ...given, isRectified: false }], [2, 2]);
  const near = { ...eager, vectorLanes: 4, cacheBytes: [1 << 11, 1 << 16] as const };
  const text = printModule(scheduleCase(graph, near, true).program.module);
  const called = [...text.matchAll(/@((?:data|derivatives)\w+_ahead_4)/g)].map(([, name]) => name);
  expect(called).toEqual([
    ...["data_2_rowminus_ahead_4", "derivatives_2_row_ahead_4"],
    ...["data_2_rowplus_ahead_4", "derivatives_2_rowplus_ahead_4"],
    ...["data_2_rowminus_ahead_4", "derivatives_2_rowminus_ahead_4"],
    ...["data_2_rowminus_ahead_4", "derivatives_2_row_ahead_4"],
  ]);
});

test("correlations of all sizes share transforms, but those of all places of a tile, block by block", () => {
  const cases = [4, 6].flatMap((size) =>
    (["forward", "filterGradient"] as const).map((form) => {
      return { sizes: [size, size], channels: 2 * size, filters: 8, form, isRectified: false };
    }),
  );
  const four = { ...eager, vectorLanes: 4, cacheBytes: [1 << 13, 1 << 16] as const };
  const text = printModule(
    scheduleCase(correlationGraph(cases, [2, 2]), four, true).program.module,
  );
  const called = new Set(text.match(/\b(?:data|derivatives|filter|outputs|taps)_2_\w+(?=\()/g));
  expect([...called].sort()).toMatchInlineSnapshot(`
    [
      "data_2_ahead192_2x2x4_16x48x8_8x144x36",
      "data_2_ahead576_3x3x4_24x96x12_12x448x112",
      "data_2_rowminus_ahead_4",
      "data_2_rowplus_ahead_4",
      "derivatives_2_row_ahead_4",
      "derivatives_2_rowminus_ahead_4",
      "derivatives_2_rowplus_ahead_4",
      "filter_2_4",
      "outputs_2_2x2x4_8x144x36_16x32x8",
      "outputs_2_3x2x4_8x304x76_16x48x8",
      "taps_2_4",
    ]
  `);
});

test("the kernel of a correlation of one axis", () => {
  const four = {
    ...eager,
    vectorLanes: 4,
    vectorRegisters: 16,
    cacheBytes: [1 << 13, 1 << 16] as const,
  };
  const given = {
    sizes: [5],
    channels: 8,
    filters: 4,
    form: "forward",
    isRectified: true,
  } as const;
  const { program } = scheduleCase(correlationGraph([given], [2, 2]), four, true);
  const text = printModule(program.module);
  expect(text).toMatchInlineSnapshot(`
    "module test
    kernel maximum(w: read f32[96], x: read f32[112], maximum_2: write f32[40]) tasks n
      let chunk: i32 = remainder(task, n)
      let row_end: i32 = min(add(chunk, 1), n)
      local tile: f32[20]
      loop row = chunk .. row_end step 1
        let row_start: i32 = multiply(row, 56)
        loop row_2 = 0 .. 5 step 5
          let start: i32 = add(row_start, multiply(row_2, 8))
          @tile_5x1x4_n(&x[start], &w[0], 24, 1, 4, 8, &tile[0])
          loop r = 0 .. 5 step 1
            let row_3: i32 = add(row_2, r)
            let sum: f32x4 = load(tile[multiply(r, 4)], f32x4)
            let maximum: f32x4 = maximum.f(0.0x4, sum)
            maximum_2[add(multiply(row, 20), multiply(row_3, 4))] = maximum
    graph correlations
      launch maximum(persistent + 448, persistent + 0, results + 0)"
  `);
});
