// A 32-bit word on which threads can sleep until it changes.
#pragma once

#include <atomic>
#include <cstdint>

#ifndef __linux__
#include <condition_variable>
#include <mutex>
#endif

namespace nnc {

class WaitWord {
 public:
  uint32_t Load() const { return value_.load(std::memory_order_seq_cst); }
  void Store(uint32_t value) { value_.store(value, std::memory_order_seq_cst); }

  // Sleeps while the word is `expected`; may return early.
  void SleepWhile(uint32_t expected);
  // To be called after Store; costs a system call, so callers count their sleepers.
  void WakeAll();

 private:
  std::atomic<uint32_t> value_{0};
#ifndef __linux__
  std::mutex mutex_;
  std::condition_variable changed_;
#endif
};

}  // namespace nnc
