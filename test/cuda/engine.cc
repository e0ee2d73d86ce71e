// The functions that kernels' code and launchers call, and what happens at a fault.

#include <csignal>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "block.h"
#include "emulation.h"

using nnc_emulation::Block;
using nnc_emulation::Order;
using nnc_emulation::SetBlock;
using nnc_emulation::Stop;
using nnc_emulation::TheBlock;

NncPosition nnc_position;
unsigned char *nnc_dynamic_shared = nullptr;
size_t nnc_dynamic_shared_bytes = 0;
char nnc_fault_message[1024];

namespace {

constexpr size_t kSharedAlignment = 1024;

NncOutcome outcome = kNncDone;
// Whether the order of threads was chosen, or looked up.
bool is_ordered = false;

void Report(const char *message) {
  std::snprintf(nnc_fault_message, sizeof nnc_fault_message, "%s, block %u, thread %u: %s",
                TheBlock().kernel(), nnc_position.block, nnc_position.thread, message);
}

// Signals of a kernel's code end its launch; those of other code go where they went before.
constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
struct sigaction previous[NSIG];
thread_local bool is_launching = false;

void OnSignal(int signal, siginfo_t *info, void *context) {
  if (!is_launching || !TheBlock().is_running()) {
    const struct sigaction &before = previous[signal];
    if ((before.sa_flags & SA_SIGINFO) != 0 && before.sa_sigaction != nullptr) {
      before.sa_sigaction(signal, info, context);
    } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
      before.sa_handler(signal);
    } else {
      // The instruction is run again, and ends the process.
      std::signal(signal, SIG_DFL);
    }
    return;
  }
  if (signal == SIGSEGV || signal == SIGBUS) {
    char where[256];
    nnc_describe_address(info->si_addr, where, sizeof where);
    char message[320];
    std::snprintf(message, sizeof message, "an access %s", where);
    Report(message);
    outcome = kNncIllegalAddress;
  } else {
    Report(signal == SIGFPE ? "a division by zero" : "a trap");
    outcome = kNncFailed;
  }
  // Not a return: where the thread stands is left for good.
  TheBlock().Fail();
}

// Whether address sanitizer is in the process: it reports faults itself.
extern "C" __attribute__((weak)) void __asan_init();

class SignalScope {
 public:
  SignalScope() {
    if (leaves_) return;
    static thread_local char memory[64 << 10];
    stack_t stack{};
    stack.ss_sp = memory;
    stack.ss_size = sizeof memory;
    sigaltstack(&stack, &stack_before_);
    struct sigaction action{};
    action.sa_sigaction = OnSignal;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    for (const int signal : kSignals) sigaction(signal, &action, &previous[signal]);
    is_launching = true;
  }
  ~SignalScope() {
    if (leaves_) return;
    is_launching = false;
    for (const int signal : kSignals) sigaction(signal, &previous[signal], nullptr);
    sigaltstack(&stack_before_, nullptr);
  }

 private:
  const bool leaves_ = __asan_init != nullptr;
  stack_t stack_before_{};
};

void ReserveShared(size_t bytes) {
  if (bytes == nnc_dynamic_shared_bytes) return;
  std::free(nnc_dynamic_shared);
  const size_t padded = (bytes + kSharedAlignment - 1) / kSharedAlignment * kSharedAlignment;
  nnc_dynamic_shared = static_cast<unsigned char *>(std::aligned_alloc(kSharedAlignment, padded));
  nnc_dynamic_shared_bytes = bytes;
}

// In the order of threads, but shuffled by itself.
std::vector<unsigned> OrderOfBlocks(unsigned count, uint32_t *random) {
  std::vector<unsigned> order(count);
  const Order how = Block::order();
  for (unsigned i = 0; i < count; ++i) order[i] = how == Order::kReverse ? count - 1 - i : i;
  for (unsigned i = count; how == Order::kShuffled && i > 1; --i) {
    std::swap(order[i - 1], order[nnc_emulation::NextRandom(random) % i]);
  }
  return order;
}

