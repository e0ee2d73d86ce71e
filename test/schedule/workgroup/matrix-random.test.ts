/**
 * Random products and convolutions on matrix units, as CUDA on the emulation, with random orders of axes, odd sizes,
 * partial batches, and tiles for small and large devices. `NNC_FUZZ_RUNS` asks for more, from the seed `NNC_FUZZ_SEED`.
 */

import fc from "fast-check";
import { describe, test } from "vitest";
import { hasEmulation, needsEmulation } from "../../cuda/emulation.ts";
import { type Case, productCase } from "../contraction-cases.ts";
import { type ConvolutionCase, convolutionGraph } from "./convolution-cases.ts";
import { checkProducts, pointsOfConvolution, pointsOfProduct, ways } from "./matrix-cases.ts";

const seed = Number(process.env.NNC_FUZZ_SEED ?? 20261122);
const numRuns = Number(process.env.NNC_FUZZ_RUNS ?? 8);

/** Often a multiple of what is copied at once. */
const size = fc.oneof(
  fc.integer({ min: 1, max: 10 }).map((eights) => 8 * eights),
  fc.integer({ min: 8, max: 75 }),
);
const batch = fc
  .integer({ min: 1, max: 40 })
  .chain((max) => fc.tuple(fc.integer({ min: 1, max }), fc.constant(max)));
const order = (letters: string) =>
  fc
    .shuffledSubarray([...letters], { minLength: letters.length })
    .map((shuffled) => shuffled.join(""));

const product: fc.Arbitrary<Case> = fc
  .record({
    left: order("bmk"),
    right: order("bkn"),
    output: order("bmn"),
    hasOuter: fc.boolean(),
    grows: fc.constantFrom("m", "k", "b", null),
    m: size,
    n: size,
    k: size,
    batch,
  })
  .map(({ left, right, output, hasOuter, grows, m, n, k, batch: rows }) => {
    const without = (letters: string) => (hasOuter ? letters : letters.replace("b", ""));
    // The axis that grows with the batch comes first wherever it is.
    const lead = (letters: string) =>
      grows !== null && letters.includes(grows) ? grows + letters.replace(grows, "") : letters;
    const written = [left, right, output].map((letters) => lead(without(letters)));
    const sizes = { m, n, k, ...(hasOuter ? { b: 3 } : {}) };
    const isUsed = grows !== null && written.some((letters) => letters.includes(grows));
    return {
      letters: `${written[0]},${written[1]}->${written[2]}`,
      sizes: isUsed ? { ...sizes, [grows]: "N" as const } : sizes,
      ...(isUsed ? { batch: rows } : {}),
    };
  });

const convolution: fc.Arbitrary<ConvolutionCase> = fc
  .record({
    size: fc.array(fc.integer({ min: 5, max: 9 }), { minLength: 1, maxLength: 2 }),
    taps: fc.integer({ min: 1, max: 3 }),
    stride: fc.integer({ min: 1, max: 2 }),
    dilation: fc.integer({ min: 1, max: 2 }),
    padding: fc.integer({ min: 0, max: 2 }),
    channels: fc.tuple(fc.constantFrom(8, 9, 12, 16, 20), fc.constantFrom(8, 10, 16, 24, 33)),
    n: fc.integer({ min: 2, max: 4 }),
  })
  .map(({ taps, n, ...spec }) => ({ ...spec, kernel: spec.size.map(() => taps), batch: [n, 4] }));

const way = fc.constantFrom(...ways);
const multiprocessors = fc.constantFrom(1, 132);

describe.runIf(hasEmulation)(`random products on matrix units ${needsEmulation}`, () => {
  test.each(fc.sample(fc.tuple(product, way, multiprocessors), { numRuns, seed }))(
    "%j, %j, %i multiprocessors",
    async (each, units, count) => {
      const points = pointsOfProduct(each);
      const options = { multiprocessors: count, mayFallBack: true };
      await checkProducts(productCase(each), units, () => points, options);
    },
  );

  const convolutions = fc.tuple(convolution, way, multiprocessors);
  test.each(fc.sample(convolutions, { numRuns: Math.ceil(numRuns / 2), seed }))(
    "%j, %j, %i multiprocessors",
    async (spec, units, count) => {
      const points = pointsOfConvolution(spec);
      const options = { multiprocessors: count, mayFallBack: true };
      await checkProducts(convolutionGraph(spec), units, (name) => points[name]!, options);
    },
  );
});
