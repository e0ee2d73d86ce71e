/** The rows of a run as tables to read. */

import { type Column, digits, formatTable } from "../markdown-table.ts";
import type { PartName, Row } from "./report.ts";

interface Table {
  readonly part: PartName;
  readonly title: string;
  /** What a row must have; others are listed after the tables. */
  readonly requires: string;
  readonly columns: readonly Column<Row>[];
}

const text = (title: string, key: string): Column<Row> => ({
  title,
  text: (row) => String(row[key] ?? ""),
});

const number = (title: string, key: string, format: (value: number) => string): Column<Row> => ({
  title,
  text: (row) => (typeof row[key] === "number" ? format(row[key]) : "-"),
  isNumber: true,
});

const percent = (value: number) => `${(100 * value).toFixed(0)} %`;
const fixed = (places: number) => (value: number) => value.toFixed(places);

const tables: readonly Table[] = [
  {
    part: "steps",
    title: "Training steps: the ratio is the peer's time over nnc's",
    requires: "peer",
    columns: [
      text("job", "job"),
      text("peer", "peer"),
      number("ms a step", "ms_per_step", digits),
      number("ratio", "ratio_to_nnc", fixed(2)),
      number("loss after 20 steps", "loss", fixed(5)),
    ],
  },
  {
    part: "products",
    title: "Products of matrices, TFLOP/s",
    requires: "job",
    columns: [
      text("job", "job"),
      number("nnc", "nnc_tflops", digits),
      number("with copies", "nnc_tflops_with_copies", digits),
      number("cuBLAS", "cublas_tflops", digits),
      number("share", "share_of_cublas", percent),
    ],
  },
  {
    part: "traffic",
    title: "Passes over memory, GB/s of what must be moved",
    requires: "operation",
    columns: [
      text("operation", "operation"),
      text("peer", "peer"),
      number("GB/s", "gbps", fixed(0)),
      number("share of a copy", "share_of_copy", percent),
    ],
  },
  {
    part: "latency",
    title: "From the start of a process to the end of the first step",
    requires: "peer",
    columns: [
      text("job", "job"),
      text("peer", "peer"),
      number("seconds", "first_step_s", fixed(2)),
    ],
  },
  {
    part: "checks",
    title: "Checks",
    requires: "value",
    columns: [
      text("example", "of"),
      text("metric", "metric"),
      number("on the test data", "value", fixed(4)),
      number("promised", "least", fixed(4)),
    ],
  },
];

/** Everything of a run, the failures last. */
export function formatRows(rows: readonly Row[]): string {
  const parts = tables.flatMap(({ part, title, requires, columns }) => {
    const own = rows.filter((row) => row.part === part && row[requires] !== undefined);
    return own.length === 0 ? [] : [`${title}\n\n${formatTable(own, columns)}`];
  });
  for (const row of rows) {
    if (row.part === "checks" && row.passed !== undefined) {
      parts.push(`Conformance: ${row.passed} passed, ${row.failed} failed, ${row.skipped} skipped`);
    }
    if (row.clean === true) parts.push(`compute-sanitizer ${row.of}: clean`);
  }
  const [skipped, failed] = [notesOf(rows, "skipped"), notesOf(rows, "error")];
  if (skipped.length > 0) parts.push(["Left out:", ...skipped].join("\n"));
  if (failed.length > 0) parts.push(["Failed:", ...failed].join("\n"));
  return `${parts.join("\n\n")}\n`;
}

/** What is the same of many is said once. */
function notesOf(rows: readonly Row[], key: "skipped" | "error"): string[] {
  const groups = new Map<string, unknown[]>();
  for (const row of rows) {
    if (typeof row[key] !== "string") continue;
    const note = `${row.part}: ${row[key]}`;
    const group = groups.get(note) ?? [];
    groups.set(note, group);
    group.push(row.of);
  }
  return [...groups].map(([note, [first, ...more]]) => {
    const others = more.length === 0 ? "" : ` and ${more.length} more`;
    return `  ${note} (${first}${others})`;
  });
}
