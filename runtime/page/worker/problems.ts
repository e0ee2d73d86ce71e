/** What went wrong, in words for people. What nobody foresaw is shown as it is, and says so. */

import type { DataError } from "../../data/data-error.ts";
import type { TrainingError } from "../../training/error.ts";
import type { Problem } from "../protocol.ts";

/** A problem that has been put into words already. */
export class PageError extends Error {
  override readonly name = "PageError";
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.title);
    this.problem = problem;
  }
}

/** `title` says what was being done: "The data cannot be used". */
export function describeProblem(error: unknown, title: string): Problem {
  if (error instanceof PageError) return error.problem;
  // The trainer's runtime is a module of its own with classes of its own: errors go by their names.
  const detail = sentence(error instanceof Error ? error.message : String(error));
  switch (error instanceof Error ? error.name : "") {
    case "DataError": {
      const { file, place, expected, found, hint } = (error as DataError).problem;
      const where = place === undefined ? file : `${file}, ${place}`;
      const said = `${where}: expected ${expected}, found ${found}.`;
      return { title, detail: said, advice: sentence(hint) };
    }
    case "TrainingError": {
      const { hint } = error as TrainingError;
      return { title, detail, advice: hint === undefined ? null : sentence(hint) };
    }
    case "DeviceLostError":
      return {
        title: "The graphics processor was lost",
        detail,
        advice:
          "Nothing that was saved is gone. Try again; if it happens often, close other programs that use it or update its driver.",
      };
    case "DeviceError":
      return {
        title: "The graphics processor cannot do this",
        detail,
        advice: "Try another browser or another device, or train with `nnc train` on a computer.",
      };
    default:
      return {
        title,
        detail,
        advice: "This was not foreseen: reload the page, and please report it if it happens again.",
      };
  }
}

export function isLostDevice(error: unknown): boolean {
  return error instanceof Error && error.name === "DeviceLostError";
}

/** Begins with a capital and ends with a stop, as messages of the runtime do not. */
export function sentence(text: string): string {
  const capital = /^[a-z]+[\s:,]/.test(text) ? text[0]!.toUpperCase() + text.slice(1) : text;
  return /[.!?…]$/.test(capital) ? capital : `${capital}.`;
}
