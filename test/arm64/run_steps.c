/* Runs steps of a kernel library for another processor, under an emulator of it: what the native addon's step thread
   does. The argument is the library. Requests come through the standard input until it ends:

     int32 counts[10]: bytes of the symbol; of persistent, temporaries and results; column slots; rows; rows a batch;
                       scalars; scalars a step; whether tasks run in reverse
     uint32 counters[2]: seed; batches trained before
     int32 bytes[column slots]
     symbol, persistent, columns, rows, scalars

   Persistent and results follow each other in the standard output. */

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nnc_step.h"

static void refuse(const char *why) {
  fprintf(stderr, "%s\n", why);
  exit(1);
}

static void *allocate(size_t bytes) {
  void *memory = NULL;
  if (posix_memalign(&memory, 64, bytes + 64) != 0) refuse("no memory");
  return memset(memory, 0, bytes + 64);
}

static void *receive(size_t bytes) {
  void *memory = allocate(bytes);
  if (fread(memory, 1, bytes, stdin) != bytes) refuse("the request ends early");
  return memory;
}

static void run_forward(const nnc_step *step, nnc_task task, int32_t count) {
  for (int32_t i = 0; i < count; i++) task(step, i);
}

static void run_in_reverse(const nnc_step *step, nnc_task task, int32_t count) {
  for (int32_t i = count - 1; i >= 0; i--) task(step, i);
}

static void serve(void *library, const int32_t counts[10]) {
  const int32_t slots = counts[4], rows = counts[5], batch_size = counts[6];
  uint32_t *counters = receive(2 * sizeof *counters);
  int32_t *bytes = receive(slots * sizeof *bytes);
  char *symbol = receive(counts[0]);
  void (*graph)(const nnc_step *) = (void (*)(const nnc_step *))dlsym(library, symbol);
  if (graph == NULL) refuse(dlerror());
  char *persistent = receive(counts[1]);
  char *temporaries = allocate(counts[2]);
  char *results = allocate(counts[3]);
  void **columns = allocate(slots * sizeof *columns);
  for (int32_t slot = 0; slot < slots; slot++) columns[slot] = receive(bytes[slot]);
  int32_t *all_rows = receive(rows * sizeof *all_rows);
  float *scalars = receive(counts[7] * sizeof *scalars);
  nnc_step step = {
      .persistent = persistent,
      .temporaries = temporaries,
      .results = results,
      .columns = (const void *const *)columns,
      .rows = all_rows,
      .scalars = scalars,
      .seed = counters[0],
      .batch = counters[1],
      .parallel = counts[9] ? run_in_reverse : run_forward,
  };
  for (int32_t left = rows; left > 0; left -= step.n) {
    step.n = left < batch_size ? left : batch_size;
    graph(&step);
    step.rows += step.n;
    step.scalars += counts[8];
    step.batch++;
  }
  fwrite(persistent, 1, counts[1], stdout);
  fwrite(results, 1, counts[3], stdout);
  fflush(stdout);
  for (int32_t slot = 0; slot < slots; slot++) free(columns[slot]);
  void *others[] = {counters, bytes, symbol, persistent, temporaries, results, columns, all_rows, scalars};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) free(others[i]);
}

int main(int count, char **arguments) {
  if (count != 2) refuse("give a library");
  void *library = dlopen(arguments[1], RTLD_NOW);
  if (library == NULL) refuse(dlerror());
  int32_t (*abi)(void) = (int32_t(*)(void))dlsym(library, "nnc_abi");
  if (abi == NULL || abi() != NNC_ABI) refuse("no kernel library of this version");
  int32_t counts[10];
  while (fread(counts, sizeof *counts, 10, stdin) == 10) serve(library, counts);
  return 0;
}
