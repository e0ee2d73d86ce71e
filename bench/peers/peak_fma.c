/* Peak of single-precision multiply-adds on this machine: the yardstick of bench/. Prints GFLOP/s per thread count.
   Independent accumulators in named registers, 16 lanes each; build with cc -O2 -march=native -pthread. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef float lanes __attribute__((vector_size(64)));
enum { ROUNDS = 4000000, ACCUMULATORS = 12 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

static lanes fused(lanes a, lanes b, lanes c) {
  lanes r;
  for (int i = 0; i < 16; i++) r[i] = __builtin_fmaf(a[i], b[i], c[i]);
  return r;
}

static void *work(void *result) {
  lanes x = {0}, a = x + 1.0000001f, b = x + 1e-9f;
  /* Different starts, or the compiler would find that all chains are the same one. */
  lanes c0 = x, c1 = x + 1, c2 = x + 2, c3 = x + 3, c4 = x + 4, c5 = x + 5;
  lanes c6 = x + 6, c7 = x + 7, c8 = x + 8, c9 = x + 9, c10 = x + 10, c11 = x + 11;
  for (int i = 0; i < ROUNDS; i++) {
    c0 = fused(c0, a, b); c1 = fused(c1, a, b); c2 = fused(c2, a, b); c3 = fused(c3, a, b);
    c4 = fused(c4, a, b); c5 = fused(c5, a, b); c6 = fused(c6, a, b); c7 = fused(c7, a, b);
    c8 = fused(c8, a, b); c9 = fused(c9, a, b); c10 = fused(c10, a, b); c11 = fused(c11, a, b);
  }
  lanes sum = c0 + c1 + c2 + c3 + c4 + c5 + c6 + c7 + c8 + c9 + c10 + c11;
  *(float *)result = sum[0];
  return NULL;
}

int main(int count, char **values) {
  int threads = count > 1 ? atoi(values[1]) : 1;
  pthread_t handles[64];
  float results[64];
  double best = 1e9;
  for (int round = 0; round < 5; round++) {
    double start = now();
    for (int i = 0; i < threads; i++) pthread_create(&handles[i], NULL, work, &results[i]);
    for (int i = 0; i < threads; i++) pthread_join(handles[i], NULL);
    double seconds = now() - start;
    if (seconds < best) best = seconds;
  }
  double flops = 2.0 * 16 * ACCUMULATORS * (double)ROUNDS * threads;
  printf("%.1f\n", flops / best * 1e-9 + 0 * results[0]);
  return 0;
}
