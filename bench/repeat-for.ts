/** Something that is repeated for about as long as is asked for; how often follows from what the last ones took. */

/** `run(count)` resolves when that many are done. Gives the seconds of one. */
export function repeatFor(
  run: (count: number) => Promise<void>,
): (wanted: number) => Promise<number> {
  const take = async (count: number): Promise<number> => {
    const start = performance.now();
    await run(count);
    return (performance.now() - start) / 1000 / count;
  };
  let once: number | undefined;
  return async (wanted) => {
    if (once === undefined) {
      const first = await take(1);
      // What takes longer than is asked for is not repeated.
      once = first > wanted ? first : Math.min(first, await take(3));
      if (once > wanted) return once;
    }
    once = await take(Math.max(1, Math.min(100_000, Math.floor(wanted / once))));
    return once;
  };
}
