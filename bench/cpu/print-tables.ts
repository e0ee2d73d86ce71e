/**
 * `npm run bench:table`: writes the tables of bench/README.md from the newest result file of the CPU, or from the one that
 * is named.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { findPackageFiles } from "../../compiler/cli/package-files.ts";
import { latestResults, readResults } from "./results.ts";
import { formatResults, replaceTables } from "./tables.ts";

const { root } = findPackageFiles();
const path = process.argv[2] ?? latestResults(root);
if (path === undefined) throw new Error("there are no results yet: npm run bench");
const readme = join(root, "bench", "README.md");
const tables = formatResults(readResults(path), basename(path));
writeFileSync(readme, replaceTables(readFileSync(readme, "utf8"), tables));
process.stderr.write(`${readme} has the tables of ${path}\n`);
