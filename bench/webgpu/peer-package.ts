/** The folder of the peers: a package of its own, as they are no dependencies of nnc. */

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The root of nnc's repository. */
export const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");
export const peerFolder = join(root, "bench", "peers", "webgpu");

export const installPeers = "npm ci --ignore-scripts --prefix bench/peers/webgpu";

export function hasPeers(): boolean {
  return existsSync(join(peerFolder, "node_modules"));
}
