// The addon is linked with -Bsymbolic-functions, so these operators serve its own code only; what
// they return is malloc's, so that it does not matter which side frees it.

#include "allocations.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace nnc {
namespace {

std::atomic<uint64_t> allocation_count{0};

void *CountedMalloc(size_t size) {
  allocation_count.fetch_add(1, std::memory_order_relaxed);
  return std::malloc(size == 0 ? 1 : size);
}

void *CountedAlignedMalloc(std::align_val_t alignment, size_t size) {
  allocation_count.fetch_add(1, std::memory_order_relaxed);
  void *memory = nullptr;
  const int error = posix_memalign(&memory, static_cast<size_t>(alignment), size);
  return error == 0 ? memory : nullptr;
}

void *OrThrow(void *memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

uint64_t Allocations() { return allocation_count.load(std::memory_order_relaxed); }

}  // namespace nnc

void *operator new(size_t size) { return nnc::OrThrow(nnc::CountedMalloc(size)); }
void *operator new[](size_t size) { return nnc::OrThrow(nnc::CountedMalloc(size)); }
void *operator new(size_t size, const std::nothrow_t &) noexcept {
  return nnc::CountedMalloc(size);
}
void *operator new[](size_t size, const std::nothrow_t &) noexcept {
  return nnc::CountedMalloc(size);
}
void *operator new(size_t size, std::align_val_t alignment) {
  return nnc::OrThrow(nnc::CountedAlignedMalloc(alignment, size));
}
void *operator new[](size_t size, std::align_val_t alignment) {
  return nnc::OrThrow(nnc::CountedAlignedMalloc(alignment, size));
}

void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete[](void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, size_t) noexcept { std::free(memory); }
void operator delete[](void *memory, size_t) noexcept { std::free(memory); }
void operator delete(void *memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void *memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void *memory, size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void *memory, size_t, std::align_val_t) noexcept { std::free(memory); }
