#include "thread_pool.h"

#include <chrono>

namespace nnc {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

// How long to spin, and then to yield, before a worker sleeps; the caller yields until all is done.
// Waking from sleep takes 15 to 60 microseconds, the pause between two kernels of a step far less.
constexpr microseconds kWorkerSpins{50};
constexpr microseconds kWorkerYields{500};
constexpr microseconds kCallerSpins{100};
constexpr std::chrono::hours kForever{1};

inline void Pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Waits for `ready` by spinning, then yielding; false if it was not ready after `limit`.
template <typename Ready>
bool SpinUntil(Ready ready, microseconds spins, std::chrono::nanoseconds limit) {
  constexpr int kPausesPerLook = 16;
  Clock::time_point start{};
  for (int look = 0;; ++look) {
    for (int i = 0; i < kPausesPerLook; ++i) {
      if (ready()) return true;
      Pause();
    }
    // The first look costs no clock, since most waits end in it.
    if (look == 0) {
      start = Clock::now();
      continue;
    }
    const auto waited = Clock::now() - start;
    if (waited > limit) return false;
    if (waited > spins) std::this_thread::yield();
  }
}

}  // namespace

ThreadPool::ThreadPool(int threads) : threads_(threads), lanes_(new Lane[threads]) {
  workers_.reserve(threads - 1);
  try {
    for (int worker = 1; worker < threads; ++worker) {
      workers_.emplace_back([this, worker] { Work(worker); });
    }
  } catch (...) {
    StopWorkers();
    throw;
  }
}

ThreadPool::~ThreadPool() { StopWorkers(); }

void ThreadPool::StopWorkers() {
  stopping_.store(true);
  Wake();
  for (std::thread &worker : workers_) worker.join();
}

void ThreadPool::Wake() { Publish(generation_.Load() + 1); }

void ThreadPool::Run(const nnc_step *step, nnc_task task, int32_t count) {
  if (threads_ == 1 || count <= 1) {
    for (int32_t i = 0; i < count; ++i) task(step, i);
    return;
  }
  const uint32_t generation = generation_.Load() + 1;
  // Lanes of the last kernel are closed before anything of this one is written: a worker that is
  // late might otherwise measure an empty lane of the last by the count of this and find a task in
  // it.
  for (int lane = 0; lane < threads_; ++lane) SetCursor(lane, generation, 0);
  step_.store(step, std::memory_order_relaxed);
  task_.store(task, std::memory_order_relaxed);
  count_.store(count, std::memory_order_release);
  completed_by_workers_.store(0, std::memory_order_relaxed);
  // No worker knows this generation before it is published, so opening the lanes needs no order.
  for (int lane = 0; lane < threads_; ++lane) SetCursor(lane, generation, LaneBegin(lane, count));
  Publish(generation);
  const int32_t left = count - TakeTasks(0, generation);
  const auto done = [&] {
    return completed_by_workers_.load(std::memory_order_acquire) == left;
  };
  while (!SpinUntil(done, kCallerSpins, kForever)) {
  }
}

void ThreadPool::Work(int worker) {
  uint32_t generation = 0;
  for (;;) {
    generation = WaitForGeneration(generation);
    if (stopping_.load()) return;
    const int32_t done = TakeTasks(worker, generation);
    if (done > 0) completed_by_workers_.fetch_add(done, std::memory_order_release);
  }
}

uint32_t ThreadPool::WaitForGeneration(uint32_t seen) {
  const auto changed = [&] { return generation_.Load() != seen; };
  while (!SpinUntil(changed, kWorkerSpins, kWorkerYields)) {
    // Counted before the word is read again, as Publish writes the word before it reads the count:
    // one of the two sees the other, so no wake is lost.
    sleepers_.fetch_add(1, std::memory_order_seq_cst);
    generation_.SleepWhile(seen);
    sleepers_.fetch_sub(1, std::memory_order_seq_cst);
  }
  return generation_.Load();
}

void ThreadPool::Publish(uint32_t generation) {
  generation_.Store(generation);
  if (sleepers_.load(std::memory_order_seq_cst) > 0) generation_.WakeAll();
}

// Runs what is left of each lane, from `first_lane` on, and returns how many tasks that were.
int32_t ThreadPool::TakeTasks(int first_lane, uint32_t generation) {
  int32_t done = 0;
  for (int i = 0; i < threads_; ++i) {
    const int lane = (first_lane + i) % threads_;
    std::atomic<uint64_t> &cursor = lanes_[lane].cursor;
    uint64_t next = cursor.load(std::memory_order_acquire);
    while (next >> 32 == generation) {
      const int32_t index = static_cast<int32_t>(next & 0xffffffffu);
      // If this is the next kernel's count already, the lane is closed, and taking the task fails.
      if (index >= LaneBegin(lane + 1, count_.load(std::memory_order_acquire))) break;
      if (!cursor.compare_exchange_weak(next, next + 1, std::memory_order_acq_rel)) continue;
      // Taken, so the generation cannot end before this task does: step and task are its own.
      task_.load(std::memory_order_relaxed)(step_.load(std::memory_order_relaxed), index);
      ++done;
      next = cursor.load(std::memory_order_acquire);
    }
  }
  return done;
}

void ThreadPool::SetCursor(int lane, uint32_t generation, int32_t next) {
  const uint64_t cursor = uint64_t{generation} << 32 | static_cast<uint32_t>(next);
  lanes_[lane].cursor.store(cursor, std::memory_order_release);
}

int32_t ThreadPool::LaneBegin(int lane, int32_t count) const {
  return static_cast<int32_t>(int64_t{count} * lane / threads_);
}

}  // namespace nnc
