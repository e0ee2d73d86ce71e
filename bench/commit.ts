/** The commit that figures are of. */

import { spawnSync } from "node:child_process";

/** Short, with a `+` if sources differ from it; empty without a repository. */
export function commitOf(root: string): string {
  const git = (...args: string[]) =>
    (spawnSync("git", args, { cwd: root, encoding: "utf8" }).stdout ?? "").trim();
  const head = git("rev-parse", "--short", "HEAD");
  const changed = git("status", "--porcelain", "--untracked-files=no", "compiler", "runtime");
  return head + (changed === "" ? "" : "+");
}
