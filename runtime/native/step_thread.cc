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

nnc_step Prototype(ThreadPool *pool, char *persistent, char *temporaries, char *results) {
  nnc_step step{};
  step.pool = pool;
  step.parallel = pool->threads() == 1 ? RunInline : RunOnPool;
  step.persistent = persistent;
  step.temporaries = temporaries;
  step.results = results;
  return step;
}

}  // namespace

StepThread::StepThread(int threads, char *persistent, char *temporaries, char *results,
                       std::function<void()> prepare, std::function<void(bool)> finished)
    : pool_(threads),
      prototype_(Prototype(&pool_, persistent, temporaries, results)),
      prepare_(std::move(prepare)),
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
  prepare_();
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
