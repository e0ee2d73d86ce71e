/** `nnc check`: everything the compiler can say of a model without running it. */

import { checkModel } from "../compile-model.ts";
import type { Streams } from "../streams.ts";

export async function check(entry: string, _options: object, streams: Streams): Promise<number> {
  checkModel(entry, streams);
  return 0;
}
