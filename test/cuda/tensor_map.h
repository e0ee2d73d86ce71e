// What `cuTensorMapEncodeTiled` makes here: the 128 bytes that kernels are given, in the clear.

#ifndef NNC_TEST_CUDA_TENSOR_MAP_H_
#define NNC_TEST_CUDA_TENSOR_MAP_H_

#include <stdint.h>

extern "C" {

// Types of elements by CUDA's numbers, those that nnc uses.
enum NncTensorType { kNncTensorF16 = 6, kNncTensorF32 = 7, kNncTensorBf16 = 9, kNncTensorTf32 = 11 };

struct NncEncodedTensorMap {
  const unsigned char *address;
  // From one element of an axis to the next, in bytes; that of the innermost axis is the size of an element.
  uint64_t strides[5];
  uint32_t extents[5];
  uint16_t box[5];
  uint8_t rank;
  uint8_t type;
  uint8_t element_bytes;
  // 0, 32, 64 or 128.
  uint8_t swizzle_bytes;
};
static_assert(sizeof(NncEncodedTensorMap) <= 128, "lies in a CUtensorMap");

// As the driver: axes innermost first, strides (bytes) of all but the first; swizzle 0 … 3 for 0, 32, 64, 128 bytes.
// Null, or why the driver would refuse it.
const char *nnc_encode_tensor_map(void *map, int type, unsigned rank, const void *address,
                                  const uint64_t *extents, const uint64_t *strides,
                                  const uint32_t *box, int swizzle);

}  // extern "C"

#endif  // NNC_TEST_CUDA_TENSOR_MAP_H_
