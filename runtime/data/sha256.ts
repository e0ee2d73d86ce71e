/**
 * SHA-256 by Node's own means where there are such, which take parts one by one, and else by Web Crypto, which browsers
 * have (pages that may use WebGPU are secure contexts).
 */

import { nodeModule } from "../in-node.ts";

/** Of the parts one after the other, as 64 hexadecimal digits. */
export async function sha256(parts: readonly Uint8Array[]): Promise<string> {
  const node = nodeModule<typeof import("node:crypto")>("node:crypto");
  if (node !== undefined) {
    const hash = node.createHash("sha256");
    for (const part of parts) hash.update(part);
    return hash.digest("hex");
  }
  const bytes = new Uint8Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
