// Counts what the addon allocates, so that a test can show that a training step allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nnc {

// Allocations made by the addon's own code since it was loaded, on all its threads: every operator new
// and every call of AllocateAligned. Node, V8 and the kernels are not included.
uint64_t Allocations();

// Like aligned_alloc, counted; freed by free(). Null when there is no memory.
void *AllocateAligned(size_t alignment, size_t size);

}  // namespace nnc
