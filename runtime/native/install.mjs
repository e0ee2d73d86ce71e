/**
 * Builds the native addon when the package is installed: with node-gyp where Node's own headers are
 * at hand, and else, or where that finds no Python or make, by calling the C++ compiler itself with
 * the headers of the package node-api-headers. Neither loads anything from the network. A machine
 * without a compiler still gets the rest of nnc, and is told what is missing. Nothing is done if the
 * addon was made of the same sources.
 */

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const folder = dirname(fileURLToPath(import.meta.url));
const release = join(folder, "build", "Release");
const addon = join(release, "nnc.node");
const stamp = join(release, "nnc.stamp");

/** Folders of headers: the C++ and the C ones of the addon interface, and Node's where they came with it. */
const headers = [
  dirname(require.resolve("node-addon-api")),
  require("node-api-headers").include_dir,
];
const prefix = join(dirname(process.execPath), "..");
const nodeHeaders = [
  process.env.npm_config_nodedir && join(process.env.npm_config_nodedir, "include", "node"),
  join(prefix, "include", "node"),
  join(homedir(), ".cache", "node-gyp", process.versions.node, "include", "node"),
].find((candidate) => candidate && existsSync(join(candidate, "node_api.h")));

/** Sources below the folder, beside what was built of them. */
const sources = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((name) => /\.(cc|h|gyp)$/.test(name) && !name.startsWith("build"))
  .sort();

/** What the binary depends on; Node-API makes it independent of Node's version. */
function fingerprint() {
  const hash = createHash("sha256");
  hash.update(`${process.platform} ${process.arch} ${require("node-addon-api").version}\n`);
  for (const name of sources) hash.update(name).update(readFileSync(join(folder, name)));
  return hash.digest("hex");
}

function run(command, args) {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    cwd: folder,
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  return { succeeded: status === 0, log: error ? error.message : `${stdout}${stderr}` };
}

function buildWithGyp() {
  if (!nodeHeaders) return { succeeded: false, log: "node-gyp: Node's headers were not found" };
  const gyp = require.resolve("node-gyp/bin/node-gyp.js");
  const nodedir = join(nodeHeaders, "..", "..");
  return run(process.execPath, [gyp, "rebuild", "-C", folder, `--nodedir=${nodedir}`]);
}

function buildWithCompiler() {
  mkdirSync(release, { recursive: true });
  const link =
    process.platform === "darwin"
      ? ["-undefined", "dynamic_lookup"]
      : // Without the table of symbols, as each trainer has a copy.
        ["-Wl,-Bsymbolic-functions,-s", "-ldl", "-lpthread"];
  return run(process.env.CXX ?? "c++", [
    ...["-std=c++17", "-O2", "-fPIC", "-shared", "-DNAPI_VERSION=8", "-DNAPI_CPP_EXCEPTIONS"],
    "-DNODE_GYP_MODULE_NAME=nnc",
    ...headers.map((include) => `-I${include}`),
    ...[...sources.filter((name) => name.endsWith(".cc")), "-o", addon, ...link],
  ]);
}

function loads() {
  const code = `require(${JSON.stringify(addon)}).cpuFeatures()`;
  return run(process.execPath, ["-e", code]);
}

function main() {
  const wanted = fingerprint();
  if (existsSync(addon) && existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  const logs = [];
  for (const build of [buildWithGyp, buildWithCompiler]) {
    const built = build();
    const tried = built.succeeded ? loads() : built;
    if (tried.succeeded) {
      writeFileSync(stamp, wanted);
      return;
    }
    logs.push(tried.log.trim().split("\n").slice(-12).join("\n"));
  }
  console.warn(`
nnc: the native addon could not be built, so models cannot be run here.

  Works without it:   nnc check, nnc summary, nnc explain, and nnc build where there is a C compiler
  Needs it:           nnc train, nnc evaluate, nnc predict, running a built trainer

It takes a C++17 compiler. On Debian or Ubuntu:

  apt-get install g++
  npm rebuild nnc        (in nnc's own repository: npm ci)

What was tried:

${logs.join("\n\n").replace(/^/gm, "  ")}
`);
}

main();
