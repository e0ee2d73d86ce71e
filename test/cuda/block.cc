#include "block.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace nnc_emulation {
namespace {

// NaNs, however they are read.
constexpr int kPoison = 0xff;

// Not `memset` and `memcpy`, which address sanitizer would check against the kernel's own variables; nor may the compiler
// make them such.
#define NNC_UNCHECKED __attribute__((optimize("no-tree-loop-distribute-patterns")))

NNC_UNCHECKED void Poison(unsigned char *memory, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) memory[i] = kPoison;
}

NNC_UNCHECKED void CopyBytes(unsigned char *to, const unsigned char *from, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) to[i] = from[i];
}

size_t SharedBytes(const NncKernel &kernel) {
  return static_cast<size_t>(kernel.shared_end - kernel.shared_begin);
}

Block *current_block = nullptr;

}  // namespace

Order Block::order_ = Order::kForward;

uint32_t NextRandom(uint32_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  *state ^= *state << 5;
  return *state;
}

Block &TheBlock() {
  static Block first;
  return current_block == nullptr ? first : *current_block;
}

void SetBlock(Block *block) { current_block = block; }

Block::Block() = default;

Stop Block::Start(const NncLaunch &launch, unsigned block) {
  launch_ = &launch;
  block_ = block;
  at_grid_ = 0;
  met_ = 0;
  const unsigned count = launch.threads;
  if (threads_.size() != count || sequence_.size() != count) {
    threads_.resize(count);
    sequence_.resize(count);
    warps_.resize((count + kWarpThreads - 1) / kWarpThreads);
    // Reordered in place afterwards.
    for (unsigned i = 0; i < count; ++i) sequence_[i] = i;
  }
  for (Thread &thread : threads_) {
    thread.state = State::kNew;
    thread.groups = 0;
    thread.copies.clear();
  }
  for (Warp &warp : warps_) warp.arrived = 0;
  const NncKernel &kernel = *launch.kernel;
  Poison(kernel.shared_begin, SharedBytes(kernel));
  Poison(nnc_dynamic_shared, launch.shared_bytes);
  at_barrier_ = 0;
  return Continue();
}

Stop Block::Continue() {
  stop_ = Stop::kEnd;
  nnc_position = {0, block_, launch_->threads, launch_->blocks};
  Restart();
  nnc_position.thread = sequence_[0];
  Enter(&main_);
  if (stop_ == Stop::kFault) Abandon();
  if (stop_ == Stop::kEnd) launch_ = nullptr;
  return stop_;
}

Stop Block::Resume() {
  TakeShared();
  return Continue();
}

void Block::Abandon() {
  launch_ = nullptr;
  free_fibers_.clear();
  for (const auto &fiber : fibers_) free_fibers_.push_back(fiber.get());
}

void Block::KeepShared() {
  const NncKernel &kernel = *launch_->kernel;
  const size_t own = SharedBytes(kernel);
  kept_shared_.resize(own + launch_->shared_bytes);
  CopyBytes(kept_shared_.data(), kernel.shared_begin, own);
  CopyBytes(kept_shared_.data() + own, nnc_dynamic_shared, launch_->shared_bytes);
}

void Block::TakeShared() const {
  const NncKernel &kernel = *launch_->kernel;
  const size_t own = SharedBytes(kernel);
  CopyBytes(kernel.shared_begin, kept_shared_.data(), own);
  CopyBytes(nnc_dynamic_shared, kept_shared_.data() + own, launch_->shared_bytes);
}

// Begins a new round of all threads.
void Block::Restart() {
  const unsigned count = static_cast<unsigned>(sequence_.size());
  for (unsigned i = 0; i < count && order_ != Order::kShuffled; ++i) {
    sequence_[i] = order_ == Order::kForward ? i : count - 1 - i;
  }
  for (unsigned i = count; order_ == Order::kShuffled && i > 1; --i) {
    std::swap(sequence_[i - 1], sequence_[NextRandom(&random_) % i]);
  }
  cursor_ = 0;
}

