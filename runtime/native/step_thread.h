// The thread on which a session's steps run, so that Node's event loop never waits for them. It is
// also the first thread of the session's pool.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "library.h"
#include "memory.h"
#include "nnc_step.h"
#include "thread_pool.h"

namespace nnc {

// Steps over `row_count` rows, `batch_size` at a time, the last one with what is left.
struct Job {
  StepFunction function;
  const int32_t *rows;
  size_t row_count;
  int32_t batch_size;
  const float *scalars;
  size_t scalars_per_step;
  uint32_t seed;
  uint32_t first_batch;
  const void *const *columns;
};

class StepThread {
 public:
  // What steps write besides what lasts.
  struct StepMemory {
    std::shared_ptr<Memory> temporaries;
    std::shared_ptr<Memory> results;
  };

  // Gets the pages of `memory` before any job; calls `finished(completed)` after each, not
  // completed if Stop came in between. What lasts must stay until then. Throws std::system_error
  // if the system gives no threads.
  StepThread(int threads, Memory *persistent, StepMemory memory,
             std::function<void(bool completed)> finished);
  ~StepThread();
  StepThread(const StepThread &) = delete;
  StepThread &operator=(const StepThread &) = delete;

  // Starts a job; the one before must have finished. What it points to must stay until it has.
  void Start(const Job &job);

  // For jobs from now on; the one before must have finished.
  void UseMemory(StepMemory memory);

  // Ends after the step in progress, if any, and waits for that.
  void Stop();

 private:
  void Main();
  // Gets the pages of what is new in `memory`, and lets steps use it.
  void Enter(const StepMemory &memory, StepMemory *used, nnc_step *step);
  void Touch(Memory *memory);
  bool RunSteps(const Job &job, nnc_step *step);

  ThreadPool pool_;
  const nnc_step prototype_;
  const std::function<void(bool)> finished_;

  std::mutex mutex_;
  std::condition_variable changed_;
  StepMemory memory_;
  Job job_{};
  bool has_job_ = false;
  std::atomic<bool> stopping_{false};

  std::thread thread_;
};

}  // namespace nnc
