/**
 * The random numbers of every target: Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror and Shaw, "Parallel
 * random numbers: as easy as 1, 2, 3", SC 2011). Counter-based: a number is a function of (seed, stream,
 * batch, element index) and of nothing else, so it can be drawn anywhere, in any order, any number of times.
 *
 * `threefry2x32`, `uniformAt` and `uniforms` refer to nothing outside themselves but JavaScript's own objects and the
 * first of them, so that a printer of JavaScript can write their source.
 */

/**
 * Two words of random bits, as unsigned integers, from two words of key and two of counter: written to `words` from `at`,
 * as initial values draw millions, and no pair is to be an array of its own.
 */
export function threefry2x32(
  key0: number,
  key1: number,
  counter0: number,
  counter1: number,
  words: Float64Array,
  at: number,
): void {
  let k0 = key0 | 0;
  let k1 = key1 | 0;
  let k2 = 0x1bd11bda ^ k0 ^ k1;
  let a = (counter0 + k0) | 0;
  let b = (counter1 + k1) | 0;
  // Five times four rounds, written out for speed, with a word of the key after each four.
  for (let four = 1; four <= 5; four++) {
    if (four % 2 === 1) {
      a = (a + b) | 0;
      b = ((b << 13) | (b >>> 19)) ^ a;
      a = (a + b) | 0;
      b = ((b << 15) | (b >>> 17)) ^ a;
      a = (a + b) | 0;
      b = ((b << 26) | (b >>> 6)) ^ a;
      a = (a + b) | 0;
      b = ((b << 6) | (b >>> 26)) ^ a;
    } else {
      a = (a + b) | 0;
      b = ((b << 17) | (b >>> 15)) ^ a;
      a = (a + b) | 0;
      b = ((b << 29) | (b >>> 3)) ^ a;
      a = (a + b) | 0;
      b = ((b << 16) | (b >>> 16)) ^ a;
      a = (a + b) | 0;
      b = ((b << 24) | (b >>> 8)) ^ a;
    }
    const first = k0;
    k0 = k1;
    k1 = k2;
    k2 = first;
    a = (a + k0) | 0;
    b = (b + k1 + four) | 0;
  }
  words[at] = a >>> 0;
  words[at + 1] = b >>> 0;
}

/**
 * Uniform in [0, 1), a multiple of 2⁻²⁴: key (seed, stream), counter (index >> 1, batch), of whose two words
 * the one at index & 1 is taken. `stream` is the hash of the stream's name.
 */
export function uniformAt(seed: number, stream: number, batch: number, index: number): number {
  const words = new Float64Array(2);
  threefry2x32(seed, stream, index >>> 1, batch, words, 0);
  return (words[index % 2]! >>> 8) / 16777216;
}

/** `uniformAt` of the indices 0 … count - 1, both words of each pair used. */
export function uniforms(seed: number, stream: number, batch: number, count: number): Float64Array {
  const numbers = new Float64Array(count + (count % 2));
  for (let index = 0; index < count; index += 2) {
    threefry2x32(seed, stream, index >>> 1, batch, numbers, index);
    numbers[index] = (numbers[index]! >>> 8) / 16777216;
    numbers[index + 1] = (numbers[index + 1]! >>> 8) / 16777216;
  }
  return numbers.subarray(0, count);
}

/** FNV-1a over the UTF-8 bytes, 32 bits, as an unsigned integer: the key of a stream by its name. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
