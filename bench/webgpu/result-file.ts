/** Where results are kept, and what is said of the machine and the moment. */

import { readFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import type { AdapterDescription } from "../../runtime/devices/webgpu/adapter.ts";
import { commitOf } from "../commit.ts";
import { peerFolder, root } from "./peer-package.ts";

/** What the worker tells of the adapter. */
export interface AdapterReport extends AdapterDescription {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
}

/** To be called before measuring, as the sources go on changing. */
export function resultFile(
  adapter: AdapterReport,
  measured: object,
): { path: string; head: object } {
  const date = new Date().toISOString().slice(0, 10);
  const name = adapter.name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
  const versions = readVersions(peerFolder, "dependencies");
  const head = {
    date,
    commit: commitOf(root),
    adapter,
    processor: cpus()[0]?.model,
    node: process.versions.node,
    webgpu: readVersions(root, "optionalDependencies").webgpu,
    peers: versions,
    // What else the machine did in the minute before.
    load: loadavg()[0],
    ...measured,
  };
  return { path: join(root, "bench", "results", `${date}-webgpu-${name}.jsonl`), head };
}

function readVersions(folder: string, kind: string): Record<string, string> {
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Record<
    string,
    Record<string, string>
  >;
  return manifest[kind] ?? {};
}
