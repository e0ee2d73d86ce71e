#include "cpu_features.h"

namespace nnc {

std::vector<const char *> CpuFeatures() {
  std::vector<const char *> features;
#if defined(__x86_64__) || defined(__i386__)
  __builtin_cpu_init();
// The builtin takes a literal only.
#define NNC_FEATURE(name) \
  if (__builtin_cpu_supports(name)) features.push_back(name)
  NNC_FEATURE("sse3");
  NNC_FEATURE("ssse3");
  NNC_FEATURE("sse4.1");
  NNC_FEATURE("sse4.2");
  NNC_FEATURE("popcnt");
  NNC_FEATURE("avx");
  NNC_FEATURE("avx2");
  NNC_FEATURE("fma");
  NNC_FEATURE("bmi");
  NNC_FEATURE("bmi2");
  NNC_FEATURE("avx512f");
  NNC_FEATURE("avx512cd");
  NNC_FEATURE("avx512bw");
  NNC_FEATURE("avx512dq");
  NNC_FEATURE("avx512vl");
  NNC_FEATURE("avx512vnni");
#undef NNC_FEATURE
#elif defined(__aarch64__)
  features.push_back("neon");  // a part of the base architecture
#endif
  return features;
}

}  // namespace nnc
