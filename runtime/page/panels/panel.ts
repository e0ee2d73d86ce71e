/** What panels have in common: they show the state, and ask for things. */

import type { Request } from "../protocol.ts";
import type { PageEvent, PageState } from "../state.ts";

export interface PageContext {
  readonly state: () => PageState;
  readonly send: (request: Request) => void;
  readonly dispatch: (event: PageEvent) => void;
}

/** Called after every change of the state. */
export type Render = (state: PageState) => void;
