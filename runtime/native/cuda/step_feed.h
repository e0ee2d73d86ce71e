// What every step is told: its rows, seed, batch counter and scalars. Records of many steps are
// uploaded at once; each step's first kernel moves the next of them to where the others read it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "handles.h"
#include "program.h"

namespace nnc::cuda {

// Steps over `row_count` rows, `batch_size` at a time, the last one with what is left.
struct Job {
  size_t graph = 0;
  const int32_t *rows = nullptr;
  size_t row_count = 0;
  size_t batch_size = 1;
  const float *scalars = nullptr;
  uint32_t seed = 0;
  uint32_t first_batch = 0;

  size_t steps() const { return (row_count + batch_size - 1) / batch_size; }
  // Rows of a step.
  int n(size_t step) const {
    const size_t left = row_count - step * batch_size;
    return static_cast<int>(left < batch_size ? left : batch_size);
  }
};

class StepFeed {
 public:
  // How much memory of the device it takes.
  static uint64_t Bytes(const Program &program);

  // `memory`: of the device, as much as `Bytes` says. What it holds is ready for all that comes
  // after it on the stream.
  StepFeed(const Driver &driver, const Program &program, DeviceAddress memory, Stream stream);

  // Where kernels read the step, and where the address of the next record is.
  DeviceAddress step() const { return memory_; }
  DeviceAddress next() const { return memory_ + step_bytes_; }
  static int RecordWords(const StepGraph &graph);

  // Uploads the records of steps from `first` on, as many as fit; gives how many. Steps that are on
  // the stream already still have theirs. If the batches are gathered, their rows are 0, 1, 2, …
  size_t Upload(const StepGraph &graph, const Job &job, size_t first, bool gathered);

 private:
  const Driver &driver_;
  const DeviceAddress memory_;
  const Stream stream_;
  const uint64_t step_bytes_;
  const uint64_t counting_bytes_;
  const uint64_t window_bytes_;
  OwnedPinned pinned_;
  OwnedEvent copied_;
};

}  // namespace nnc::cuda
