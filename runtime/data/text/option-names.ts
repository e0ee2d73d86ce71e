/** Names of the arguments that make a text of a field. */
export const textOptionNames = [
  "split",
  "standardize",
  "max_tokens",
  "output_mode",
  "padding",
  "truncating",
  "vocabulary",
] as const;
