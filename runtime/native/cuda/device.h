// The graphics processor that is used, and what it is.
#pragma once

#include <memory>
#include <string>

#include "driver.h"

namespace nnc::cuda {

struct DeviceChoice {
  // Path of the driver's library; empty to search for it.
  std::string library;
  // Which of the devices that the driver shows, from 0. CUDA_VISIBLE_DEVICES says what it shows.
  int ordinal = 0;
};

struct Device {
  std::shared_ptr<const Driver> driver;
  DeviceNumber number = 0;
  std::string name;
  // Compute capability: 9.0 is 90.
  int capability = 0;
  int multiprocessors = 0;
  // Shared memory of a block, in bytes, if it asks for permission.
  int shared_bytes = 0;
  // Whether all blocks of a launch can be made to run at once.
  bool is_cooperative = false;
};

// Throws CudaError if there is no driver, one too old, or no such device.
Device FindDevice(const DeviceChoice &choice);

}  // namespace nnc::cuda
