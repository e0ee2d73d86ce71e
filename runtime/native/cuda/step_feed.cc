#include "step_feed.h"

#include <algorithm>
#include <cstring>

namespace nnc::cuda {
namespace {

// The beginning of the records' window: the address of the next record.
constexpr uint64_t kNextBytes = 8;
constexpr uint64_t kAlignment = 256;
// Enough for an epoch of small models, little enough to be copied in no time.
constexpr uint64_t kWindowBytes = uint64_t{1} << 20;

// A step as kernels read it, without its scalars.
struct StepHead {
  uint64_t rows;
  uint32_t seed;
  uint32_t batch;
};

uint64_t RoundUp(uint64_t bytes, uint64_t unit) { return (bytes + unit - 1) / unit * unit; }

uint64_t RecordBytes(size_t scalars) {
  // Whole addresses, as the next record begins with one.
  return RoundUp(sizeof(StepHead) + sizeof(float) * scalars, sizeof(uint64_t));
}

uint64_t LargestRecordBytes(const Program &program) {
  size_t scalars = 0;
  for (const StepGraph &graph : program.graphs) scalars = std::max(scalars, graph.scalars);
  return RecordBytes(scalars);
}

uint64_t StepBytes(const Program &program) {
  return RoundUp(LargestRecordBytes(program), kAlignment);
}

uint64_t CountingBytes(const Program &program) {
  return RoundUp(sizeof(int32_t) * program.batch_max, kAlignment);
}

uint64_t WindowBytes(const Program &program) {
  const uint64_t one_step =
      kNextBytes + LargestRecordBytes(program) + sizeof(int32_t) * program.batch_max;
  return std::max(kWindowBytes, RoundUp(one_step, kAlignment));
}

}  // namespace

uint64_t StepFeed::Bytes(const Program &program) {
  return StepBytes(program) + WindowBytes(program) + CountingBytes(program);
}

int StepFeed::RecordWords(const StepGraph &graph) {
  return static_cast<int>(RecordBytes(graph.scalars) / sizeof(uint32_t));
}

StepFeed::StepFeed(const Driver &driver, const Program &program, DeviceAddress memory,
                   Stream stream)
    : driver_(driver),
      memory_(memory),
      stream_(stream),
      step_bytes_(StepBytes(program)),
      counting_bytes_(CountingBytes(program)),
      window_bytes_(WindowBytes(program)),
      pinned_(AllocatePinned(driver, std::max(window_bytes_, counting_bytes_))),
      copied_(CreateEvent(driver)) {
  int32_t *const counting = static_cast<int32_t *>(pinned_.get());
  for (size_t i = 0; i < program.batch_max; ++i) counting[i] = static_cast<int32_t>(i);
  driver_.Check(driver_.cuMemcpyHtoDAsync_v2(memory_ + step_bytes_ + window_bytes_, counting,
                                             counting_bytes_, stream_),
                "row numbers cannot be copied to the device");
  driver_.Check(driver_.cuEventRecord(copied_.get(), stream_), "an event cannot be recorded");
}

size_t StepFeed::Upload(const StepGraph &graph, const Job &job, size_t first, bool gathered) {
  driver_.Check(driver_.cuEventSynchronize(copied_.get()), "steps cannot be copied to the device");
  const uint64_t record_bytes = RecordBytes(graph.scalars);
  const uint64_t rows_bytes = gathered ? 0 : sizeof(int32_t) * job.batch_size;
  const size_t fitting = (window_bytes_ - kNextBytes) / (record_bytes + rows_bytes);
  const size_t count = std::min(fitting, job.steps() - first);
  const uint64_t rows_start = kNextBytes + count * record_bytes;
  const DeviceAddress window = next();
  char *const host = static_cast<char *>(pinned_.get());
  const DeviceAddress first_record = window + kNextBytes;
  std::memcpy(host, &first_record, sizeof first_record);
  for (size_t i = 0; i < count; ++i) {
    const size_t step = first + i;
    StepHead head;
    head.rows = gathered ? window + window_bytes_ : window + rows_start + i * rows_bytes;
    head.seed = job.seed;
    head.batch = job.first_batch + static_cast<uint32_t>(step);
    char *const record = host + kNextBytes + i * record_bytes;
    std::memcpy(record, &head, sizeof head);
    if (graph.scalars == 0) continue;
    std::memcpy(record + sizeof head, job.scalars + step * graph.scalars,
                sizeof(float) * graph.scalars);
  }
  uint64_t bytes = rows_start;
  if (!gathered) {
    const size_t begin = first * job.batch_size;
    const size_t rows = std::min(job.row_count - begin, count * job.batch_size);
    std::memcpy(host + rows_start, job.rows + begin, sizeof(int32_t) * rows);
    bytes += sizeof(int32_t) * rows;
  }
  driver_.Check(driver_.cuMemcpyHtoDAsync_v2(window, host, bytes, stream_),
                "steps cannot be copied to the device");
  driver_.Check(driver_.cuEventRecord(copied_.get(), stream_), "an event cannot be recorded");
  return count;
}

}  // namespace nnc::cuda
