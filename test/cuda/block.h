// One block of a launch: its threads, what they wait for, and in what order they run.

#ifndef NNC_TEST_CUDA_BLOCK_H_
#define NNC_TEST_CUDA_BLOCK_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "emulation.h"
#include "fiber.h"

namespace nnc_emulation {

constexpr unsigned kWarpThreads = 32;
constexpr size_t kLaneBytes = 64;

enum class Order { kForward, kReverse, kShuffled };

// A thread runs from one wait to the next, and threads do so one after the other. Only one that waits keeps a stack:
// without barriers all threads of a block run on the same.
class Block {
 public:
  using Complete = void (*)(unsigned char *lanes);

  Block();

  void set_order(Order order) { order_ = order; }

  // Runs a block of `launch` to its end; or until `Fail`, and returns false then.
  bool Run(const NncLaunch &launch, unsigned block);

  void WaitAtBarrier(int line);
  // `complete` (or null) is called once with what all lanes gave, before any of them goes on.
  const unsigned char *Exchange(const char *what, unsigned mask, const void *value, size_t bytes,
                                Complete complete);
  void Pause(const char *what);
  void Progress() { ++progress_; }

  void CopyAsync(void *to, const void *from, size_t bytes, bool exists);
  void CommitCopies();
  void AwaitCopies(int pending);

  // Leaves the threads as they stand.
  [[noreturn]] void Fail();

  bool is_running() const { return launch_ != nullptr; }
  const char *kernel() const { return launch_->kernel->name; }

 private:
  enum class State : uint8_t { kNew, kReady, kAtBarrier, kInExchange, kPaused, kDone };

  struct Copy {
    unsigned char *to;
    const unsigned char *from;
    size_t bytes;
    bool exists;
    int group;
  };

  struct Thread {
    State state = State::kNew;
    Fiber *fiber = nullptr;
    int line = 0;
    const char *what = nullptr;
    unsigned mask = 0;
    uint64_t paused_at = 0;
    int groups = 0;
    std::vector<Copy> copies;
  };

  struct Warp {
    alignas(16) unsigned char lanes[2][kWarpThreads * kLaneBytes];
    unsigned parity = 0;
    unsigned arrived = 0;
  };

  static void RunThreads();
  Thread &current() { return threads_[nnc_position.thread]; }
  bool MayRun(const Thread &thread) const;
  // The next thread in order that may run becomes the current one; false if there is none.
  bool Advance();
  // Goes on with the current thread, on its own fiber or a new one.
  void Enter(Fiber *from);
  // Leaves the current thread for the next one.
  void Yield();
  void Restart();
  [[noreturn]] void ReportDeadlock();
  std::string Describe(const Thread &thread) const;

  const NncLaunch *launch_ = nullptr;
  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  std::vector<unsigned> sequence_;
  unsigned cursor_ = 0;
  unsigned at_barrier_ = 0;
  uint64_t progress_ = 0;
  Order order_ = Order::kForward;
  uint32_t random_ = 1;
  bool failed_ = false;

  Fiber main_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber *> free_fibers_;
};

Block &TheBlock();

}  // namespace nnc_emulation

#endif  // NNC_TEST_CUDA_BLOCK_H_
