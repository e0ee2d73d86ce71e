// Memory of the device that a model has all the time, and how the host fills it.
#pragma once

#include "device.h"
#include "handles.h"
#include "program.h"

namespace nnc::cuda {

// One allocation: persistent, temporaries, results, and what the steps are told.
class DeviceMemory {
 public:
  // Persistent tensors and results start as zeros for all that comes after it on the stream.
  // Throws CudaError if there is too little memory.
  DeviceMemory(const Device &device, const Program &program, uint64_t feed_bytes, Stream stream);

  DeviceAddress arena(Arena arena) const { return starts_[static_cast<size_t>(arena)]; }
  DeviceAddress feed() const { return starts_[3]; }

 private:
  OwnedMemory memory_;
  DeviceAddress starts_[4];
};

// Memory for `what`. Throws CudaError, which says how much is needed and how much there is, if there
// is too little.
OwnedMemory AllocateMemory(const Device &device, const std::string &what, uint64_t bytes);

// Memory for `bytes`, or nothing if that would leave the device too little for what comes later.
OwnedMemory AllocateIfRoomy(const Driver &driver, uint64_t bytes);

// Copies from memory of the host that is free again afterwards, by way of pinned memory: pieces go
// on their way while the next are copied.
class Uploader {
 public:
  explicit Uploader(const Driver &driver);

  // `to` holds the data for all that comes after it on the stream.
  void Upload(Stream stream, DeviceAddress to, const void *from, size_t bytes);

 private:
  static constexpr int kPieces = 2;

  const Driver &driver_;
  OwnedPinned pinned_;
  OwnedEvent copied_[kPieces];
  int turn_ = 0;
};

}  // namespace nnc::cuda
