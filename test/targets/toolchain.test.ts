import { readdirSync } from "node:fs";
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { InvariantError } from "../../compiler/diagnostics/diagnostic.ts";
import { cacheDirectory, MissingCompilerError } from "../../compiler/targets/build-cache.ts";
import { type CFunction, noUses, partsOf } from "../../compiler/targets/cpu/c-source.ts";
import { stepHeader } from "../../compiler/targets/cpu/step-header.ts";
import {
  beginLibrary,
  compileLibrary,
  findCCompiler,
} from "../../compiler/targets/cpu/toolchain.ts";

const source = "int nnc_answer(void) { return 42; }\n";

let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "nnc-toolchain-"));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

test("the same source is compiled once, and another source anew", async () => {
  const first = await compileLibrary(source, { cacheDirectory: directory });
  const second = await compileLibrary(source, { cacheDirectory: directory });
  expect([first.isCached, second.isCached]).toEqual([false, true]);
  expect(second.path).toBe(first.path);
  const other = await compileLibrary(`${source}\n`, { cacheDirectory: directory });
  expect(other.path).not.toBe(first.path);
  const names = await readdir(directory);
  expect(names.filter((name) => name.endsWith(".c"))).toEqual([]);
});

test("flags and processor are part of the key", async () => {
  const paths = new Set<string>();
  for (const options of [{}, { processor: "another" }, { prefersWideVectors: true }]) {
    paths.add((await compileLibrary(source, { ...options, cacheDirectory: directory })).path);
  }
  expect(paths.size).toBe(3);
});

test("a damaged entry is made anew", async () => {
  const { path } = await compileLibrary(source, { cacheDirectory: directory });
  const intact = await readFile(path);
  await writeFile(path, intact.subarray(0, intact.length / 2));
  const again = await compileLibrary(source, { cacheDirectory: directory });
  expect(again).toEqual({ path, isCached: false });
  expect((await readFile(path)).length).toBe(intact.length);
});

test("two compilations at once both succeed", async () => {
  const both = await Promise.all(
    [0, 1].map(() => compileLibrary(source, { cacheDirectory: directory })),
  );
  expect(both[0]!.path).toBe(both[1]!.path);
});

test("refused source is a bug of ours, and kept", async () => {
  const bad = compileLibrary("int nnc_answer(void) { return }\n", { cacheDirectory: directory });
  await expect(bad).rejects.toThrow(InvariantError);
  const kept = (await readdir(directory)).filter((name) => name.endsWith(".c"));
  expect(kept).toHaveLength(1);
  expect(await readFile(join(directory, kept[0]!), "utf8")).toContain("nnc_answer");
});

test("a cache that takes no files is the user's to mend", async () => {
  const file = join(directory, "file");
  await writeFile(file, "");
  const cache = join(file, "nnc");
  await expect(compileLibrary(source, { cacheDirectory: cache })).rejects.toThrow(
    new RegExp(
      `^the cache ${cache}: expected to write compiled kernels, found ENOTDIR.* ` +
        "\\(give it room, or name another folder in XDG_CACHE_HOME\\)$",
    ),
  );
});

test("a disk that is full while the compiler writes is the user's to mend", async () => {
  const compiler = join(directory, "cc");
  const full = "as: kernels.o: No space left on device";
  await writeFile(compiler, `#!/bin/sh\n[ "$1" = --version ] || { echo "${full}" >&2; exit 1; }\n`);
  await chmod(compiler, 0o755);
  const environment = { ...process.env, CC: compiler };
  const cache = join(directory, "nnc");
  await expect(compileLibrary(source, { cacheDirectory: cache, environment })).rejects.toThrow(
    `the cache ${cache}: expected to write compiled kernels, found ${full} (`,
  );
});

test("no compiler is the user's to mend", async () => {
  const compile = (environment: NodeJS.ProcessEnv) =>
    compileLibrary(source, { cacheDirectory: directory, environment });
  await expect(compile({ PATH: directory })).rejects.toThrow(MissingCompilerError);
  await expect(compile({ PATH: directory })).rejects.toThrow("apt-get install gcc");
  await expect(compile({ PATH: "", CC: "no-such-cc" })).rejects.toThrow("no-such-cc");
});

test("a compiler that was found before is taken, and need not have answered yet", async () => {
  const compiler = await findCCompiler();
  const options = { cacheDirectory: directory, environment: { ...process.env, CC: "no-such-cc" } };
  const found = await compileLibrary(source, { ...options, compiler });
  expect(found.isCached).toBe(false);
  // Whom nobody asks may be no compiler at all.
  const odd = await findCCompiler({ CC: "/bin/false", PATH: "" });
  await expect(compileLibrary(source, { ...options, compiler: odd })).rejects.toThrow("/bin/false");
});

test("what else there is to do is begun while the compiler runs, and only then", async () => {
  const whileCompiling = vi.fn();
  const compile = () => compileLibrary(source, { cacheDirectory: directory, whileCompiling });
  expect((await compile()).isCached).toBe(false);
  expect((await compile()).isCached).toBe(true);
  expect(whileCompiling).toHaveBeenCalledOnce();
});

