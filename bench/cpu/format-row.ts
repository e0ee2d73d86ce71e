/** A row as a line for the terminal. */

import { digits } from "../markdown-table.ts";
import type { Omission, Row } from "./rows.ts";

export function formatRow(row: Row | Omission): string {
  const head = `${row.workload.padEnd(9)} ${row.peer.padEnd(13)} ${row.threads}`;
  if ("why" in row) return `${head}  left out: ${row.why}`;
  const { ms_per_step, ratio_to_nnc, share_of_peak, loss } = row;
  const [least, most] = row.ms_range.map(digits);
  return [
    `${head}  batch ${row.batch}`,
    `${digits(ms_per_step)} ms (${least} to ${most})`,
    ratio_to_nnc === null ? "" : `${ratio_to_nnc.toFixed(2)}x`,
    share_of_peak === null ? "" : `${(100 * share_of_peak).toFixed(0)} % of peak`,
    loss === null ? "" : `loss ${loss.toFixed(5)}`,
  ]
    .filter((part) => part !== "")
    .join("  ");
}
