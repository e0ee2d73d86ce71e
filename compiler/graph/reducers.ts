/** The table of reducers. */
import type { DType } from "./dtype.ts";

export type ReducerName = "sum";

export interface Reducer {
  readonly resultTypes: (body: DType) => readonly DType[];
}

export const reducers: { readonly [K in ReducerName]: Reducer } = {
  sum: { resultTypes: (body) => [body] },
};