bool Block::MayRun(const Thread &thread) const {
  return thread.state == State::kReady || thread.state == State::kNew ||
         (thread.state == State::kPaused && thread.paused_at != progress_);
}

bool Block::Advance() {
  const unsigned count = static_cast<unsigned>(sequence_.size());
  for (unsigned tried = 0; tried < count; ++tried) {
    cursor_ = cursor_ + 1 < count ? cursor_ + 1 : 0;
    if (MayRun(threads_[sequence_[cursor_]])) {
      nnc_position.thread = sequence_[cursor_];
      return true;
    }
  }
  return false;
}

void Block::Enter(Fiber *from) {
  Thread &thread = current();
  if (thread.state == State::kNew) {
    if (free_fibers_.empty()) {
      fibers_.push_back(std::make_unique<Fiber>(fibers_.size()));
      free_fibers_.push_back(fibers_.back().get());
    }
    thread.fiber = free_fibers_.back();
    free_fibers_.pop_back();
    thread.fiber->Prepare(&Block::RunThreads);
  }
  thread.state = State::kReady;
  if (thread.fiber != from) from->SwitchTo(thread.fiber);
}

// Runs the current thread, and others that have not begun for as long as none has to wait.
void Block::RunThreads() {
  Block &block = TheBlock();
  Fiber *own = block.current().fiber;
  for (;;) {
    block.launch_->kernel->run(block.launch_->arguments);
    block.current().state = State::kDone;
    if (!block.Advance()) break;
    Thread &next = block.current();
    if (next.state == State::kNew) {
      next.state = State::kReady;
      next.fiber = own;
      continue;
    }
    block.free_fibers_.push_back(own);
    block.Enter(own);
  }
  for (const Thread &thread : block.threads_) {
    if (thread.state != State::kDone) block.ReportDeadlock();
  }
  block.free_fibers_.push_back(own);
  own->SwitchTo(&block.main_);
}

void Block::Yield() {
  Fiber *own = current().fiber;
  if (!Advance()) ReportDeadlock();
  Enter(own);
}

void Block::WaitAtBarrier(int line) {
  Thread &self = current();
  self.line = line;
  self.state = State::kAtBarrier;
  if (++at_barrier_ < threads_.size()) return Yield();
  at_barrier_ = 0;
  for (Thread &thread : threads_) {
    if (thread.line != line) {
      nnc_fault("the barrier of line %d is one of line %d for thread %u", line, thread.line,
                static_cast<unsigned>(&thread - threads_.data()));
    }
    thread.state = State::kReady;
  }
  Restart();
  nnc_position.thread = sequence_[0];
  Enter(self.fiber);
}

void Block::WaitAtGrid(int line) {
  if (!launch_->is_cooperative) nnc_fault("a barrier of the grid in a launch that is not cooperative");
  Thread &self = current();
  self.line = line;
  self.state = State::kAtGrid;
  if (++at_grid_ < threads_.size()) return Yield();
  at_grid_ = 0;
  for (Thread &thread : threads_) {
    if (thread.line != line) nnc_fault("threads of a block at different barriers of the grid");
    thread.state = State::kReady;
  }
  KeepShared();
  stop_ = Stop::kGrid;
  self.fiber->SwitchTo(&main_);
}

void Block::MeetFirst(unsigned threads) {
  if (nnc_position.thread >= threads) {
    nnc_fault("a thread that is none of the first %u meets them", threads);
  }
  const uint64_t meeting = meetings_;
  if (++met_ == threads) {
    met_ = 0;
    ++meetings_;
    Progress();
    return;
  }
  while (meetings_ == meeting) Pause("meet_threads");
}

