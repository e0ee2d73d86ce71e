/**
 * What a target is to the passes that decide by cost and to the schedules: lanes, registers, caches and
 * rates. It stands here, before the targets that fill it in, because grouping and scheduling read it.
 * Decisions may depend on nothing else of a target, so that equal descriptions give equal kernels.
 */

export interface TargetDescription {
  readonly name: "cpu" | "wgsl" | "cuda";
  /** Lanes of 32 bits in a vector register: 16 on AVX-512, 8 on AVX2, 4 on NEON and SSE, 1 without. */
  readonly vectorLanes: number;
  /** Vector registers that a register tile may use in all. */
  readonly vectorRegisters: number;
  /** Bytes of the caches that one thread has to itself: first level, second level. */
  readonly cacheBytes: readonly [first: number, second: number];
  /** Floating-point operations a second on one thread, fma counted as two. */
  readonly peakFlops: number;
  /** How many multiply-adds of whole vectors a thread begins in a cycle. */
  readonly multiplyAdds: number;
  /** Bytes a second that one thread moves between its registers and the second-level cache. */
  readonly cacheBandwidth: number;
  /** The cache beyond those, which threads share, and bytes a second that one thread moves from and to it; null without one. */
  readonly sharedCache: { readonly bytes: number; readonly bandwidth: number } | null;
  /** Bytes a second that one thread moves to and from memory outside its own caches. */
  readonly memoryBandwidth: number;
  /** Seconds that starting one more kernel costs. */
  readonly launchSeconds: number;
  /** Work below which a task is not worth another thread, in seconds. */
  readonly taskSeconds: number;
  /** Whether correlations may be computed by transformed tiles, with fewer products and other rounding. */
  readonly winograd: boolean;
  /** What a workgroup of threads may use, where tasks are run by workgroups; null where a task is one thread. */
  readonly workgroup: WorkgroupLimits | null;
  /** Bytes that every tensor in an arena is aligned to. */
  readonly arenaAlignment: number;
  /** Whether bytes and bools take a whole word each in arenas, because memory is written by words. */
  readonly wordsOnly: boolean;
  /** Where contractions of one thread have their plans from, if not from what is predicted of them. */
  readonly plans?: PlanSource;
}

/** How the schedule cuts a contraction, as far as that is free: see schedule/contraction-plan.ts. */
export interface PlanChoice {
  /** Which of the contraction's row axes a tile has its rows along; null if there is none. */
  readonly row: number | null;
  /** Accumulators of a register tile: rows × vectors. */
  readonly rows: number;
  readonly vectors: number;
  /** Whether panels are copied to where their columns lie side by side. */
  readonly packed: boolean;
  /** Which loop of the sum is cut into blocks of how many steps; null where the sum is not cut. */
  readonly blocks: { readonly depth: number; readonly steps: number } | null;
}

export type PlanSource =
  /** Measured to be the fastest on this machine, by the shape of the contraction; others are predicted. */
  | { readonly kind: "tuned"; readonly byShape: ReadonlyMap<string, PlanChoice> }
  /** Those with a number among the plans worth measuring: 0 are the predicted ones. */
  | { readonly kind: "candidate"; readonly number: number };

export interface WorkgroupLimits {
  /** The most threads of a workgroup: a power of two. */
  readonly threads: number;
  /** Bytes of shared memory. */
  readonly sharedBytes: number;
  /** Windows and columns that one kernel may have. */
  readonly buffers: number;
  /** Registers of 32 bits that a thread may use for a tile. */
  readonly registers: number;
  /** Workgroups that run at the same time, for cutting work so that all of the device has some. */
  readonly concurrency: number;
  /** Whether `shuffleDown` may be used. */
  readonly subgroups: boolean;
  /** Threads of every subgroup, where all devices have as many and exchanges may count on it; otherwise null. */
  readonly subgroupThreads: number | null;
  /** Whether shared memory may hold f16. */
  readonly f16: boolean;
  /** Bytes that a thread reads or writes by one access where elements lie side by side: 4 or 16. */
  readonly accessBytes: 4 | 16;
  /** Whether memory is copied to shared memory while threads compute. */
  readonly asynchronousCopies: boolean;
  /** Units that multiply small matrices; null where products are single multiply-adds, or have to be. */
  readonly matrix: MatrixUnits | null;
}

/** What multiplies small matrices, with sums in f32. */
export interface MatrixUnits {
  /** What operands are rounded to: tf32 has f32's exponent and 10 bits of fraction, and is kept as f32. */
  readonly operands: "tf32" | "bf16" | "f16";
  /** Who issues an instruction: a subgroup with operands in registers, or four of them with operands in shared memory. */
  readonly issuedBy: "subgroup" | "fourSubgroups";
  /** Bytes of shared memory that such kernels may use. */
  readonly sharedBytes: number;
  /** Operations a second of all units, a multiply-add counted as two. */
  readonly peakFlops: number;
}
