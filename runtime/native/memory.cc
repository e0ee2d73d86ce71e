#include "memory.h"

#include <cstdlib>
#include <cstring>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

#include "allocations.h"

namespace nnc {
namespace {

constexpr size_t kCacheLine = 64;
constexpr size_t kHugePage = size_t{2} << 20;

constexpr size_t RoundUp(size_t size, size_t unit) { return (size + unit - 1) / unit * unit; }

}  // namespace

Memory::Memory(size_t size) : size_(size) {
  const bool large = size >= kHugePage;
  const size_t alignment = large ? kHugePage : kCacheLine;
  // A vector load may reach over the last element, never over the last line.
  const size_t rounded = RoundUp(size == 0 ? 1 : size, kCacheLine);
  data_ = static_cast<char *>(AllocateAligned(alignment, rounded));
  if (data_ == nullptr) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
  // Only advice; a system that refuses it still has the memory.
  if (large) madvise(data_, rounded, MADV_HUGEPAGE);
#endif
  std::memset(data_, 0, rounded);
}

Memory::~Memory() { std::free(data_); }

}  // namespace nnc
