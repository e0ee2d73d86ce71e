/**
 * CUDA without a device: builds the emulation of this folder once, into a folder addressed by its content, and says
 * where the product finds it in place of the driver, nvcc and NVRTC.
 */

import { execFile } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import {
  access,
  copyFile,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { keptFolder } from "../temporary-files.ts";

/** What the product reads of the environment. */
export type CudaEnvironment = {
  readonly NNC_LIBCUDA: string;
  readonly NNC_LIBNVRTC: string;
  readonly NNC_NVCC: string;
  /** Images need the very libraries that they were compiled for. */
  readonly XDG_CACHE_HOME: string;
};

export interface EmulatedCuda {
  readonly environment: CudaEnvironment;
  /** Path of a driver that is too old. */
  readonly oldDriver: string;
  /** The program of `check_driver.cc`. */
  readonly driverChecks: string;
  /** The program that runs launches of an image, see `run_kernels.cc`; `sanitized` finds every access out of bounds. */
  runner(sanitized: boolean): Promise<string>;
  /**
   * Compiles CUDA C++ into an image, kept by its content.
   * @throws Error with what the compiler says.
   */
  compile(source: string, sanitized?: boolean): Promise<Uint8Array>;
}

/** How an image is compiled so that a sanitized runner sees into it. */
const sanitizers = [
  "-fsanitize=address,signed-integer-overflow,shift,bounds",
  "-fno-sanitize-recover=all",
  "-fsanitize-sections=nnc_shared_*",
];

const flags = ["-std=c++17", "-O2", "-fPIC", "-pthread", "-Wall", "-Wextra", "-Werror"];

const driverSources = [
  "fake_driver.cc",
  "fake_driver_memory.cc",
  "fake_driver_streams.cc",
  "driver_state.cc",
  "driver_queue.cc",
];
/** Programs, and libraries beside the one that all of them and the images share. */
const parts = {
  "run-kernels": { sources: ["run_kernels.cc"], shared: false },
  nvcc: { sources: ["nvcc_stand_in.cc"], shared: false },
  "libcuda.so.1": { sources: driverSources, shared: true },
  "check-driver": { sources: ["check_driver.cc", ...driverSources], shared: false },
  "libcuda-old.so.1": { sources: ["old_driver.cc"], shared: true },
  "libnvrtc.so": { sources: ["fake_nvrtc.cc"], shared: true },
} as const;
const library = "libnnc_emulation.so";
const librarySources = [
  "fiber.cc",
  "memory.cc",
  "block.cc",
  "engine.cc",
  "matrices.cc",
  "hopper.cc",
  "tensor_map.cc",
  "compile_image.cc",
  "load_image.cc",
];
/** What only kernels are compiled with: the rest of the emulation does not depend on it. */
const kernelHeaders = ["cuda_emulation.h"];

const folder = keptFolder("nnc-cuda-emulation");
const keptMilliseconds = 7 * 24 * 3600 * 1000;

const compiler = await run("g++", ["--version"]).catch(() => null);

/** Whether there is a compiler to build it with; `needsEmulation` says what is missing, for names of tests. */
export const hasEmulation = compiler !== null && process.platform === "linux";
export const needsEmulation = hasEmulation ? "" : "[SKIP] needs g++ on Linux";

/** One for the process. */
const built: { current?: Promise<EmulatedCuda> } = {};

export function emulatedCuda(): Promise<EmulatedCuda> {
  built.current ??= open();
  return built.current;
}

async function open(): Promise<EmulatedCuda> {
  const names = (await readdir(import.meta.dirname)).filter((name) => /\.(h|cc)$/.test(name));
  const texts = new Map(
    await Promise.all(
      names
        .sort()
        .map(async (name) => [name, await readFile(join(import.meta.dirname, name))] as const),
    ),
  );
  const own = [...texts].filter(([name]) => !kernelHeaders.includes(name));
  const libraries = await once(join(folder, `libraries-${hashOf(own)}`), async (to) => {
    await removeOld();
    await buildLibraries(to);
  });
  const home = await once(join(folder, hashOf([...texts])), async (to) => {
    const files = [...Object.keys(parts), library].map((name) => join(libraries, name));
    const headers = names.filter((name) => name.endsWith(".h"));
    for (const file of [...files, ...headers.map((name) => join(import.meta.dirname, name))]) {
      await copyFile(file, join(to, file.slice(file.lastIndexOf("/") + 1)));
    }
  });
  const sanitizedRunner = () =>
    once(join(home, "sanitized"), (to) =>
      link(
        to,
        join(libraries, "objects"),
        "run-kernels",
        ["-fsanitize=address,undefined"],
        [join(import.meta.dirname, "run_kernels.cc"), join(home, library)],
      ),
    );
  return {
    environment: {
      NNC_LIBCUDA: join(home, "libcuda.so.1"),
      NNC_LIBNVRTC: join(home, "libnvrtc.so"),
      NNC_NVCC: join(home, "nvcc"),
      XDG_CACHE_HOME: join(home, "cache"),
    },
    oldDriver: join(home, "libcuda-old.so.1"),
    driverChecks: join(home, "check-driver"),
    runner: async (sanitized) => join(sanitized ? await sanitizedRunner() : home, "run-kernels"),
    compile: (source, sanitized = false) => compileImage(home, source, sanitized),
  };
}

async function compileImage(home: string, source: string, sanitized: boolean): Promise<Uint8Array> {
  const options = sanitized ? sanitizers.join(" ") : "";
  const images = join(home, "images");
  const path = join(images, hashOf([[options, Buffer.from(source)]]));
  const known = await readFile(path).catch(() => null);
  if (known !== null) return known;
  await mkdir(images, { recursive: true });
  const unfinished = join(images, randomUUID());
  await writeFile(`${unfinished}.cu`, source);
  const environment = { ...process.env, NNC_EMULATION_FLAGS: options };
  try {
    await run(join(home, "nvcc"), ["-o", unfinished, `${unfinished}.cu`], environment);
  } finally {
    await rm(`${unfinished}.cu`);
  }
  await rename(unfinished, path);
  return readFile(path);
}

async function buildLibraries(to: string): Promise<void> {
  const objects = join(to, "objects");
  await mkdir(objects);
  const own = Object.values(parts).flatMap((part) => part.sources);
  const queue = [...new Set([...librarySources, ...own])];
  const compileNext = async (): Promise<void> => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const object = join(objects, `${name}.o`);
      await run("g++", [...flags, "-c", join(import.meta.dirname, name), "-o", object]);
    }
  };
  await Promise.all([compileNext(), compileNext()]);
  await link(to, objects, library, ["-shared"], librarySources.map(objectOf), ["-ldl"]);
  for (const [name, { sources: own, shared }] of Object.entries(parts)) {
    const options = shared ? ["-shared"] : [];
    await link(to, objects, name, options, own.map(objectOf), [`-L${to}`, "-lnnc_emulation"]);
  }
}

