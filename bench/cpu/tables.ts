/** The rows of a result file as the tables of bench/README.md. */

import { type Column, digits, formatTable } from "../markdown-table.ts";
import type { Start } from "../start.ts";
import type { ResultLine, RunHead } from "./results.ts";
import type { Row } from "./rows.ts";
import { cpuWorkloads } from "./workloads.ts";

/** What was measured later takes the place of what was measured before. */
interface Collected {
  readonly head: RunHead;
  readonly rows: readonly Row[];
  readonly starts: readonly Start[];
  /** Of all rows that are left. */
  readonly commits: readonly string[];
}

export function collect(lines: readonly ResultLine[]): Collected {
  const rows = new Map<string, { readonly row: Row; readonly commit: string }>();
  const starts = new Map<string, { readonly start: Start; readonly commit: string }>();
  let head: RunHead | undefined;
  // Starts alone are measured without the machine's limits.
  let calibrated: RunHead | undefined;
  for (const line of lines) {
    if ("commit" in line) {
      head = line;
      if (Object.keys(line.peak_gflops).length > 0) calibrated = line;
    } else if (head === undefined) throw new Error("a result file begins with what the machine is");
    else if ("cold_seconds" in line)
      starts.set(line.workload, { start: line, commit: head.commit });
    else if ("peer" in line && "ms_per_step" in line) {
      const { workload, kind, peer, threads, batch } = line;
      const key = [kind, workload, threads, batch, peer].join(" ");
      rows.set(key, { row: line, commit: head.commit });
    }
  }
  if (head === undefined) throw new Error("the result file is empty");
  const found = [...rows.values(), ...starts.values()];
  return {
    head: calibrated ?? head,
    rows: [...rows.values()].map(({ row }) => row).sort(byWorkload),
    starts: [...starts.values()].map(({ start }) => start),
    commits: [...new Set(found.map(({ commit }) => commit))],
  };
}

function byWorkload(a: Row, b: Row): number {
  const place = ({ workload }: Row) => cpuWorkloads.findIndex(({ name }) => name === workload);
  return place(a) - place(b) || a.threads - b.threads || a.batch - b.batch;
}

/** All that the file says, in Markdown. */
export function formatResults(lines: readonly ResultLine[], file: string): string {
  const { head, rows, starts, commits } = collect(lines);
  const usual = rows.filter(isUsualBatch);
  const steps = usual.filter(({ kind }) => kind === "step");
  const scaled = rows.filter((row) => row.kind === "step" && hasSeveralBatches(row, rows));
  const sections = [
    formatHead(head, commits, file),
    section("Training steps", steps, stepColumns),
    section(
      "Two threads",
      steps.flatMap((row) => speedUpOf(row, steps)),
      speedUpColumns,
    ),
    section(
      "Inference",
      usual.filter(({ kind }) => kind === "inference"),
      stepColumns.filter(({ title }) => title !== "loss after 20 steps"),
    ),
    section("Batch sizes", scaled, batchColumns),
    section("Start-up", starts, startColumns),
    section(
      "Memory",
      steps.filter(({ peer, threads }) => peer === "nnc" && threads === 1),
      memoryColumns,
    ),
  ];
  return `${sections.filter((text) => text !== "").join("\n\n")}\n`;
}

function isUsualBatch({ workload, batch }: Row): boolean {
  return cpuWorkloads.some(({ name, batch: usual }) => name === workload && usual === batch);
}

function hasSeveralBatches(row: Row, rows: readonly Row[]): boolean {
  return rows.some(
    ({ workload, kind, peer, threads, batch }) =>
      workload === row.workload &&
      kind === row.kind &&
      peer === row.peer &&
      threads === row.threads &&
      batch !== row.batch,
  );
}

function formatHead(head: RunHead, commits: readonly string[], file: string): string {
  const { date, processor, cores, memory_gb, node, compiler, rounds, seconds, openblas } = head;
  const peaks = Object.entries(head.peak_gflops)
    .map(
      ([threads, gflops]) =>
        `${gflops.toFixed(0)} GFLOP/s on ${threads} ${threads === "1" ? "thread" : "threads"}`,
    )
    .join(", ");
  // Ratios survive that, times do not.
  const isBusy = head.load > cores / 2;
  const busy = isBusy ? `Other work had the machine, too (load ${head.load.toFixed(1)}). ` : "";
  const text =
    `Measured ${date} at ${listOf(commits)} on ${cores} cores of ${processor}, ${memory_gb} GiB, ` +
    `${compiler}, Node ${node}; ${rounds} rounds of ${seconds} s; OpenBLAS of ${openblas === "openmp" ? "OpenMP" : "the system"}. ` +
    `Multiply-adds on registers: ${peaks}. ${busy}Raw figures: [results/${file}](results/${file}).`;
  return wrap(text);
}

/** `commit a`, `commits a, b and c`. */
function listOf(commits: readonly string[]): string {
  return `commit${commits.length === 1 ? "" : "s"} ${new Intl.ListFormat("en-GB").format(commits)}`;
}

