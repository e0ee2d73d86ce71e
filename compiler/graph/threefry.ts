/**
 * The random numbers of every target: Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror and Shaw, "Parallel
 * random numbers: as easy as 1, 2, 3", SC 2011). Counter-based: a number is a function of (seed, stream,
 * batch, element index) and of nothing else, so it can be drawn anywhere, in any order, any number of times.
 *
 * `threefry2x32` and `uniformAt` refer to nothing outside themselves, and each other, but `Math`, so that a
 * printer of JavaScript can write their source.
 */

/** Two words of random bits, as unsigned integers, from two words of key and two of counter. */
export function threefry2x32(
  key0: number,
  key1: number,
  counter0: number,
  counter1: number,
): [number, number] {
  const rotations = [13, 15, 26, 6, 17, 29, 16, 24];
  const keys = [key0 | 0, key1 | 0, 0x1bd11bda ^ key0 ^ key1];
  let a = (counter0 + key0) | 0;
  let b = (counter1 + key1) | 0;
  for (let round = 0; round < 20; round++) {
    const rotation = rotations[round % 8]!;
    a = (a + b) | 0;
    b = ((b << rotation) | (b >>> (32 - rotation))) ^ a;
    if (round % 4 === 3) {
      const injection = (round + 1) / 4;
      a = (a + keys[injection % 3]!) | 0;
      b = (b + keys[(injection + 1) % 3]! + injection) | 0;
    }
  }
  return [a >>> 0, b >>> 0];
}

/**
 * Uniform in [0, 1), a multiple of 2⁻²⁴: key (seed, stream), counter (index >> 1, batch), of whose two words
 * the one at index & 1 is taken. `stream` is the hash of the stream's name.
 */
export function uniformAt(seed: number, stream: number, batch: number, index: number): number {
  const words = threefry2x32(seed, stream, index >>> 1, batch);
  return (words[index & 1]! >>> 8) / 16777216;
}

/** FNV-1a over the UTF-8 bytes, 32 bits, as an unsigned integer: the key of a stream by its name. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
