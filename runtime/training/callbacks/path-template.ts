/**
 * Fills `{epoch:02d}` and `{val_loss:.2f}` in the path of a ModelCheckpoint: the part of Python's format
 * specification that makes sense in a file name: zero padding, width, precision, and types d, f, e, g.
 */

import { TrainingError } from "../error.ts";

const FIELD = /\{([^{}:]*)(?::([^{}]*))?\}/g;
const SPECIFICATION = /^(0?)(\d*)(?:\.(\d+))?([dfeg]?)$/;

export function fillPathTemplate(
  template: string,
  values: Readonly<Record<string, number>>,
): string {
  return template.replace(FIELD, (_, name: string, specification: string | undefined) => {
    const value = values[name];
    if (value === undefined) {
      throw new TrainingError(
        `the file name "${template}" asks for {${name}}, which is not known`,
        `known are ${Object.keys(values).join(", ")}`,
      );
    }
    return formatNumber(template, value, specification ?? "");
  });
}

function formatNumber(template: string, value: number, specification: string): string {
  const match = SPECIFICATION.exec(specification);
  if (match === null) {
    throw new TrainingError(`the file name "${template}" has an unknown format "${specification}"`);
  }
  const [, zero, width, precision, type] = match;
  const digits = precision === undefined ? 6 : Number(precision);
  const text = textOf(value, type || (precision === undefined ? "" : "g"), digits);
  return text.padStart(Number(width), zero === "0" ? "0" : " ");
}

function textOf(value: number, type: string, digits: number): string {
  switch (type) {
    case "d":
      return String(Math.trunc(value));
    case "f":
      return value.toFixed(digits);
    case "e":
      return value.toExponential(digits).replace(/e([+-])(\d)$/, "e$10$2");
    case "g":
      return String(Number(value.toPrecision(Math.max(digits, 1))));
    default:
      return String(value);
  }
}