function objectOf(source: string): string {
  return `${source}.o`;
}

async function link(
  to: string,
  objects: string,
  name: string,
  options: readonly string[],
  inputs: readonly string[],
  libraries: readonly string[] = [],
): Promise<void> {
  const paths = inputs.map((input) => (input.startsWith("/") ? input : join(objects, input)));
  const output = ["-o", join(to, name)];
  const place = "-Wl,-rpath,$ORIGIN";
  await run("g++", [...flags, ...options, ...output, ...paths, ...libraries, place]);
}

/** A folder that `make` fills, which appears only when it is complete. */
async function once(path: string, make: (to: string) => Promise<void>): Promise<string> {
  try {
    await access(path);
    return path;
  } catch {
    // To be made.
  }
  const unfinished = `${path}.${randomUUID()}`;
  await mkdir(unfinished, { recursive: true });
  await make(unfinished);
  await rename(unfinished, path).catch(async () => {
    // Another process was faster.
    await access(path);
    await rm(unfinished, { recursive: true });
  });
  return path;
}

/** What was built from sources that have changed since. */
async function removeOld(): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const { mtimeMs } = await stat(path);
    if (mtimeMs < Date.now() - keptMilliseconds) await rm(path, { recursive: true, force: true });
  }
}

function hashOf(texts: readonly (readonly [string, Uint8Array])[]): string {
  const hash = createHash("sha256").update(`${flags.join(" ")} ${compiler}`);
  for (const [name, text] of texts) hash.update(`\0${name}\0`).update(text);
  return hash.digest("hex").slice(0, 32);
}

function run(
  program: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, [...args], { env: environment, maxBuffer: 1 << 26 }, (error, out, said) => {
      if (error === null) resolve(out);
      else reject(new Error(said || error.message));
    });
  });
}
