// What this processor can do.
#pragma once

#include <vector>

namespace nnc {

// Features in the spelling of __builtin_cpu_supports, of those that kernels may be compiled for.
std::vector<const char *> CpuFeatures();

}  // namespace nnc
