#include "pacer.h"

namespace nnc::cuda {
namespace {

constexpr size_t kMaximalGroup = 256;
// Much longer than it takes to wake a thread.
constexpr std::chrono::milliseconds kShortest{2};
constexpr std::chrono::milliseconds kLongest{8};

}  // namespace

Pacer::Pacer(const Driver &driver, Stream stream)
    : driver_(driver), stream_(stream), ends_{CreateEvent(driver), CreateEvent(driver)} {}

void Pacer::Begin() {
  done_ = 0;
  launched_ = 0;
  last_end_ = 0;
  waited_ = std::chrono::steady_clock::now();
}

void Pacer::Launched() {
  ++launched_;
  if (launched_ - last_end_ < group_) return;
  driver_.Check(driver_.cuEventRecord(ends_[turn_].get(), stream_), "an event cannot be recorded");
  turn_ = 1 - turn_;
  if (last_end_ > 0) {
    driver_.Check(driver_.cuEventSynchronize(ends_[turn_].get()), "steps have failed");
    done_ = last_end_;
    Regroup();
  }
  last_end_ = launched_;
}

void Pacer::Regroup() {
  const auto now = std::chrono::steady_clock::now();
  const auto took = now - waited_;
  waited_ = now;
  if (took < kShortest && group_ < kMaximalGroup) group_ *= 2;
  if (took > kLongest && group_ > 1) group_ /= 2;
}

}  // namespace nnc::cuda
