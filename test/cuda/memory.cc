// Memory of the emulated device. Allocations end just before inaccessible pages, so that the processor itself finds
// accesses beyond them.

#include <sys/mman.h>

#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>
#include <string>

#include "emulation.h"

namespace {

constexpr size_t kAlignment = 256;
constexpr size_t kPageBytes = 4096;
// More than a page, so that a wrong index is still told to be of this allocation.
constexpr size_t kGuardBytes = 1 << 20;
// All floats of it are NaN; indices made of it are far out of range.
constexpr int kPoison = 0xff;

struct Allocation {
  std::string name;
  size_t bytes;
  char *mapping;
  size_t mapping_bytes;
};

size_t RoundUp(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

std::mutex mutex;
std::map<const char *, Allocation> &Allocations() {
  static std::map<const char *, Allocation> allocations;
  return allocations;
}

}  // namespace

void *nnc_allocate(const char *name, size_t bytes) {
  const size_t padded = RoundUp(bytes, kAlignment);
  const size_t inside = RoundUp(padded, kPageBytes);
  const size_t total = inside + 2 * kGuardBytes;
  void *memory =
      mmap(nullptr, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  char *mapping = static_cast<char *>(memory);
  if (inside > 0 && mprotect(mapping + kGuardBytes, inside, PROT_READ | PROT_WRITE) != 0) {
    munmap(memory, total);
    return nullptr;
  }
  char *start = mapping + kGuardBytes + inside - padded;
  std::memset(start, kPoison, padded);
  std::lock_guard<std::mutex> lock(mutex);
  Allocations()[start] = {name, bytes, mapping, total};
  return start;
}

bool nnc_release(void *memory) {
  std::lock_guard<std::mutex> lock(mutex);
  const auto found = Allocations().find(static_cast<char *>(memory));
  if (found == Allocations().end()) return false;
  munmap(found->second.mapping, found->second.mapping_bytes);
  Allocations().erase(found);
  return true;
}

void *nnc_allocation_of(const void *memory, size_t bytes, size_t *bytes_of) {
  const char *begin = static_cast<const char *>(memory);
  std::lock_guard<std::mutex> lock(mutex);
  auto found = Allocations().upper_bound(begin);
  if (found == Allocations().begin()) return nullptr;
  --found;
  const size_t offset = static_cast<size_t>(begin - found->first);
  const size_t size = found->second.bytes;
  if (offset > size || bytes > size - offset) return nullptr;
  if (bytes_of != nullptr) *bytes_of = size;
  return const_cast<char *>(found->first);
}

const char *nnc_overwritten() {
  std::lock_guard<std::mutex> lock(mutex);
  for (const auto &[start, allocation] : Allocations()) {
    const size_t padded = RoundUp(allocation.bytes, kAlignment);
    for (size_t i = allocation.bytes; i < padded; ++i) {
      if (static_cast<unsigned char>(start[i]) != kPoison) return allocation.name.c_str();
    }
  }
  return nullptr;
}

void nnc_describe_address(const void *address, char *text, size_t bytes) {
  const char *at = static_cast<const char *>(address);
  // Called by the handler of a signal, from code that does not allocate memory of the device.
  for (const auto &[start, allocation] : Allocations()) {
    if (at < allocation.mapping || at >= allocation.mapping + allocation.mapping_bytes) continue;
    const char *end = start + allocation.bytes;
    if (at < start) {
      std::snprintf(text, bytes, "%zu bytes before %s", static_cast<size_t>(start - at),
                    allocation.name.c_str());
    } else if (at >= end) {
      std::snprintf(text, bytes, "%zu bytes after the end of %s (%zu bytes)",
                    static_cast<size_t>(at - end), allocation.name.c_str(), allocation.bytes);
    } else {
      std::snprintf(text, bytes, "%zu bytes into %s", static_cast<size_t>(at - start),
                    allocation.name.c_str());
    }
    return;
  }
  std::snprintf(text, bytes, "at %p, in no memory of the device", address);
}
