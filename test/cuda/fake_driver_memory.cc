// The driver's functions of memory, of the device and of the host.

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "driver_state.h"
#include "tensor_map.h"

using namespace nnc_emulation;

namespace {

bool IsPinned(const void *memory, size_t bytes) {
  const char *begin = static_cast<const char *>(memory);
  auto found = driver.pinned.upper_bound(begin);
  if (found == driver.pinned.begin()) return false;
  --found;
  return begin + bytes <= found->first + found->second;
}

bool IsOnDevice(uint64_t address, size_t bytes) {
  return nnc_allocation_of(reinterpret_cast<const void *>(address), bytes, nullptr) != nullptr;
}

}  // namespace

CUDA cuMemGetInfo_v2(size_t *free, size_t *total) {
  DriverLock lock;
  const Result result = CheckContext();
  *total = TotalBytes();
  *free = *total - driver.used_bytes;
  return result;
}

CUDA cuMemAlloc_v2(uint64_t *address, size_t bytes) {
  DriverLock lock;
  const Result result = CheckContext();
  if (result != kSuccess) return result;
  const Result captured = CheckNoCapture();
  if (captured != kSuccess) return captured;
  if (bytes == 0) return kInvalidValue;
  if (bytes > TotalBytes() - driver.used_bytes) return kOutOfMemory;
  const std::string name = "allocation " + std::to_string(current->memory.size() + 1);
  void *memory = nnc_allocate(name.c_str(), bytes);
  if (memory == nullptr) return kOutOfMemory;
  current->memory[memory] = bytes;
  driver.used_bytes += bytes;
  *address = reinterpret_cast<uint64_t>(memory);
  return kSuccess;
}

CUDA cuMemFree_v2(uint64_t address) {
  DriverLock lock;
  if (current == nullptr) return kInvalidContext;
  const auto found = current->memory.find(reinterpret_cast<void *>(address));
  if (found == current->memory.end()) return kInvalidValue;
  const Result result = RunAll();
  driver.used_bytes -= found->second;
  nnc_release(found->first);
  current->memory.erase(found);
  return result;
}

CUDA cuMemHostAlloc(void **memory, size_t bytes, unsigned) {
  constexpr size_t kAlignment = 4096;
  DriverLock lock;
  const Result result = CheckContext();
  if (result != kSuccess) return result;
  if (bytes == 0) return kInvalidValue;
  const size_t padded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  *memory = std::aligned_alloc(kAlignment, padded);
  std::memset(*memory, 0xff, padded);
  driver.pinned[static_cast<char *>(*memory)] = bytes;
  return kSuccess;
}

CUDA cuMemFreeHost(void *memory) {
  DriverLock lock;
  if (current != nullptr) RunAll();
  if (driver.pinned.erase(static_cast<char *>(memory)) == 0) return kInvalidValue;
  std::free(memory);
  return kSuccess;
}

CUDA cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, Stream *stream) {
  DriverLock lock;
  const Result result = CheckContext();
  if (result != kSuccess) return result;
  if (StreamOf(stream) == nullptr) return kInvalidHandle;
  if (!IsOnDevice(to, bytes)) return kInvalidValue;
  void *target = reinterpret_cast<void *>(to);
  if (IsPinned(from, bytes)) {
    return stream->Enqueue([target, from, bytes] {
      std::memcpy(target, from, bytes);
      return kSuccess;
    });
  }
  // Other memory is the caller's again at once.
  const std::string copy(static_cast<const char *>(from), bytes);
  return stream->Enqueue([target, copy] {
    std::memcpy(target, copy.data(), copy.size());
    return kSuccess;
  });
}

CUDA cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, Stream *stream) {
  DriverLock lock;
  const Result result = CheckContext();
  if (result != kSuccess) return result;
  if (StreamOf(stream) == nullptr) return kInvalidHandle;
  if (!IsOnDevice(from, bytes)) return kInvalidValue;
  const void *source = reinterpret_cast<const void *>(from);
  const Result enqueued = stream->Enqueue([to, source, bytes] {
    std::memcpy(to, source, bytes);
    return kSuccess;
  });
  if (enqueued != kSuccess || IsPinned(to, bytes) || stream->is_capturing()) return enqueued;
  stream->RunAll();
  return CheckContext();
}

CUDA cuMemsetD8Async(uint64_t to, unsigned char value, size_t bytes, Stream *stream) {
  DriverLock lock;
  const Result result = CheckContext();
  if (result != kSuccess) return result;
  if (StreamOf(stream) == nullptr) return kInvalidHandle;
  if (!IsOnDevice(to, bytes)) return kInvalidValue;
  return stream->Enqueue([to, value, bytes] {
    std::memset(reinterpret_cast<void *>(to), value, bytes);
    return kSuccess;
  });
}

CUDA cuTensorMapEncodeTiled(void *map, int type, unsigned rank, void *address,
                            const uint64_t *extents, const uint64_t *strides, const unsigned *box,
                            const unsigned *element_strides, int interleave, int swizzle, int,
                            int outside) {
  DriverLock lock;
  for (unsigned axis = 0; axis < rank; ++axis) {
    if (element_strides[axis] != 1) return kInvalidValue;
  }
  if (interleave != 0 || outside != 0) return kInvalidValue;
  const char *wrong =
      nnc_encode_tensor_map(map, type, rank, address, extents, strides, box, swizzle);
  if (wrong != nullptr) std::fprintf(stderr, "CUDA emulation: a tensor map with %s\n", wrong);
  return wrong == nullptr ? kSuccess : kInvalidValue;
}
