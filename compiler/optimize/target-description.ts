/**
 * What a target is to the passes that decide by cost and to the schedules: lanes, registers, caches and
 * rates. It stands here, before the targets that fill it in, because grouping and scheduling read it.
 * Decisions may depend on nothing else of a target, so that equal descriptions give equal kernels.
 */

export interface TargetDescription {
  readonly name: "cpu";
  /** Lanes of 32 bits in a vector register: 16 on AVX-512, 8 on AVX2, 4 on NEON and SSE, 1 without. */
  readonly vectorLanes: number;
  /** Vector registers that a register tile may use in all. */
  readonly vectorRegisters: number;
  /** Bytes of the caches that one thread has to itself: first level, second level. */
  readonly cacheBytes: readonly [first: number, second: number];
  /** Floating-point operations a second on one thread, fma counted as two. */
  readonly peakFlops: number;
  /** Bytes a second that one thread moves between its registers and the second-level cache. */
  readonly cacheBandwidth: number;
  /** Bytes a second that one thread moves to and from memory outside its own caches. */
  readonly memoryBandwidth: number;
  /** Seconds that starting one more kernel costs. */
  readonly launchSeconds: number;
  /** Work below which a task is not worth another thread, in seconds. */
  readonly taskSeconds: number;
}
