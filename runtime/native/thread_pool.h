// The threads on which the tasks of one kernel run.
//
// Kernels last microseconds, so their start and end must cost less than one: workers spin between
// the kernels of a run and sleep only when nothing has come for a while. No thread spins without
// limit, and the caller never waits for a worker that has taken no task: on a shared machine a
// processor may be taken away for milliseconds at any moment.
//
// Every thread has a lane, a fixed range of the tasks (so that the same rows meet the same cache in
// kernel after kernel), and helps with the others' lanes when its own is empty. Which thread runs a
// task must not matter to what the task computes; the compiler sees to that.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "nnc_step.h"
#include "wait_word.h"

namespace nnc {

class ThreadPool {
 public:
  // `threads` counts the caller of Run; `threads - 1` workers are started.
  // Throws std::system_error if the system gives no threads.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  int threads() const { return threads_; }

  // Calls the workers out of their sleep, so that they are there when the first kernel starts.
  void Wake();

  // Runs task(step, 0) ... task(step, count - 1) and returns when all are done. One caller at a
  // time.
  void Run(const nnc_step *step, nnc_task task, int32_t count);

 private:
  // Threads that write to one cache line slow each other down; processors fetch lines in pairs.
  static constexpr size_t kApart = 128;

  // The generation in the upper half, the next task in the lower: taking a task for a generation
  // that is over fails, however late a thread comes.
  struct alignas(kApart) Lane {
    std::atomic<uint64_t> cursor{0};
  };

  void StopWorkers();
  void Work(int worker);
  uint32_t WaitForGeneration(uint32_t seen);
  void Publish(uint32_t generation);
  void SetCursor(int lane, uint32_t generation, int32_t next);
  int32_t TakeTasks(int first_lane, uint32_t generation);
  int32_t LaneBegin(int lane, int32_t count) const;

  const int threads_;
  std::unique_ptr<Lane[]> lanes_;

  // Of the kernel in progress; stable while one of its tasks is.
  alignas(kApart) std::atomic<const nnc_step *> step_{nullptr};
  std::atomic<nnc_task> task_{nullptr};
  std::atomic<int32_t> count_{0};

  alignas(kApart) WaitWord generation_;
  alignas(kApart) std::atomic<int32_t> completed_by_workers_{0};
  alignas(kApart) std::atomic<int32_t> sleepers_{0};
  std::atomic<bool> stopping_{false};

  std::vector<std::thread> workers_;
};

}  // namespace nnc