const unsigned char *Block::Exchange(const char *what, unsigned mask, const void *value,
                                     size_t bytes, Complete complete) {
  const unsigned index = nnc_position.thread;
  const unsigned first = index / kWarpThreads * kWarpThreads;
  const unsigned lane = index - first;
  const unsigned size = std::min<unsigned>(kWarpThreads, nnc_position.threads - first);
  const unsigned present = size == kWarpThreads ? ~0u : (1u << size) - 1;
  const unsigned expected = mask & present;
  if ((mask >> lane & 1) == 0) nnc_fault("%s without the thread that calls it", what);
  Thread &self = threads_[index];
  Warp &warp = warps_[first / kWarpThreads];
  unsigned char *lanes = warp.lanes[warp.parity];
  std::memcpy(lanes + lane * kLaneBytes, value, bytes);
  self.what = what;
  self.mask = mask;
  warp.arrived |= 1u << lane;
  if (warp.arrived != expected) {
    self.state = State::kInExchange;
    Yield();
    return lanes;
  }
  for (unsigned i = 0; i < size; ++i) {
    Thread &other = threads_[first + i];
    if ((expected >> i & 1) == 0) continue;
    if (other.mask != mask || std::strcmp(other.what, what) != 0) {
      nnc_fault("%s meets %s of thread %u", what, other.what, first + i);
    }
    other.state = State::kReady;
  }
  warp.arrived = 0;
  warp.parity ^= 1;
  if (complete != nullptr) complete(lanes);
  return lanes;
}

void Block::Pause(const char *what) {
  Thread &self = current();
  self.what = what;
  self.paused_at = progress_;
  self.state = State::kPaused;
  Yield();
}

std::string Block::Describe(const Thread &thread) const {
  switch (thread.state) {
    case State::kAtBarrier:
      return "waits at the barrier of line " + std::to_string(thread.line);
    case State::kAtGrid:
      return "waits at the barrier of the grid of line " + std::to_string(thread.line);
    case State::kInExchange:
      return std::string("waits in ") + thread.what;
    case State::kPaused:
      return std::string("waits for ") + thread.what;
    case State::kDone:
      return "has left the kernel";
    default:
      return "may run";
  }
}

void Block::ReportDeadlock() {
  const Thread *first = nullptr;
  std::string text;
  for (const Thread &thread : threads_) {
    if (first == nullptr && thread.state != State::kDone) first = &thread;
  }
  nnc_position.thread = static_cast<unsigned>(first - threads_.data());
  for (const Thread &thread : threads_) {
    if (Describe(thread) == Describe(*first)) continue;
    text = "thread " + std::to_string(&thread - threads_.data()) + " " + Describe(thread);
    break;
  }
  nnc_fault("deadlock: it %s, %s", Describe(*first).c_str(),
            text.empty() ? "as all do" : text.c_str());
}

void Block::Fail() {
  stop_ = Stop::kFault;
  // Nothing comes back to where this is saved.
  static Fiber abandoned;
  abandoned.SwitchTo(&main_);
  std::abort();
}

void Block::CopyAsync(void *to, const void *from, size_t bytes, bool exists) {
  const auto misaligned = [bytes](const void *p) {
    return reinterpret_cast<uintptr_t>(p) % bytes != 0;
  };
  if (misaligned(to) || (exists && misaligned(from))) {
    nnc_fault("a copy of %zu bytes from or to an address that is no multiple of it", bytes);
  }
  auto *target = static_cast<unsigned char *>(to);
  const auto *source = static_cast<const unsigned char *>(from);
  // Here, where it is asked for, should it be out of bounds.
  if (exists) static_cast<void>(*static_cast<const volatile unsigned char *>(source));
  std::memset(target, kPoison, bytes);
  Thread &self = current();
  self.copies.push_back({target, source, bytes, exists, self.groups});
}

void Block::CommitCopies() { ++current().groups; }

void Block::AwaitCopies(int pending) {
  Thread &self = current();
  size_t kept = 0;
  for (const Copy &copy : self.copies) {
    if (copy.group >= self.groups - pending) {
      self.copies[kept++] = copy;
    } else if (copy.exists) {
      std::memcpy(copy.to, copy.from, copy.bytes);
    } else {
      std::memset(copy.to, 0, copy.bytes);
    }
  }
  self.copies.resize(kept);
}

}  // namespace nnc_emulation
