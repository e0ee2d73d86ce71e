// A thread that does what it is given, one thing after the other.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace nnc {

class TaskThread {
 public:
  using Task = std::function<void()>;

  // `at_end` is called on the thread, last of all. Throws std::system_error if the system gives no
  // thread.
  explicit TaskThread(Task at_end);
  ~TaskThread();
  TaskThread(const TaskThread &) = delete;
  TaskThread &operator=(const TaskThread &) = delete;

  // Tasks do not throw.
  void Push(Task task);

  // Ends after the task in progress, if any, without those behind it, and waits for that.
  void Stop();

 private:
  void Main();

  const Task at_end_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace nnc
