/**
 * Prints the tables of a file of results, of its last run.
 *
 *     node dist/gpu/table.js bench/results/2026-11-22-cuda-nvidia-h200.jsonl
 */

import { readFileSync } from "node:fs";
import type { Row } from "./report.ts";
import { formatRows } from "./tables.ts";

const path = process.argv[2];
if (path === undefined) throw new Error("usage: table.js FILE");
const rows = readFileSync(path, "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Row);
process.stdout.write(formatRows(rows.slice(rows.findLastIndex(({ part }) => part === "machine"))));
