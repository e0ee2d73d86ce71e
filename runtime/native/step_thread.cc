#include "step_thread.h"

#include <algorithm>
#include <utility>

namespace nnc {
namespace {

void RunOnPool(const nnc_step *step, nnc_task task, int32_t count) {
  static_cast<ThreadPool *>(step->pool)->Run(step, task, count);
}

void RunInline(const nnc_step *step, nnc_task task, int32_t count) {
  for (int32_t i = 0; i < count; ++i) task(step, i);
}

// What tasks that get pages read; starts with the step that they are handed.
struct TouchStep {
  nnc_step step;
  Memory *memory;
};

void TouchPart(const nnc_step *step, int32_t part) {
  reinterpret_cast<const TouchStep *>(step)->memory->Touch(part);
}

nnc_step Prototype(ThreadPool *pool, Memory *persistent) {
  nnc_step step{};
  step.pool = pool;
  step.parallel = pool->threads() == 1 ? RunInline : RunOnPool;
  step.persistent = persistent->data();
  return step;
}

}  // namespace

StepThread::StepThread(int threads, Memory *persistent, StepMemory memory,
                       std::function<void(bool)> finished)
    : pool_(threads),
      prototype_(Prototype(&pool_, persistent)),
      finished_(std::move(finished)),
      memory_(std::move(memory)),
      thread_([this] { Main(); }) {}

StepThread::~StepThread() { Stop(); }

void StepThread::Start(const Job &job) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    job_ = job;
    has_job_ = true;
  }
  changed_.notify_one();
}

void StepThread::UseMemory(StepMemory memory) {
  std::lock_guard<std::mutex> lock(mutex_);
  memory_ = std::move(memory);
}

void StepThread::Stop() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_.store(true);
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void StepThread::Main() {
  nnc_step step = prototype_;
  StepMemory used;
  StepMemory memory;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    memory = memory_;
  }
  // Beside what JavaScript does before the first step: it fills the other block.
  Enter(memory, &used, &step);
  for (;;) {
    Job job;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [this] { return has_job_ || stopping_.load(); });
      if (!has_job_) return;
      has_job_ = false;
      job = job_;
      memory = memory_;
    }
    Enter(memory, &used, &step);
    pool_.Wake();
    finished_(RunSteps(job, &step));
  }
}

void StepThread::Enter(const StepMemory &memory, StepMemory *used, nnc_step *step) {
  if (memory.temporaries != used->temporaries) Touch(memory.temporaries.get());
  if (memory.results != used->results) Touch(memory.results.get());
  *used = memory;
  step->temporaries = memory.temporaries->data();
  step->results = memory.results->data();
}

// On all threads: zeroing pages that the system has to find first takes longer than many a step.
void StepThread::Touch(Memory *memory) {
  const TouchStep touch{prototype_, memory};
  pool_.Run(&touch.step, TouchPart, memory->parts());
}

bool StepThread::RunSteps(const Job &job, nnc_step *step) {
  step->columns = job.columns;
  step->rows = job.rows;
  step->scalars = job.scalars;
  step->seed = job.seed;
  step->batch = job.first_batch;
  for (size_t left = job.row_count; left > 0; left -= step->n) {
    if (stopping_.load(std::memory_order_relaxed)) return false;
    step->n = static_cast<int32_t>(std::min<size_t>(left, job.batch_size));
    job.function(step);
    step->rows += step->n;
    step->scalars += job.scalars_per_step;
    ++step->batch;
  }
  return true;
}

}  // namespace nnc
