/** What every part of a run is given. */

import type { Machine } from "../machine.ts";
import type { PeerSettings } from "../peers.ts";
import type { Report } from "../report.ts";

export interface RunContext extends PeerSettings {
  /** Tiny sizes, to see that everything works. */
  readonly quick: boolean;
  /** A temporary folder: jobs' files, caches. */
  readonly folder: string;
  /** Reference cases, see test/conformance/main.ts. */
  readonly conformance: readonly string[];
  readonly machine: Machine;
  readonly report: Report;
}
