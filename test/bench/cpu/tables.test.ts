import { expect, test } from "vitest";
import type { RunHead } from "../../../bench/cpu/results.ts";
import type { Row } from "../../../bench/cpu/rows.ts";
import { collect, formatResults, markers, replaceTables } from "../../../bench/cpu/tables.ts";
import type { Start } from "../../../bench/start.ts";

const head: RunHead = {
  date: "2026-11-22",
  commit: "abc",
  processor: "A processor",
  cores: 2,
  memory_gb: 24,
  node: "20.20.2",
  compiler: "cc 12",
  rounds: 5,
  seconds: 1,
  peak_gflops: { 1: 200, 2: 400 },
  load: 0,
  openblas: "openmp",
};

function row(changes: Partial<Row>): Row {
  return {
    workload: "mlp_small",
    kind: "step",
    peer: "nnc",
    target: "cpu",
    threads: 1,
    batch: 128,
    steps_per_s: 10_000,
    ms_per_step: 0.1,
    ms_range: [0.1, 0.2],
    ratio_to_nnc: 1,
    loss: 2.3,
    gflops: 130,
    share_of_peak: 0.65,
    rounds: 5,
    planned_bytes: 648_192,
    resident_bytes: 712_704,
    code_bytes: 1_400_000,
    node_bytes: 93_000_000,
    ...changes,
  };
}

test("later rows take the place of earlier ones, in the order of the workloads", () => {
  const later = { ...head, commit: "def" };
  const lines = [head, row({ workload: "gpt", batch: 16 }), row({}), later, row({ loss: 2.2 })];
  const { rows, commits } = collect(lines);
  expect(rows.map(({ workload, loss }) => [workload, loss])).toEqual([
    ["mlp_small", 2.2],
    ["gpt", 2.3],
  ]);
  expect(commits).toEqual(["abc", "def"]);
  expect(() => collect([row({})])).toThrow("begins with");
});

test("a run that measured starts alone does not say what the machine can do", () => {
  const start: Start = {
    workload: "gpt",
    cold_seconds: 1.5,
    warm_seconds: 0.2,
    passes: "",
    trainer_bytes: 500_000,
    trainer_gzip_bytes: 100_000,
  };
  const lines = [
    head,
    row({}),
    { ...head, commit: "def", peak_gflops: {} },
    start,
    { ...head, commit: "fed", peak_gflops: {} },
    { ...start, workload: "cnn" },
  ];
  expect(collect(lines).head).toEqual(head);
  expect(formatResults(lines, "x.jsonl")).toMatch(
    /^Measured 2026-11-22 at commits abc, def and fed on [\s\S]* 200 GFLOP\/s on 1 thread/,
  );
});

test("a file as tables", () => {
  const text = formatResults(
    [
      head,
      row({}),
      row({ peer: "torch-best", ms_per_step: 0.25, ratio_to_nnc: 2.5, planned_bytes: null }),
      row({ threads: 2, ms_per_step: 0.05, steps_per_s: 20_000 }),
      row({ kind: "inference", loss: null }),
      row({ batch: 8, ms_per_step: 0.02, steps_per_s: 50_000 }),
      { workload: "gpt", peer: "tfjs", threads: 1, why: "it cannot" },
    ],
    "x.jsonl",
  );
  expect(text).toMatchInlineSnapshot(`
    "Measured 2026-11-22 at commit abc on 2 cores of A processor, 24 GiB, cc 12, Node 20.20.2; 5 rounds of 1 s; OpenBLAS of
    OpenMP. Multiply-adds on registers: 200 GFLOP/s on 1 thread, 400 GFLOP/s on 2 threads. Raw figures:
    [results/x.jsonl](results/x.jsonl).

    Training steps:

    | workload    | threads | peer       | steps/s | ms a step | ratio | share of peak | loss after 20 steps |
    | ----------- | ------- | ---------- | ------: | --------: | ----: | ------------: | ------------------: |
    | \`mlp_small\` | 1       | nnc        |   10000 |       0.1 |  1.00 |          65 % |             2.30000 |
    | \`mlp_small\` | 1       | torch-best |   10000 |      0.25 |  2.50 |          65 % |             2.30000 |
    | \`mlp_small\` | 2       | nnc        |   20000 |      0.05 |  1.00 |          65 % |             2.30000 |

    Two threads:

    | workload    | peer | threads | times as fast as one |
    | ----------- | ---- | ------: | -------------------: |
    | \`mlp_small\` | nnc  |       2 |                 2.00 |

    Inference:

    | workload    | threads | peer | steps/s | ms a step | ratio | share of peak |
    | ----------- | ------- | ---- | ------: | --------: | ----: | ------------: |
    | \`mlp_small\` | 1       | nnc  |   10000 |       0.1 |  1.00 |          65 % |

    Batch sizes:

    | workload    | threads | peer | batch | steps/s | ms a step | share of peak | samples/s |
    | ----------- | ------- | ---- | ----: | ------: | --------: | ------------: | --------: |
    | \`mlp_small\` | 1       | nnc  |     8 |   50000 |      0.02 |          65 % |    400000 |
    | \`mlp_small\` | 1       | nnc  |   128 |   10000 |       0.1 |          65 % |   1280000 |

    Memory:

    | workload    |  planned | resident set grew by | over the plan |   code | Node and data |
    | ----------- | -------: | -------------------: | ------------: | -----: | ------------: |
    | \`mlp_small\` | 0.648 MB |             0.713 MB |          10 % | 1.4 MB |         93 MB |
    "
  `);
});

test("figures of a machine that others use are said to be such", () => {
  const text = formatResults([{ ...head, load: 7.25 }, row({})], "x.jsonl");
  expect(text.replaceAll("\n", " ")).toContain("Other work had the machine, too (load 7.3).");
});

test("tables stand between their markers", () => {
  const document = `a\n${markers.begin}\nold\n${markers.end}\nb\n`;
  const replaced = `a\n${markers.begin}\n\nnew\n\n${markers.end}\nb\n`;
  expect(replaceTables(document, "new\n")).toBe(replaced);
  expect(() => replaceTables("a", "new")).toThrow("no markers");
});
