/** A table in the box-drawing style of Keras' `model.summary()`. */

export interface TableColumn {
  readonly title: string;
  readonly align: "left" | "right";
}

/** Lines of a table; every row has a cell for each column. */
export function formatTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
): string {
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...rows.map((row) => row[index]?.length ?? 0)),
  );
  const rule = (left: string, line: string, cross: string, right: string) =>
    `${left}${widths.map((width) => line.repeat(width + 2)).join(cross)}${right}`;
  const cells = (row: readonly string[], bar: string) => {
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
