#include "tensor_map.h"

#include <cstring>

// Limits are those of "cuTensorMapEncodeTiled" in the CUDA driver API's manual.
const char *nnc_encode_tensor_map(void *map, int type, unsigned rank, const void *address,
                                  const uint64_t *extents, const uint64_t *strides,
                                  const uint32_t *box, int swizzle) {
  constexpr uint64_t kAlignment = 16;
  constexpr uint64_t kStrideEnd = uint64_t{1} << 40;
  constexpr uint64_t kExtentMax = uint64_t{1} << 32;
  constexpr uint32_t kBoxMax = 256;
  NncEncodedTensorMap encoded{};
  switch (type) {
    case kNncTensorF16:
    case kNncTensorBf16:
      encoded.element_bytes = 2;
      break;
    case kNncTensorF32:
    case kNncTensorTf32:
      encoded.element_bytes = 4;
      break;
    default:
      return "an unknown type of elements";
  }
  if (rank < 1 || rank > 5) return "not 1 to 5 axes";
  if (reinterpret_cast<uintptr_t>(map) % 64 != 0) return "a map at no multiple of 64 bytes";
  if (reinterpret_cast<uintptr_t>(address) % kAlignment != 0) {
    return "memory at no multiple of 16 bytes";
  }
  if (swizzle < 0 || swizzle > 3) return "an unknown swizzle";
  encoded.address = static_cast<const unsigned char *>(address);
  encoded.rank = static_cast<uint8_t>(rank);
  encoded.type = static_cast<uint8_t>(type);
  encoded.swizzle_bytes = static_cast<uint8_t>(swizzle == 0 ? 0 : 16 << swizzle);
  for (unsigned axis = 0; axis < rank; ++axis) {
    if (extents[axis] < 1 || extents[axis] > kExtentMax) return "an extent of 0 or above 2^32";
    if (box[axis] < 1 || box[axis] > kBoxMax) return "a box of 0 or more than 256 elements";
    const uint64_t stride = axis == 0 ? encoded.element_bytes : strides[axis - 1];
    if (axis > 0 && (stride % kAlignment != 0 || stride >= kStrideEnd)) {
      return "a stride of no multiple of 16 bytes, or of 2^40 or more";
    }
    encoded.extents[axis] = static_cast<uint32_t>(extents[axis]);
    encoded.box[axis] = static_cast<uint16_t>(box[axis]);
    encoded.strides[axis] = stride;
  }
  const uint32_t inner = box[0] * encoded.element_bytes;
  if (inner % kAlignment != 0) return "lines of boxes of no multiple of 16 bytes";
  if (swizzle != 0 && inner > encoded.swizzle_bytes) return "lines of boxes beyond the swizzle";
  std::memset(map, 0, 128);
  std::memcpy(map, &encoded, sizeof encoded);
  return nullptr;
}
