// The driver of CUDA 11.2, as far as it matters: it lacks what came later.

extern "C" __attribute__((visibility("default"))) int cuInit(unsigned) { return 0; }

extern "C" __attribute__((visibility("default"))) int cuDriverGetVersion(int *version) {
  *version = 11020;
  return 0;
}
