/** The emulated driver does work as late as CUDA may, and notices what CUDA forbids; see `check_driver.cc`. */

import { execFile } from "node:child_process";
import { describe, expect, test } from "vitest";
import { emulatedCuda, hasEmulation, needsEmulation } from "./emulation.ts";

describe.runIf(hasEmulation)(`the emulated driver ${needsEmulation}`, () => {
  test.each([
    ["copies from pinned memory are made when they are waited for", "copies"],
    ["copies to pinned memory have not arrived before", "reads"],
    ["streams follow each other by events only", "events"],
    ["branches of a graph run in any order", "graphs"],
    ["captures have rules", "captures"],
    ["a fault is told late and stays with its context", "faults"],
    ["launches and memory have limits", "limits"],
  ])("%s", async (_, name) => {
    const { driverChecks } = await emulatedCuda();
    const said = await new Promise<string>((resolve) => {
      execFile(driverChecks, [name], (error, out, errors) => {
        resolve(error === null ? out : `${out}${errors}${error.message}`);
      });
    });
    expect(said).toBe("");
  });
});
