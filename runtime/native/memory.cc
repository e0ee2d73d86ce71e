#include "memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <new>

namespace nnc {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

size_t RoundUp(size_t size, size_t unit) { return (size + unit - 1) / unit * unit; }

// A mapping of whole pages that starts at a multiple of `alignment`: a longer one, trimmed at both
// ends.
char *MapAligned(size_t size, size_t alignment, size_t page) {
  const size_t total = size + alignment - page;
  void *mapping =
      mmap(nullptr, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) throw std::bad_alloc();
  char *const start = static_cast<char *>(mapping);
  char *const aligned = start + (RoundUp(reinterpret_cast<uintptr_t>(start), alignment) -
                                 reinterpret_cast<uintptr_t>(start));
  const size_t head = static_cast<size_t>(aligned - start);
  const size_t tail = total - head - size;
  if (head > 0) munmap(start, head);
  if (tail > 0) munmap(aligned + size, tail);
  return aligned;
}

}  // namespace

Memory::Memory(size_t size) : size_(size) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const bool large = size >= kHugePage;
  mapped_ = RoundUp(size == 0 ? 1 : size, page);
  data_ = MapAligned(mapped_, large ? kHugePage : page, page);
#ifdef MADV_HUGEPAGE
  // Only advice; a system that refuses it still has the memory.
  if (large) madvise(data_, mapped_, MADV_HUGEPAGE);
#endif
}

int32_t Memory::parts() const {
  return static_cast<int32_t>(RoundUp(mapped_, kHugePage) / kHugePage);
}

void Memory::Touch(int32_t part) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t begin = static_cast<size_t>(part) * kHugePage;
  const size_t end = std::min(mapped_, begin + kHugePage);
  for (size_t at = begin; at < end; at += page) *static_cast<volatile char *>(data_ + at) = 0;
}

Memory::~Memory() { Release(); }

void Memory::Release() {
  if (data_ != nullptr) munmap(data_, mapped_);
  data_ = nullptr;
}

}  // namespace nnc