function wrap(text: string): string {
  const lines: string[] = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1)!;
    if (line !== "" && line.length + 1 + word.length > 120) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines.join("\n");
}

function section<R>(title: string, rows: readonly R[], columns: readonly Column<R>[]): string {
  return rows.length === 0 ? "" : `${title}:\n\n${formatTable(rows, columns)}`;
}

const percent = (value: number | null) => (value === null ? "" : `${(100 * value).toFixed(0)} %`);
const megabytes = (bytes: number | null) => (bytes === null ? "" : `${digits(bytes / 1e6)} MB`);

const workload: Column<Row> = { title: "workload", text: (row) => `\`${row.workload}\`` };
const threads: Column<Row> = { title: "threads", text: (row) => String(row.threads) };
const peer: Column<Row> = { title: "peer", text: (row) => row.peer };

const figures: readonly Column<Row>[] = [
  { title: "steps/s", isNumber: true, text: (row) => digits(row.steps_per_s) },
  { title: "ms a step", isNumber: true, text: (row) => digits(row.ms_per_step) },
  {
    title: "ratio",
    isNumber: true,
    text: ({ ratio_to_nnc }) => (ratio_to_nnc === null ? "" : ratio_to_nnc.toFixed(2)),
  },
  { title: "share of peak", isNumber: true, text: (row) => percent(row.share_of_peak) },
];

const stepColumns: readonly Column<Row>[] = [
  workload,
  threads,
  peer,
  ...figures,
  {
    title: "loss after 20 steps",
    isNumber: true,
    text: ({ loss }) => (loss === null ? "" : loss.toFixed(5)),
  },
];

const batchColumns: readonly Column<Row>[] = [
  workload,
  threads,
  peer,
  { title: "batch", isNumber: true, text: ({ batch }) => String(batch) },
  ...figures.filter(({ title }) => title !== "ratio"),
  {
    title: "samples/s",
    isNumber: true,
    text: ({ batch, steps_per_s }) => digits(batch * steps_per_s),
  },
];

interface SpeedUp {
  readonly row: Row;
  readonly speedUp: number;
}

function speedUpOf(row: Row, rows: readonly Row[]): SpeedUp[] {
  if (row.threads === 1) return [];
  const one = rows.find(
    (other) => other.threads === 1 && other.workload === row.workload && other.peer === row.peer,
  );
  return one === undefined ? [] : [{ row, speedUp: one.ms_per_step / row.ms_per_step }];
}

const speedUpColumns: readonly Column<SpeedUp>[] = [
  { title: "workload", text: ({ row }) => `\`${row.workload}\`` },
  { title: "peer", text: ({ row }) => row.peer },
  { title: "threads", isNumber: true, text: ({ row }) => String(row.threads) },
  { title: "times as fast as one", isNumber: true, text: ({ speedUp }) => speedUp.toFixed(2) },
];

/** By how much of the plan the resident set grew beyond it; unknown of rows that count code as growth. */
function excess({ planned_bytes: planned, resident_bytes: resident, code_bytes }: Row): string {
  if (planned === null || resident === null || code_bytes === undefined) return "";
  return `${Math.round(100 * (resident / planned - 1))} %`;
}

const memoryColumns: readonly Column<Row>[] = [
  workload,
  { title: "planned", isNumber: true, text: (row) => megabytes(row.planned_bytes) },
  {
    title: "resident set grew by",
    isNumber: true,
    text: (row) => megabytes(row.resident_bytes),
  },
  { title: "over the plan", isNumber: true, text: excess },
  { title: "code", isNumber: true, text: (row) => megabytes(row.code_bytes ?? null) },
  {
    title: "Node and data",
    isNumber: true,
    text: (row) => megabytes(row.node_bytes ?? null),
  },
];

const startColumns: readonly Column<Start>[] = [
  { title: "workload", text: (start) => `\`${start.workload}\`` },
  {
    title: "first step, cold",
    isNumber: true,
    text: ({ cold_seconds }) => `${cold_seconds.toFixed(2)} s`,
  },
  {
    title: "first step, warm",
    isNumber: true,
    text: ({ warm_seconds }) => `${warm_seconds.toFixed(2)} s`,
  },
  {
    title: "trainer",
    isNumber: true,
    text: (start) => `${Math.round(start.trainer_bytes / 1e3)} kB`,
  },
  {
    title: "gzipped",
    isNumber: true,
    text: (start) => `${Math.round(start.trainer_gzip_bytes / 1e3)} kB`,
  },
];

export const markers = {
  begin: "<!-- Tables of the CPU, written by npm run bench:table -->",
  end: "<!-- End of the tables of the CPU -->",
} as const;

/** A document with what is between the markers replaced. */
export function replaceTables(document: string, tables: string): string {
  const [begin, end] = [document.indexOf(markers.begin), document.indexOf(markers.end)];
  if (begin < 0 || end < begin) throw new Error("the document has no markers for the tables");
  const before = document.slice(0, begin + markers.begin.length);
  return `${before}\n\n${tables}\n${document.slice(end)}`;
}
