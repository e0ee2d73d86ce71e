#include "tensor_map.h"

namespace nnc::cuda {
namespace {

// Values of the driver's enumerations.
constexpr int kFloat16 = 6;
constexpr int kFloat32 = 7;
constexpr int kBfloat16 = 9;
constexpr int kTfloat32 = 11;
constexpr int kNotInterleaved = 0;
constexpr int kPromoteTo128Bytes = 2;
constexpr int kZerosOutside = 0;
constexpr size_t kMaximalRank = 5;

int TypeOf(const TensorMap &map) {
  if (map.dtype == "f16") return kFloat16;
  if (map.dtype == "bf16") return kBfloat16;
  return map.dtype == "tf32" ? kTfloat32 : kFloat32;
}

int SwizzleOf(const TensorMap &map) {
  switch (map.swizzle_bytes) {
    case 32: return 1;
    case 64: return 2;
    case 128: return 3;
    default: return 0;
  }
}

}  // namespace

void EncodeTensorMap(const Device &device, const TensorMap &map, DeviceAddress address, int n,
                     const std::string &kernel, void *to) {
  const Driver &driver = *device.driver;
  if (driver.cuTensorMapEncodeTiled == nullptr) {
    throw CudaError("kernel " + kernel + " copies by tensor maps, which the driver, of CUDA " +
                    VersionName(driver.version()) +
                    ", does not have: install one that supports CUDA 12.0 or newer");
  }
  const size_t rank = map.extents.size();
  if (rank > kMaximalRank) throw CudaError("kernel " + kernel + " has a tensor map of too many axes");
  const uint64_t element_bytes = map.dtype == "f32" || map.dtype == "tf32" ? 4 : 2;
  uint64_t extents[kMaximalRank] = {};
  for (size_t axis = 0; axis < rank; ++axis) {
    const Extent &extent = map.extents[axis];
    extents[axis] = extent.batch * static_cast<uint64_t>(n) + extent.constant;
  }
  uint64_t stride_bytes[kMaximalRank] = {};
  for (size_t axis = 1; axis < rank; ++axis) {
    stride_bytes[axis - 1] = element_bytes * map.strides[axis];
  }
  const unsigned ones[kMaximalRank] = {1, 1, 1, 1, 1};
  const Result result = driver.cuTensorMapEncodeTiled(
      to, TypeOf(map), static_cast<unsigned>(rank), reinterpret_cast<void *>(address),
      extents, stride_bytes, map.box.data(), ones, kNotInterleaved, SwizzleOf(map),
      kPromoteTo128Bytes, kZerosOutside);
  if (result != 0) driver.Throw(result, "kernel " + kernel + " has a tensor map that is refused");
}

}  // namespace nnc::cuda