test("a compiler that is not urgent leaves the processors to others, where the system can", async () => {
  const nice = join(directory, "nice");
  await writeFile(nice, `#!/bin/sh\necho asked >> ${directory}/asked\nexec "$@"\n`);
  await chmod(nice, 0o755);
  const compiler = await findCCompiler();
  const compile = (text: string, PATH: string, isUrgent: boolean) => {
    const environment = { ...process.env, PATH };
    const options = { cacheDirectory: directory, environment, compiler, isUrgent };
    return compileLibrary(text, options);
  };
  const path = process.env.PATH ?? "";
  await compile(`${source}\n`, `${directory}:${path}`, true);
  expect(await readdir(directory)).not.toContain("asked");
  await compile(source, `${directory}:${path}`, false);
  expect(await readFile(join(directory, "asked"), "utf8")).toBe("asked\n");
  // GCC finds what it runs beside itself, and `as` on the path.
  const tools = join(directory, "tools");
  await mkdir(tools);
  for (const tool of ["as", "ld"]) await symlink(`/usr/bin/${tool}`, join(tools, tool));
  await compile(`${source}\n\n`, tools, false);
});

/** A kernel that returns a number, as a part of its own, and what calls it. */
function parted(result: string) {
  const common = { comment: [], kernels: ["seven"], uses: noUses };
  const kernel: CFunction = {
    ...common,
    lines: ["int run_seven(void) {", `  return ${result};`, "}"],
    kind: "kernel",
    work: 10,
  };
  const caller: CFunction = {
    ...common,
    lines: ["int nnc_answer(void) {", "  return 6 * run_seven();", "}"],
    kind: "exported",
    work: 1,
  };
  const stages = [{ opening: [], launching: [], functions: [kernel, caller] }];
  return { opening: [], launching: [], stages, definitions: () => [] };
}

test("a part that was begun early is not compiled again, and leaves no files", async () => {
  const options = { cacheDirectory: directory, partWork: 10 };
  const begun = await beginLibrary(options);
  const [first, last] = partsOf(parted("7"), 10);
  begun.begin(first!);
  const sources = () => readdirSync(begun.folder).filter((name) => name.endsWith(".c"));
  expect(sources()).toHaveLength(1);
  expect(await begun.failureOf([first!])).toBeNull();
  const begin = vi.spyOn(begun, "begin");
  const { path } = await compileLibrary(parted("7"), { ...options, begun });
  expect(begin.mock.calls.map(([text]) => text)).toEqual([first, last]);
  expect(sources()).toHaveLength(2);
  await begun.remove();
  expect((await readdir(directory)).sort()).toEqual(
    [path, `${path}.sha256`].map((p) => basename(p)),
  );
});

test("a part that is refused early is said and kept when the library is to be made", async () => {
  const options = { cacheDirectory: directory, partWork: 10 };
  const begun = await beginLibrary(options);
  begun.begin(partsOf(parted("seven"), 10)[0]!);
  const made = compileLibrary(parted("seven"), { ...options, begun });
  await expect(made).rejects.toThrow(/refused the generated kernels[\s\S]*seven/);
  await begun.remove();
  const kept = await readdir(directory);
  expect(kept.map((name) => name.replace(/^\w{64}/, ""))).toEqual(["-0.c", "-1.c"]);
});

test("compilers that were begun for nothing are ended", async () => {
  // Never ends by itself.
  const compiler = join(directory, "slow-cc");
  await writeFile(
    compiler,
    "#!/bin/sh\nif [ $1 = --version ]; then echo slow; else exec sleep 1000; fi\n",
  );
  await chmod(compiler, 0o755);
  const environment = { ...process.env, CC: compiler };
  const begun = await beginLibrary({ cacheDirectory: directory, environment });
  for (const text of ["int a;", "int b;", "int a;"]) begun.begin(text);
  expect((await readdir(begun.folder)).sort()).toEqual(["0.c", "1.c"]);
  await begun.remove();
  expect(await readdir(directory)).toEqual(["slow-cc"]);
});

test("what a process left behind is removed a day later", async () => {
  const hours = 60 * 60 * 1000;
  for (const [name, age] of [
    ["old", 25 * hours],
    ["new", 23 * hours],
  ] as const) {
    const folder = join(directory, `unfinished-${name}`);
    await mkdir(folder);
    await writeFile(join(folder, "0.c"), "int a;");
    const time = new Date(Date.now() - age);
    await utimes(folder, time, time);
  }
  const { path } = await compileLibrary(source, { cacheDirectory: directory });
  expect((await readdir(directory)).sort()).toEqual(
    [basename(path), `${basename(path)}.sha256`, "unfinished-new"].sort(),
  );
});

test("the cache is where the user keeps caches", () => {
  expect(cacheDirectory({ XDG_CACHE_HOME: "/caches", HOME: "/home" })).toBe("/caches/nnc");
  expect(cacheDirectory({ HOME: "/home" })).toBe("/home/.cache/nnc");
});

test("generated C contains the addon's own header", async () => {
  const header = new URL("../../runtime/native/nnc_step.h", import.meta.url);
  expect(stepHeader).toBe(await readFile(header, "utf8"));
});
