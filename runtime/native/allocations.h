// Counts what the addon allocates, so that a test can show that a training step allocates nothing.
#pragma once

#include <cstdint>

namespace nnc {

// Allocations made by the addon's own code since it was loaded, on all its threads: every operator
// new. Node, V8 and the kernels are not included.
uint64_t Allocations();

}  // namespace nnc
