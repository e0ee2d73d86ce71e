/** Runs every case of a conformance folder; its manifest says what kind of cases it holds. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { NotExpressible } from "./case-program.ts";
import { checkGradCase, type GradCase } from "./grad-case.ts";
import { checkKerasCase, type KerasCase } from "./keras-case.ts";
import { checkOnnxCase, type OnnxCase } from "./onnx-case.ts";
import { checkOptimCase, type OptimCase } from "./optim-case.ts";
import type { Target } from "./target.ts";

export type Verdict =
  | { readonly kind: "passed" }
  | { readonly kind: "failed"; readonly why: string }
  | { readonly kind: "skipped"; readonly why: string };

export interface CaseVerdict {
  readonly name: string;
  readonly verdict: Verdict;
}

export interface ManifestCase {
  readonly name: string;
}

/** Cases under way at once: while one waits for the C compiler, others are compiled and run. */
const lanes = Math.max(2, availableParallelism());

/** Runs a folder with a manifest, or every folder in it that has one; verdicts come in the manifest's order. */
export async function* runFolder(
  folder: string,
  target: Target,
  only: (name: string) => boolean,
): AsyncGenerator<CaseVerdict> {
  const manifest = join(folder, "manifest.json");
  if (!existsSync(manifest)) {
    for (const entry of readdirSync(folder).sort()) {
      const inner = join(folder, entry);
      if (existsSync(join(inner, "manifest.json"))) yield* runFolder(inner, target, only);
    }
    return;
  }
  const { cases } = JSON.parse(readFileSync(manifest, "utf8")) as { cases: ManifestCase[] };
  const waiting = cases.filter(({ name }) => only(name));
  const started: { readonly name: string; readonly verdict: Promise<Verdict> }[] = [];
  const start = () => {
    const c = waiting.shift();
    if (c !== undefined) started.push({ name: c.name, verdict: verdictOf(c, folder, target) });
  };
  for (let i = 0; i < lanes; i++) start();
  for (let next = started.shift(); next !== undefined; next = started.shift()) {
    const verdict = await next.verdict;
    start();
    yield { name: next.name, verdict };
  }
}

/** Runs one case of a folder's manifest. */
export async function verdictOf(c: ManifestCase, folder: string, target: Target): Promise<Verdict> {
  try {
    const deviations = await check(c, folder, target);
    return deviations.length === 0
      ? { kind: "passed" }
      : { kind: "failed", why: deviations.join("; ") };
  } catch (error) {
    if (error instanceof NotExpressible) return { kind: "skipped", why: error.message };
    return { kind: "failed", why: error instanceof Error ? error.message : String(error) };
  }
}

/** The kind of a case shows in what its manifest says of it. */
async function check(c: ManifestCase, folder: string, target: Target): Promise<readonly string[]> {
  if ("kind" in c) return checkOptimCase(c as unknown as OptimCase, folder, target);
  if ("formula" in c && "inputs" in c)
    return checkGradCase(c as unknown as GradCase, folder, target);
  if ("keras" in c) return checkKerasCase(c as unknown as KerasCase, folder, target);
  if ("op_type" in c) return checkOnnxCase(c as unknown as OnnxCase, folder, target);
  throw new NotExpressible("cases of this form");
}
