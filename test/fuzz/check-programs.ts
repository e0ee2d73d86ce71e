/**
 * Trains random programs for two steps, a full batch and a partial one, then runs their other graphs: unfused and
 * fused, in each of a runner's variants, against the float64 interpreter of the program as it was lowered,
 * with the rounding of a target's matrix units if it has any. Before
 * each step the interpreter takes the device's own numbers, so that rounding errors do not add up. All variants must
 * give the same bits.
 */

import type { TensorData } from "../../runtime/data/column.ts";
import { compareExact, compareRounded } from "./compare-numbers.ts";
import {
  type CompiledCase,
  compileCase,
  type ProgramRunner,
  roundedOperands,
  type Variants,
} from "./program-library.ts";
import { type RandomProgram, Session } from "./program-session.ts";

export type { RandomProgram };

/** The programs twice, as compiling one changes its context; throws at the first difference, with the program. */
export async function checkPrograms(
  make: () => readonly RandomProgram[],
  runner: ProgramRunner,
): Promise<void> {
  const all = ([false, true] as const).flatMap((fusion) =>
    make().map((random, i) => ({
      random,
      compiled: compileCase(random.program, runner.target, { fusion }),
      name: `random program ${i}, ${fusion ? "fused" : "unfused"}`,
    })),
  );
  const variants = await runner.prepare(all.map(({ compiled }) => compiled));
  for (const [i, { random, compiled, name }] of all.entries()) {
    try {
      await checkProgram(compiled, variants[i]!, random);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new Error(`${name}, N = ${random.n}: ${message}\n${random.text}`, { cause: error });
    }
  }
}

type Named = readonly [variant: string, session: Session];

async function checkProgram(
  compiled: CompiledCase,
  variants: Variants,
  random: RandomProgram,
): Promise<void> {
  const sessions = new Map<string, Session>();
  try {
    for (const [variant, open] of variants) {
      sessions.set(variant, await Session.create(compiled, await open(), random));
    }
    const [[usual, first], ...others] = [...sessions] as unknown as readonly [Named, ...Named[]];
    const statistics = compiled.program.statistics.map(({ graph }) => graph);
    for (const stage of ["train", "train", "evaluate", "predict", ...statistics]) {
      const expectation = await first.expectation(stage);
      const before = await first.assigned(stage);
      for (const session of sessions.values()) await session.run(stage);
      const actual = await first.actual(stage);
      const operands = roundedOperands(compiled.target);
      if (operands === null) compareExact(stage, actual, expectation());
      else compareRounded(stage, actual, { expectation, before, operands });
      for (const [variant, session] of others) {
        compareBits(`${stage}: ${variant}, not ${usual}`, await session.actual(stage), actual);
      }
    }
  } finally {
    for (const session of sessions.values()) session.dispose();
  }
}

function compareBits(
  what: string,
  actual: ReadonlyMap<string, TensorData>,
  wanted: ReadonlyMap<string, TensorData>,
): void {
  for (const [name, data] of wanted) {
    const same = Buffer.from(bytesOf(actual.get(name)!)).equals(bytesOf(data));
    if (!same) throw new Error(`${what}: other bits of ${name}`);
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: TensorData): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
