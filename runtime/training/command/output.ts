/** What becomes of a program whose standard output takes no more. */

/** Ends the process then: in silence where a reader has seen enough (`… | head`), else with the reason. */
export function endWithOutput(): void {
  process.stdout.on("error", ({ code, message }: NodeJS.ErrnoException) => {
    if (code === "EPIPE") process.exit(0);
    process.stderr.write(`error: the standard output cannot be written to: ${message}\n`);
    process.exit(1);
  });
}
