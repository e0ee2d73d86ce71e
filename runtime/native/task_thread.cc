#include "task_thread.h"

#include <utility>

namespace nnc {

TaskThread::TaskThread(Task at_end) : at_end_(std::move(at_end)), thread_([this] { Main(); }) {}

TaskThread::~TaskThread() { Stop(); }

void TaskThread::Push(Task task) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  changed_.notify_one();
}

void TaskThread::Stop() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void TaskThread::Main() {
  for (;;) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
    if (stopping_) break;
    const Task task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
  }
  at_end_();
}

}  // namespace nnc
