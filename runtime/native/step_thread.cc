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

nnc_step Prototype(ThreadPool *pool, Memory *persistent, Memory *temporaries, Memory *results) {
  nnc_step step{};
  step.pool = pool;
  step.parallel = pool->threads() == 1 ? RunInline : RunOnPool;
  step.persistent = persistent->data();
  step.temporaries = temporaries->data();
  step.results = results->data();
  return step;
}

}  // namespace

StepThread::StepThread(int threads, Memory *persistent, Memory *temporaries, Memory *results,
                       std::function<void(bool)> finished)
    : pool_(threads),
      prototype_(Prototype(&pool_, persistent, temporaries, results)),
      temporaries_(temporaries),
      results_(results),
      finished_(std::move(finished)),
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

void StepThread::Stop() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_.store(true);
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void StepThread::Main() {
  // Beside what JavaScript does before the first step: it fills the other block.
  Touch(temporaries_);
  Touch(results_);
  nnc_step step = prototype_;
  for (;;) {
    Job job;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [this] { return has_job_ || stopping_.load(); });
      if (!has_job_) return;
      has_job_ = false;
      job = job_;
    }
    pool_.Wake();
    finished_(RunSteps(job, &step));
  }
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
