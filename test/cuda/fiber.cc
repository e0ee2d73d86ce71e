#include "fiber.h"

#include <sys/mman.h>

#include <cstdlib>

namespace nnc_emulation {
namespace {

constexpr size_t kGuardBytes = 16 << 10;
// Address sanitizer makes frames several times as large.
constexpr size_t kStackBytes = 512 << 10;
// Stacks lie at equal distances: their tops are moved apart, or they would all use the same lines of the cache.
constexpr size_t kStagger = 7 * 64;
constexpr size_t kStaggerPeriod = 64;

}  // namespace

Fiber::Fiber(size_t position) {
  void *memory = mmap(nullptr, kGuardBytes + kStackBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED || mprotect(memory, kGuardBytes, PROT_NONE) != 0) std::abort();
  stack_ = static_cast<char *>(memory) + kGuardBytes;
  stack_bytes_ = kStackBytes - position % kStaggerPeriod * kStagger;
}

#if defined(__x86_64__)

// Saves what functions have to preserve on the stack, and where that is; then the same backwards.
extern "C" void nnc_switch_stack(void **save, void *to);
asm(R"(
.text
.type nnc_switch_stack, @function
nnc_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size nnc_switch_stack, . - nnc_switch_stack
)");

void Fiber::Prepare(void (*entry)()) {
  constexpr int kSavedRegisters = 6;
  void **top = reinterpret_cast<void **>(stack_ + stack_bytes_);
  // A return address of nothing, so that the stack is aligned as after a call.
  *--top = nullptr;
  *--top = reinterpret_cast<void *>(entry);
  for (int i = 0; i < kSavedRegisters; ++i) *--top = nullptr;
  stack_pointer_ = top;
}

void Fiber::SwitchTo(Fiber *other) { nnc_switch_stack(&stack_pointer_, other->stack_pointer_); }

#else

void Fiber::Prepare(void (*entry)()) {
  getcontext(&context_);
  context_.uc_stack.ss_sp = stack_;
  context_.uc_stack.ss_size = stack_bytes_;
  context_.uc_link = nullptr;
  makecontext(&context_, entry, 0);
}

void Fiber::SwitchTo(Fiber *other) { swapcontext(&context_, &other->context_); }

#endif

}  // namespace nnc_emulation
