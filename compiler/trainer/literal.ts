/** Plain data as TypeScript source, laid out for reading: short values on one line, long ones one item a line. */

const WIDTH = 100;

/** For people, or on one line. */
export type LiteralStyle = "readable" | "compact";

/** `indent` is the column the value's lines start at, `taken` what already stands on its first line. */
export function printLiteral(
  value: unknown,
  style: LiteralStyle = "readable",
  indent = 0,
  taken = indent,
): string {
  if (style === "compact") return printCompactly(value);
  if (isText(value)) return printText(value);
  const line = printOnOneLine(value);
  if (line.length + taken + 1 <= WIDTH && !line.includes("`")) return line;
  const pad = " ".repeat(indent + 2);
  if (Array.isArray(value)) {
    const items = value.map((item) => printLiteral(item, style, indent + 2));
    const lines = value.every(isAtom) ? fill(items, WIDTH - indent - 2) : items.map((i) => `${i},`);
    return `[\n${lines.map((text) => `${pad}${text}\n`).join("")}${" ".repeat(indent)}]`;
  }
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).map(([key, item]) => {
      const name = printField(key);
      return `${pad}${name}: ${printLiteral(item, style, indent + 2, indent + 4 + name.length)},\n`;
    });
    return `{\n${fields.join("")}${" ".repeat(indent)}}`;
  }
  return line;
}

/** A property name, quoted where it is no identifier. */
export function printKey(key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key);
}

/** In an object literal `__proto__: …` would set the prototype. */
function printField(key: string): string {
  return key === "__proto__" ? '["__proto__"]' : printKey(key);
}

function printOnOneLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(printOnOneLine).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).map(
      ([key, item]) => `${printField(key)}: ${printOnOneLine(item)}`,
    );
    return fields.length === 0 ? "{}" : `{ ${fields.join(", ")} }`;
  }
  if (isText(value)) return printText(value);
  if (Object.is(value, -0)) return "-0";
  if (typeof value === "number") return String(value);
  return JSON.stringify(value);
}

function printCompactly(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(printCompactly).join()}]`;
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).map(
      ([key, item]) => `${printField(key)}:${printCompactly(item)}`,
    );
    return `{${fields.join()}}`;
  }
  return printOnOneLine(value);
}

/** Several lines of plain characters, as programs are. */
function isText(value: unknown): value is string {
  return typeof value === "string" && value.includes("\n") && /^[\n -~]+$/.test(value);
}

/** With line breaks as they are: the literal's own lines begin at the margin. */
function printText(text: string): string {
  return `\`${text.replace(/[\\`]|\$\{/g, "\\$&")}\``;
}

function isAtom(value: unknown): boolean {
  return typeof value !== "object" || value === null;
}

/** As many items a line as fit. */
function fill(items: readonly string[], width: number): readonly string[] {
  const lines: string[] = [];
  let current = "";
  for (const item of items) {
    if (current.length > 0 && current.length + item.length + 2 > width) {
      lines.push(current);
      current = "";
    }
    current += current.length === 0 ? `${item},` : ` ${item},`;
  }
  return current.length === 0 ? lines : [...lines, current];
}
