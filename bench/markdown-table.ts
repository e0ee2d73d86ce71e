/** Tables in Markdown, which can be published as they are. */

export interface Column<Row> {
  readonly title: string;
  readonly text: (row: Row) => string;
  /** Stands to the right. */
  readonly isNumber?: true;
}

export function formatTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  const cells = rows.map((row) => columns.map((column) => column.text(row)));
  const widths = columns.map(({ title }, i) =>
    Math.max(title.length, ...cells.map((row) => row[i]!.length)),
  );
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, i) => (columns[i]!.isNumber ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join(" | ")} |`;
  const rule = widths.map((width, i) =>
    columns[i]!.isNumber ? `${"-".repeat(width - 1)}:` : "-".repeat(width),
  );
  return [line(columns.map(({ title }) => title)), line(rule), ...cells.map(line)].join("\n");
}

/** Three significant digits, without an exponent. */
export function digits(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(3))) : String(value);
}
