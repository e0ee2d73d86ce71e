// Batches of data that are not on the device: their rows are gathered on the host and copied over
// while the step before is computed. Kernels see them as columns whose rows are 0, 1, 2, …
#pragma once

#include <vector>

#include "device.h"
#include "handles.h"
#include "program.h"

namespace nnc::cuda {

class Batches {
 public:
  // Steps run on `computing`, copies on `copying`. Throws CudaError if there is too little memory.
  Batches(const Device &device, const Program &program, Stream computing, Stream copying);

  // Gathers rows of the graph's columns, whose first elements are `data` in the order of its
  // columns, for the next step on the stream. Gives their addresses, by position as well.
  const std::vector<DeviceAddress> &Gather(const StepGraph &graph,
                                           const std::vector<const void *> &data,
                                           const int32_t *rows, int n);

  // To be called when the step of the batch last gathered is on the stream.
  void Launched();

 private:
  // One is filled while the other is read.
  static constexpr size_t kBatches = 2;

  struct Batch {
    OwnedPinned pinned;
    OwnedMemory memory;
    OwnedEvent copied;
    OwnedEvent computed;
  };

  const Driver &driver_;
  const Program &program_;
  const Stream computing_;
  const Stream copying_;
  // Where the rows of each slot start.
  std::vector<uint64_t> offsets_;
  Batch batches_[kBatches];
  size_t turn_ = 0;
  std::vector<DeviceAddress> addresses_;
};

}  // namespace nnc::cuda
