// On Linux a futex; elsewhere a condition variable, whose mutex orders the check before the sleep.

#include "wait_word.h"

#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#endif

namespace nnc {

#ifdef __linux__

static_assert(sizeof(std::atomic<uint32_t>) == 4 && std::atomic<uint32_t>::is_always_lock_free,
              "a futex is a plain 32-bit word");

void WaitWord::SleepWhile(uint32_t expected) {
  syscall(SYS_futex, &value_, FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}

void WaitWord::WakeAll() {
  syscall(SYS_futex, &value_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

#else

void WaitWord::SleepWhile(uint32_t expected) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (Load() == expected) changed_.wait(lock);
}

void WaitWord::WakeAll() {
  { std::lock_guard<std::mutex> lock(mutex_); }
  changed_.notify_all();
}

#endif

}  // namespace nnc
