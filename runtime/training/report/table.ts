/** A table in the box-drawing style of Keras' `model.summary()`. */

export interface TableColumn {
  readonly title: string;
  readonly align: "left" | "right";
}

/** Lines of a table; every row has a cell for each column, of one or several lines. */
export function formatTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
): string {
  const widths = columns.map(({ title }, index) =>
    Math.max(
      title.length,
      ...rows.flatMap((row) => linesOf(row[index]).map((line) => line.length)),
    ),
  );
  const rule = (left: string, line: string, cross: string, right: string) =>
    `${left}${widths.map((width) => line.repeat(width + 2)).join(cross)}${right}`;
  const cells = (row: readonly string[], bar: string) =>
    Array.from({ length: Math.max(...row.map((cell) => linesOf(cell).length)) }, (_, line) =>
      cellLine(
        row.map((cell) => linesOf(cell)[line] ?? ""),
        bar,
      ),
    ).join("\n");
  const cellLine = (row: readonly string[], bar: string) => {
    const padded = widths.map((width, index) => {
      const text = row[index] ?? "";
      return columns[index]?.align === "right" ? text.padStart(width) : text.padEnd(width);
    });
    return `${bar} ${padded.join(` ${bar} `)} ${bar}`;
  };
  const body = rows.flatMap((row, index) => [
    ...(index === 0 ? [] : [rule("├", "─", "┼", "┤")]),
    cells(row, "│"),
  ]);
  return [
    rule("┏", "━", "┳", "┓"),
    cells(
      columns.map(({ title }) => title),
      "┃",
    ),
    rule("┡", "━", "╇", "┩"),
    ...body,
    rule("└", "─", "┴", "┘"),
  ].join("\n");
}

function linesOf(cell: string | undefined): readonly string[] {
  return (cell ?? "").split("\n");
}
