/** How commands fail: with a message for the user, never with a stack unless that is asked for. */

import { DataError } from "../../runtime/data/data-error.ts";
import { DeviceError } from "../../runtime/devices/device.ts";
import { TrainingError } from "../../runtime/training/error.ts";
import { InvariantError } from "../diagnostics/diagnostic.ts";

/** A mistake in how nnc was called, or something missing on this machine. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  /** What to do about it. */
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

/** Everything was said already: diagnostics were printed. */
export class SilentFailure extends Error {
  override readonly name = "SilentFailure";
}

/** Names of errors that are the user's to mend; all others are bugs. */
const EXPECTED = new Set([
  ...["MissingCompilerError", "UnwritableCacheError"],
  ...["UnsupportedTargetError", "WgslLimitError"],
]);

/** The lines to print for whatever was thrown. */
export function describeFailure(error: unknown): string {
  if (error instanceof SilentFailure) return "";
  if (error instanceof CommandError || error instanceof TrainingError) {
    return `error: ${error.message}\n${error.hint === undefined ? "" : `  = ${error.hint}\n`}`;
  }
  if (error instanceof DataError || error instanceof DeviceError) {
    return `error: ${error.message}\n`;
  }
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof Error && EXPECTED.has(error.name)) return `error: ${message}\n`;
  // An InvariantError asks for a report itself.
  if (error instanceof InvariantError)
    return `error: ${message}\n  = run again with --stack to see where\n`;
  if (isSystemError(error)) return `error: ${message}\n`;
  return `error: internal error in nnc (please report it): ${message}\n  = run again with --stack to see where\n`;
}

/** A full disk, a folder without permission: Node's own message says it all. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error && "code" in error;
}
