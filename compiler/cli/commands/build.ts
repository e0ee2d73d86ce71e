/** `nnc build`: writes a folder with a trainer that runs without nnc. */

import { existsSync } from "node:fs";
import { chmod, copyFile, mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { findNativeAddon } from "../../../runtime/devices/cpu/native-addon.ts";
import { formatBytes } from "../../../runtime/training/report/quantities.ts";
import { selfTestDataset } from "../../../runtime/training/self-test.ts";
import type { CompiledProgram } from "../../compiled-program.ts";
import { computeSelfTest, selfTestRanges } from "../../self-test.ts";
import type { LoweredProgram } from "../../semantics/program.ts";
import { instantiateProgram } from "../../trainer/instantiate.ts";
import { compileModel } from "../compile-model.ts";
import { CommandError } from "../failure.ts";
import { compileKernels, modelName } from "../model-environment.ts";
import type { CompileFlags } from "../options.ts";
import { findPackageFiles } from "../package-files.ts";
import type { Streams } from "../streams.ts";
import { resolveTarget } from "../target.ts";

/** Enough to see that rows are told apart. */
const SELF_TEST_ROWS = 2;

interface BuildFlags extends CompileFlags {
  readonly output?: string;
  readonly print?: readonly string[];
  readonly verify?: boolean;
  readonly timePasses?: boolean;
}

export async function build(entry: string, options: BuildFlags, streams: Streams): Promise<number> {
  const { program: compiled, lowered } = compileModel(
    { entry, ...options, target: await resolveTarget(options.target) },
    streams,
  );
  const program = withSelfTest(compiled, lowered);
  const library = await compileKernels(program, options.march);
  const name = modelName(entry);
  const folder = resolve(options.output ?? join("out", name));
  const files = findPackageFiles();
  // ts-morph takes long to load, and only building needs it.
  const { writeTrainerFiles } = await import("../../trainer/trainer-files.ts");
  const texts = writeTrainerFiles(program, {
    name,
    sourceFile: basename(entry),
    dataFolder: resolve(dirname(entry)),
    compilerVersion: files.version,
  });
  const addon = findNativeAddon();
  if (addon === undefined) {
    streams.errors.write(
      "warning: the native addon was not built here: put nnc.node beside trainer.js\n",
    );
  }
  await writeFolder(folder, texts, {
    "kernels.so": library.path,
    "runtime.js": files.runtime,
    "runtime.d.ts": files.runtimeTypes,
    ...(addon === undefined ? {} : { "nnc.node": addon }),
  });
  const memory = Object.values(program.plan.arenas).reduce((total, bytes) => total + bytes, 0);
  const shown = options.output ?? join("out", name);
  streams.out.write(
    `${shown}: trainer of ${program.plan.model} for ${program.plan.target}, ${program.kernels.length} kernels, ` +
      `${formatBytes(memory)} of memory; run it with \`node ${join(shown, "trainer.js")}\`\n`,
  );
  return 0;
}

/** Adds the figures that the trainer's self-test compares with. */
function withSelfTest(program: CompiledProgram, lowered: LoweredProgram): CompiledProgram {
  const definition = instantiateProgram(program);
  const { plan } = definition;
  const seed = plan.training?.seed ?? 0;
  const rows = Math.min(SELF_TEST_ROWS, plan.batchMax);
  const test = { seed, rows, ranges: selfTestRanges(lowered) };
  const dataset = selfTestDataset(plan.columns, { ...test, checks: [] });
  const columns = new Map([...dataset.columns].map(([name, { data }]) => [name, data]));
  const selfTest = computeSelfTest(lowered, definition, { ...test, columns });
  return { ...program, plan: { ...plan, selfTest } };
}

/** Fills a folder beside the wanted one, then renames, so that no trainer is ever half-written. */
async function writeFolder(
  folder: string,
  texts: Readonly<Record<string, string>>,
  copies: Readonly<Record<string, string>>,
): Promise<void> {
  await checkReplaceable(folder);
  await mkdir(dirname(folder), { recursive: true });
  const temporary = await mkdtemp(join(dirname(folder), `.${basename(folder)}-`));
  // What mkdtemp makes is for its owner alone.
  await chmod(temporary, 0o755);
  try {
    for (const [name, text] of Object.entries(texts)) await writeFile(join(temporary, name), text);
    for (const [name, from] of Object.entries(copies)) await copyFile(from, join(temporary, name));
    if (existsSync(folder)) {
      // What else lies there, a checkpoint perhaps, stays; each file is replaced at once.
      for (const name of await readdir(temporary)) {
        await rename(join(temporary, name), join(folder, name));
      }
    } else {
      await rename(temporary, folder);
    }
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Refuses to mix a trainer into a folder of something else. */
async function checkReplaceable(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  const entries = await readdir(folder).catch(() => {
    throw new CommandError(`${folder} is a file`, "name a folder with -o");
  });
  if (entries.length > 0 && !entries.includes("trainer.js")) {
    throw new CommandError(
      `the folder ${folder} holds something else than a trainer`,
      "name a new folder with -o",
    );
  }
}
