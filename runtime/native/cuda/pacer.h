// Keeps few steps on their way to the device: enough that it never waits for the host, so few that
// the host may stop soon and knows how far the device has come.
#pragma once

#include <chrono>
#include <cstddef>

#include "handles.h"

namespace nnc::cuda {

class Pacer {
 public:
  Pacer(const Driver &driver, Stream stream);

  void Begin();

  // To be called after each step that is put on the stream. Waits until all steps but those of the
  // last two groups are done. Throws CudaError if they failed.
  void Launched();

  // Steps since `Begin` that are known to be done.
  size_t done() const { return done_; }
  size_t launched() const { return launched_; }

 private:
  void Regroup();

  const Driver &driver_;
  const Stream stream_;
  // At the end of the group before the last, and of the last.
  OwnedEvent ends_[2];
  size_t last_end_ = 0;
  size_t turn_ = 0;
  size_t done_ = 0;
  size_t launched_ = 0;
  // Steps of a group: as many as take some milliseconds.
  size_t group_ = 1;
  std::chrono::steady_clock::time_point waited_;
};

}  // namespace nnc::cuda
