// How Hopper's copy engine sees a tensor.
#pragma once

#include <string>

#include "device.h"
#include "program.h"

namespace nnc::cuda {

constexpr size_t kTensorMapBytes = 128;
constexpr size_t kTensorMapAlignment = 64;

// Writes the map of a tensor at `address`, for batches of n rows, to `to`. `kernel` is for messages.
// Throws CudaError if the driver has no such maps or refuses this one.
void EncodeTensorMap(const Device &device, const TensorMap &map, DeviceAddress address, int n,
                     const std::string &kernel, void *to);

}  // namespace nnc::cuda
