// Stacks that code can be left on and taken up again: one for each thread of a block that waits.

#ifndef NNC_TEST_CUDA_FIBER_H_
#define NNC_TEST_CUDA_FIBER_H_

#include <cstddef>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace nnc_emulation {

class Fiber {
 public:
  // Without a stack of its own: where the calling thread stands.
  Fiber() = default;
  // On the stack of number `position`; stacks are kept and never freed.
  explicit Fiber(size_t position);

  Fiber(const Fiber &) = delete;
  Fiber &operator=(const Fiber &) = delete;

  // Makes it begin with `entry`, which must not return, whatever it was doing.
  void Prepare(void (*entry)());

  // Leaves this fiber, which runs, and goes on with another.
  void SwitchTo(Fiber *other);

 private:
  char *stack_ = nullptr;
  size_t stack_bytes_ = 0;
#if defined(__x86_64__)
  void *stack_pointer_ = nullptr;
#else
  ucontext_t context_;
#endif
};

}  // namespace nnc_emulation

#endif  // NNC_TEST_CUDA_FIBER_H_
