/** What self-tests are computed with, on the graphs of all examples: the interpreter gives the same, bit for bit. */

import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { differentiate } from "../../compiler/autodiff/differentiate.ts";
import { describeTarget } from "../../compiler/cli/machine.ts";
import { findPackageFiles } from "../../compiler/cli/package-files.ts";
import { diskSources } from "../../compiler/cli/source-files.ts";
import { GraphEvaluator } from "../../compiler/graph/evaluator.ts";
import { interpret } from "../../compiler/graph/interpret.ts";
import { compile } from "../../compiler/index.ts";
import { canonicalise } from "../../compiler/optimize/canonicalise.ts";

const folder = new URL("../../dsl-examples/", import.meta.url);
/** Points times operations that the interpreter takes minutes for. */
const tooLarge = new Set([
  "cora.nn",
  "digits-conv.nn",
  "gan.nn",
  "handwriting.nn",
  "imdb.nn",
  "newswires.nn",
  "resnet.nn",
  "reviews.nn",
  "transfer.nn",
  "transformer.nn",
  "vae.nn",
]);
const examples = readdirSync(folder).filter((name) => name.endsWith(".nn") && !tooLarge.has(name));

test.each(examples)(
  "%s",
  (name) => {
    const text = readFileSync(new URL(name, folder), "utf8");
    const host = diskSources(findPackageFiles().std);
    const { lowered } = compile(
      name,
      { ...host, readFile: () => text },
      { target: describeTarget("native") },
    );
    const { context, predict, training } = lowered!;
    const graphs = [canonicalise(context, predict)];
    if (training !== null) {
      graphs.push(differentiate(context, canonicalise(context, training.train)));
    }
    // Any numbers will do, and zeros and ones are classes too.
    const data = Float64Array.from({ length: 1_000_000 }, (_, i) => ((i * 7919) % 13 < 6 ? 0 : 1));
    const environment = { n: 2, seed: 3, leaf: () => data };
    for (const graph of graphs) {
      const wanted = interpret(graph, environment);
      const actual = new GraphEvaluator(2).run(graph, environment);
      for (const [result, elements] of wanted.results) {
        const computed = Float64Array.from(actual.results.get(result)!);
        expect(computed).toEqual(elements);
      }
      for (const [i, { data: elements }] of wanted.assignments.entries()) {
        const stored = Float64Array.from(actual.assignments[i]!.data);
        expect(stored.length).toBe(elements.length);
        expect(stored.every((x, at) => Object.is(x, elements[at]))).toBe(true);
      }
    }
  },
  60_000,
);
