/**
 * The contract between a generated kernel library and the addon that runs it: the text of
 * `runtime/native/nnc_step.h`, which a test compares with the file. Generated C contains it, so that it compiles
 * on its own.
 */
export const stepHeader = `/* The contract between a generated kernel library and the addon that runs it.
   The library exports \`int32_t nnc_abi(void)\`, which returns NNC_ABI, and one \`void NAME(const nnc_step *)\`
   for each graph. A graph function runs one step; it may call \`parallel\` any number of times, and only from
   the thread that called it. */
#ifndef NNC_STEP_H
#define NNC_STEP_H
#include <stdint.h>

#define NNC_ABI 1

typedef struct nnc_step nnc_step;
typedef void (*nnc_task)(const nnc_step *step, int32_t task);

struct nnc_step {
  char *persistent;            /* params, slots, states, metric totals; 64-byte aligned */
  char *temporaries;           /* scratch of one step; 64-byte aligned */
  char *results;               /* what the graph returns; 64-byte aligned */
  const void *const *columns;  /* first element of each data column, by slot */
  const int32_t *rows;         /* the n rows of this batch, as row numbers of the columns */
  const float *scalars;        /* this step's scalars */
  int32_t n;                   /* rows in this batch, 1 ... batchMax */
  uint32_t seed;               /* random key */
  uint32_t batch;              /* batches trained so far: random counter */
  void *pool;                  /* belongs to the addon */
  /* Runs task(step, 0) ... task(step, count - 1) on the pool and waits for them all. */
  void (*parallel)(const nnc_step *step, nnc_task task, int32_t count);
};

#endif
`;

/** What kernels know of a step: their first argument. */
export const batchType = [
  "typedef struct {",
  "  int32_t n;       /* rows of the batch, or those that a task takes through a loop as if they were it */",
  "  int32_t whole;   /* rows of the batch */",
  "  uint32_t seed;",
  "  uint32_t batch;",
  "} nnc_batch;",
  "",
] as const;
