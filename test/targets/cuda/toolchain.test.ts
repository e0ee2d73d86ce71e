import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { MissingCompilerError } from "../../../compiler/targets/build-cache.ts";
import {
  compileCuda,
  findCudaCompiler,
  targetsOf,
} from "../../../compiler/targets/cuda/toolchain.ts";

let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "nnc-cuda-toolchain-"));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** A compiler that knows some architectures and writes down what it is asked for. */
async function writeCompiler(architectures: readonly string[]): Promise<string> {
  const path = join(directory, "nvcc");
  const script = `#!/bin/sh
case "$1" in
  --version) echo "release 99.9"; exit 0;;
  --list-gpu-arch) printf '%s\\n' ${architectures.join(" ")}; exit 0;;
esac
for arg; do case "$previous" in -o) echo "$@" > "$arg";; esac; previous="$arg"; done
grep -q hostless "$arg" && { echo "sh: 1: gcc: not found"; exit 1; }
grep -q refused "$arg" && { echo "$arg(1): error: expected a kernel"; exit 2; }
exit 0
`;
  await writeFile(path, script);
  await chmod(path, 0o755);
  return path;
}

const none: NodeJS.ProcessEnv = { PATH: "/nowhere", CUDA_HOME: "/nowhere" };

test("the compiler of NNC_NVCC goes before that of the path", async () => {
  const path = await writeCompiler(["compute_80", "compute_90"]);
  const named = await findCudaCompiler({ ...none, NNC_NVCC: path });
  expect(named?.path).toBe(path);
  expect(named?.version).toContain("99.9");
  const onPath = await findCudaCompiler({ ...none, PATH: directory });
  expect(onPath?.architectures).toEqual(new Set(["compute_80", "compute_90"]));
});

test("no compiler can be asked for", async () => {
  expect(await findCudaCompiler({ ...none, PATH: directory, NNC_NVCC: "none" })).toBeUndefined();
});

test("a compiler that is named and not there is a mistake, none at all is none", async () => {
  await expect(findCudaCompiler({ ...none, NNC_NVCC: "/nowhere/nvcc" })).rejects.toThrow(
    /named in NNC_NVCC, \/nowhere\/nvcc, was not found/,
  );
});

test("code is made for the generations that the compiler knows, and PTX for what comes", () => {
  const recent = { architectures: new Set(["compute_80", "compute_90", "compute_100"]) };
  expect(targetsOf("sm_80", { ...recent, isOnly: true })).toEqual([
    "arch=compute_80,code=sm_80",
    "arch=compute_90a,code=sm_90a",
    "arch=compute_100,code=sm_100",
    "arch=compute_80,code=compute_80",
  ]);
  const older = { architectures: new Set(["compute_80", "compute_90"]) };
  expect(targetsOf("sm_80", { ...older, isOnly: false })).toEqual([
    "arch=compute_80,code=sm_80",
    "arch=compute_80,code=compute_80",
  ]);
  expect(targetsOf("sm_90a", { ...older, isOnly: false })).toEqual([
    "arch=compute_90a,code=sm_90a",
  ]);
});

test("a variant that the compiler does not know is said with what to do", async () => {
  const environment = { ...none, NNC_NVCC: await writeCompiler(["compute_80"]) };
  const compiler = (await findCudaCompiler(environment))!;
  const compiled = compileCuda(compiler, "", "sm_90a", { isOnly: false, environment });
  await expect(compiled).rejects.toThrow(MissingCompilerError);
  await expect(compiled).rejects.toThrow(/does not compile for sm_90a: install CUDA 12/);
});

test("a source is compiled once, and one that is refused is kept", async () => {
  const environment: NodeJS.ProcessEnv = {
    ...none,
    PATH: process.env.PATH,
    NNC_NVCC: await writeCompiler(["compute_80", "compute_100"]),
  };
  const compiler = (await findCudaCompiler(environment))!;
  const options = { isOnly: true, environment, cacheDirectory: directory };
  const first = await compileCuda(compiler, "// kernels\n", "sm_80", options);
  const second = await compileCuda(compiler, "// kernels\n", "sm_80", options);
  expect([first.isCached, second.isCached]).toEqual([false, true]);
  expect(await readFile(first.path, "utf8")).toMatch(/--fmad=false -fatbin .*code=sm_100/);
  const refused = compileCuda(compiler, "// refused\n", "sm_80", options);
  await expect(refused).rejects.toThrow(/kept as .*\.cu:\n.*expected a kernel/);
  const hostless = compileCuda(compiler, "// hostless\n", "sm_80", options);
  await expect(hostless).rejects.toThrow(/needs a C\+\+ compiler beside it/);
});

test("code for one device alone is machine code of its own", async () => {
  const environment: NodeJS.ProcessEnv = {
    ...none,
    PATH: process.env.PATH,
    NNC_NVCC: await writeCompiler(["compute_80", "compute_89", "compute_90"]),
  };
  const compiler = (await findCudaCompiler(environment))!;
  const argumentsFor = async (architecture: "sm_80" | "sm_90a", capability: number) => {
    const options = { isOnly: false, capability, environment, cacheDirectory: directory };
    const { path } = await compileCuda(compiler, "// kernels\n", architecture, options);
    return (await readFile(path, "utf8")).match(/arch=\S+/g);
  };
  expect(await argumentsFor("sm_80", 89)).toEqual(["arch=compute_89,code=sm_89"]);
  expect(await argumentsFor("sm_90a", 90)).toEqual(["arch=compute_90a,code=sm_90a"]);
  // One that is newer than the compiler takes PTX.
  expect(await argumentsFor("sm_80", 121)).toContain("arch=compute_80,code=compute_80");
});
