#include "batches.h"

#include <cstring>

#include "device_memory.h"

namespace nnc::cuda {
namespace {

constexpr uint64_t kAlignment = 256;

// Copies rows of `width` bytes; those that follow one another in one piece.
void GatherRows(const char *from, uint64_t width, const int32_t *rows, int n, char *to) {
  for (int first = 0, next = 1; first < n; first = next, next = first + 1) {
    while (next < n && rows[next] == rows[next - 1] + 1) ++next;
    std::memcpy(to + width * static_cast<uint64_t>(first),
                from + width * static_cast<uint64_t>(rows[first]),
                width * static_cast<uint64_t>(next - first));
  }
}

}  // namespace

Batches::Batches(const Device &device, const Program &program, Stream computing, Stream copying)
    : driver_(*device.driver), program_(program), computing_(computing), copying_(copying) {
  uint64_t bytes = 0;
  for (const uint64_t row_bytes : program.row_bytes) {
    offsets_.push_back(bytes);
    bytes += (program.batch_max * row_bytes + kAlignment - 1) / kAlignment * kAlignment;
  }
  for (Batch &batch : batches_) {
    batch.pinned = AllocatePinned(driver_, bytes);
    batch.memory = AllocateMemory(device, "a batch of the data of " + program.model, bytes);
    batch.copied = CreateEvent(driver_);
    batch.computed = CreateEvent(driver_);
  }
}

const std::vector<DeviceAddress> &Batches::Gather(const StepGraph &graph,
                                                  const std::vector<const void *> &data,
                                                  const int32_t *rows, int n) {
  const char *const what = "a batch cannot be copied to the device";
  Batch &batch = batches_[turn_];
  driver_.Check(driver_.cuEventSynchronize(batch.copied.get()), what);
  driver_.Check(driver_.cuStreamWaitEvent(copying_, batch.computed.get(), 0), what);
  addresses_.clear();
  for (size_t i = 0; i < graph.columns.size(); ++i) {
    const size_t slot = graph.columns[i];
    const uint64_t width = program_.row_bytes[slot];
    char *const pinned = static_cast<char *>(batch.pinned.get()) + offsets_[slot];
    GatherRows(static_cast<const char *>(data[i]), width, rows, n, pinned);
    addresses_.push_back(batch.memory.get() + offsets_[slot]);
    driver_.Check(driver_.cuMemcpyHtoDAsync_v2(addresses_.back(), pinned,
                                               width * static_cast<uint64_t>(n), copying_),
                  what);
  }
  driver_.Check(driver_.cuEventRecord(batch.copied.get(), copying_), what);
  driver_.Check(driver_.cuStreamWaitEvent(computing_, batch.copied.get(), 0), what);
  return addresses_;
}

void Batches::Launched() {
  driver_.Check(driver_.cuEventRecord(batches_[turn_].computed.get(), computing_),
                "an event cannot be recorded");
  turn_ = (turn_ + 1) % kBatches;
}

}  // namespace nnc::cuda
