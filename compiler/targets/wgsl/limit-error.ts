/** A model needs more than any device of WebGPU has; the message gives the numbers and says what to do. */
export class WgslLimitError extends Error {
  override readonly name = "WgslLimitError";
}