// All blocks up to a barrier of the grid, then all of them up to the next.
NncOutcome RunCooperative(const NncLaunch &launch) {
  static std::vector<std::unique_ptr<Block>> kept;
  while (kept.size() < launch.blocks) kept.push_back(std::make_unique<Block>());
  uint32_t random = 1;
  const auto fail = [&](unsigned running) {
    for (unsigned i = 0; i < launch.blocks; ++i) {
      if (i != running) kept[i]->Abandon();
    }
    SetBlock(nullptr);
    return outcome;
  };
  for (bool is_new = true;; is_new = false) {
    unsigned ended = 0;
    for (const unsigned i : OrderOfBlocks(launch.blocks, &random)) {
      SetBlock(kept[i].get());
      const Stop stop = is_new ? kept[i]->Start(launch, i) : kept[i]->Resume();
      if (stop == Stop::kFault) return fail(i);
      if (stop == Stop::kEnd) ++ended;
    }
    if (ended == launch.blocks) {
      SetBlock(nullptr);
      return kNncDone;
    }
    bool agree = ended == 0;
    for (unsigned i = 1; i < launch.blocks && agree; ++i) {
      agree = kept[i]->grid_line() == kept[0]->grid_line();
    }
    if (agree) continue;
    std::snprintf(nnc_fault_message, sizeof nnc_fault_message,
                  "%s: blocks do not come to the same barriers of the grid", launch.kernel->name);
    outcome = kNncFailed;
    return fail(launch.blocks);
  }
}

}  // namespace

void nnc_meet_grid(int line) { TheBlock().WaitAtGrid(line); }

void nnc_meet_threads(unsigned threads) { TheBlock().MeetFirst(threads); }

void nnc_barrier(int line) { TheBlock().WaitAtBarrier(line); }

const unsigned char *nnc_exchange(const char *what, unsigned mask, const void *value,
                                  size_t bytes) {
  return TheBlock().Exchange(what, mask, value, bytes, nullptr);
}

void nnc_copy_async(void *to, const void *from, size_t bytes, bool exists) {
  TheBlock().CopyAsync(to, from, bytes, exists);
}

void nnc_commit_copies() { TheBlock().CommitCopies(); }

void nnc_await_copies(int pending) { TheBlock().AwaitCopies(pending); }

void nnc_pause(const char *what) { TheBlock().Pause(what); }

void nnc_progress() { TheBlock().Progress(); }

void nnc_fault(const char *format, ...) {
  char message[768];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  if (!TheBlock().is_running()) {
    std::fprintf(stderr, "CUDA emulation, outside of kernels: %s\n", message);
    std::abort();
  }
  Report(message);
  outcome = kNncFailed;
  TheBlock().Fail();
}

bool nnc_set_order(const char *order) {
  is_ordered = true;
  if (std::strcmp(order, "forward") == 0) {
    Block::set_order(Order::kForward);
  } else if (std::strcmp(order, "reverse") == 0) {
    Block::set_order(Order::kReverse);
  } else if (std::strcmp(order, "shuffled") == 0) {
    Block::set_order(Order::kShuffled);
  } else {
    return false;
  }
  return true;
}

NncOutcome nnc_launch(const NncLaunch *launch) {
  static std::mutex mutex;
  std::lock_guard<std::mutex> lock(mutex);
  const char *order = std::getenv("NNC_EMULATION_ORDER");
  if (!is_ordered && order != nullptr && !nnc_set_order(order)) {
    std::fprintf(stderr, "NNC_EMULATION_ORDER is forward, reverse or shuffled, not %s\n", order);
    std::abort();
  }
  is_ordered = true;
  ReserveShared(launch->shared_bytes);
  outcome = kNncDone;
  SignalScope signals;
  if (launch->is_cooperative) return RunCooperative(*launch);
  for (unsigned block = 0; block < launch->blocks; ++block) {
    if (TheBlock().Start(*launch, block) != Stop::kEnd) return outcome;
  }
  return kNncDone;
}
