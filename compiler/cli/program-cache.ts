/**
 * Keeps compiled programs between runs, so that `nnc train` of an unchanged model neither loads nor runs the
 * compiler. An entry is addressed by what was asked for and by the build of nnc; it holds if every file it was made
 * of still has the same content. Anything odd about an entry means that the model is compiled again.
 */

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomically } from "../../runtime/data/atomic-write.ts";
import type { CudaProgram } from "../../runtime/devices/cuda/cuda-program.ts";
import type { CudaImage } from "../../runtime/devices/cuda/kernel-image.ts";
import type { WgslProgram } from "../../runtime/devices/webgpu/wgsl-program.ts";
import type { CompiledProgram } from "../compiled-program.ts";
import type { SourceHost } from "../semantics/modules.ts";
import { cacheDirectory, isIntact } from "../targets/build-cache.ts";

/** Kernels as this process can run them. */
export type ReadyKernels =
  /** Path of the kernel library. */
  | { readonly target: "cpu"; readonly library: string }
  | { readonly target: "wgsl"; readonly program: WgslProgram }
  /** `images` by variant. */
  | {
      readonly target: "cuda";
      readonly program: CudaProgram;
      readonly images: readonly CudaImage[];
    };

/** What running a model takes. */
export interface KeptProgram {
  readonly program: Pick<CompiledProgram, "plan" | "functions">;
  readonly kernels: ReadyKernels;
  /** What the compiler warned of, as printed. */
  readonly warnings: string;
}

interface Entry extends KeptProgram {
  /** Hashes of the files by name. */
  readonly sources: Readonly<Record<string, string>>;
}

/** Names of the library's files, as `SourceHost.readStd` takes them, follow this. */
const STD_PREFIX = "std:";

export class ProgramCache {
  readonly #path: string;
  readonly #host: SourceHost;

  /** `request` is everything besides the sources that the program depends on. */
  constructor(request: Readonly<Record<string, unknown>>, host: SourceHost) {
    this.#path = join(cacheDirectory(), "programs", `${hash(JSON.stringify(request))}.json`);
    this.#host = host;
  }

  async read(): Promise<KeptProgram | undefined> {
    try {
      const [checksum = "", text = ""] = splitFirstLine(await readFile(this.#path, "utf8"));
      if (checksum !== hash(text)) return undefined;
      const entry = JSON.parse(text) as Entry;
      const unchanged = Object.entries(entry.sources).every(([name, expected]) => {
        const source = this.#readSource(name);
        return source !== undefined && hash(source) === expected;
      });
      const { kernels } = entry;
      return unchanged && (await isWhole(kernels)) ? entry : undefined;
    } catch {
      return undefined;
    }
  }

  /** A cache that cannot be written to is no reason to fail. */
  async write(kept: KeptProgram, sources: ReadonlyMap<string, string>): Promise<void> {
    const { kernels, warnings } = kept;
    const { plan, functions } = kept.program;
    const entry: Entry = {
      program: { plan, functions },
      kernels,
      warnings,
      sources: Object.fromEntries([...sources].map(([name, text]) => [name, hash(text)])),
    };
    const text = JSON.stringify(entry);
    await writeFileAtomically(this.#path, `${hash(text)}\n${text}`).catch(() => undefined);
  }

  #readSource(name: string): string | undefined {
    return name.startsWith(STD_PREFIX)
      ? this.#host.readStd(name.slice(STD_PREFIX.length))
      : this.#host.readFile(name);
  }
}

/** Whether the files of kernels are as they were made. */
async function isWhole(kernels: ReadyKernels): Promise<boolean> {
  switch (kernels.target) {
    case "cpu":
      return isIntact(kernels.library);
    case "wgsl":
      return true;
    case "cuda": {
      const intact = await Promise.all(
        kernels.images.map((image) => image.kind !== "file" || isIntact(image.path)),
      );
      return intact.every(Boolean);
    }
  }
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function splitFirstLine(text: string): readonly string[] {
  const end = text.indexOf("\n");
  return end < 0 ? [] : [text.slice(0, end), text.slice(end + 1)];
}
