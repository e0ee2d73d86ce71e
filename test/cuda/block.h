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

// Why a block stands still.
enum class Stop { kEnd, kGrid, kFault };

// The next number of a sequence that is the same in every run, never 0.
uint32_t NextRandom(uint32_t *state);

// A thread runs from one wait to the next, and threads do so one after the other. Only one that waits keeps a stack:
// without barriers all threads of a block run on the same.
class Block {
 public:
  using Complete = void (*)(unsigned char *lanes);

  Block();

  static void set_order(Order order) { order_ = order; }
  static Order order() { return order_; }

  // Runs a block of `launch` to its end, until its threads have come to a barrier of the grid, or until `Fail`. `launch`
  // must last until it has ended.
  Stop Start(const NncLaunch &launch, unsigned block);
  // Goes on from a barrier of the grid.
  Stop Resume();
  // Ends what stands at a barrier of the grid.
  void Abandon();
  // Of the barrier of the grid that it stands at.
  int grid_line() const { return threads_[0].line; }

  void WaitAtBarrier(int line);
  void WaitAtGrid(int line);
  void MeetFirst(unsigned threads);
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
  enum class State : uint8_t { kNew, kReady, kAtBarrier, kAtGrid, kInExchange, kPaused, kDone };

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
  // Runs threads, from the first in order on, until the block stops.
  Stop Continue();
  // Shared memory is that of the block that runs.
  void KeepShared();
  void TakeShared() const;
  [[noreturn]] void ReportDeadlock();
  std::string Describe(const Thread &thread) const;

  const NncLaunch *launch_ = nullptr;
  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  std::vector<unsigned> sequence_;
  unsigned cursor_ = 0;
  unsigned at_barrier_ = 0;
  uint64_t progress_ = 0;
  static Order order_;
  uint32_t random_ = 1;
  Stop stop_ = Stop::kEnd;
  unsigned block_ = 0;
  unsigned at_grid_ = 0;
  // Of those that meet the first threads.
  unsigned met_ = 0;
  uint64_t meetings_ = 0;
  std::vector<unsigned char> kept_shared_;

  Fiber main_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber *> free_fibers_;
};

// The one that runs, or ran last.
Block &TheBlock();
void SetBlock(Block *block);

}  // namespace nnc_emulation

#endif  // NNC_TEST_CUDA_BLOCK_H_
