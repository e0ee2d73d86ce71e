// CUDA's execution on a CPU, as kernels' code, the driver and the runner of tests see it: blocks run one after the
// other, those that meet from one meeting to the next, each thread is a fiber, and whatever CUDA leaves undefined is a fault that names the kernel and the thread.
// Everything is C, so that compiling an image needs no C++ header.

#ifndef NNC_TEST_CUDA_EMULATION_H_
#define NNC_TEST_CUDA_EMULATION_H_

#include <stddef.h>
#include <stdint.h>

extern "C" {

// ---- For kernels' code.

// The thread that runs now.
struct NncPosition {
  unsigned thread;
  unsigned block;
  unsigned threads;
  unsigned blocks;
};
extern NncPosition nnc_position;

// The block of shared memory given at the launch, aligned to 1024 bytes.
extern unsigned char *nnc_dynamic_shared;
extern size_t nnc_dynamic_shared_bytes;

// Waits for all threads of the block, which have to come to the same line.
void nnc_barrier(int line);

// Waits for all threads of all blocks of a cooperative launch, which have to come to the same line.
void nnc_meet_grid(int line);

// Waits for the first so many threads of the block.
void nnc_meet_threads(unsigned threads);

// Gives `bytes` ≤ 64 to the other threads of the warp that `mask` names, waits for theirs, and returns them: lane i's
// at 64·i, until this thread comes to its next but one exchange. `what` (a literal) is for messages, and the same in all.
const unsigned char *nnc_exchange(const char *what, unsigned mask, const void *value, size_t bytes);

// The asynchronous copies of `compiler/kernel/intrinsics.ts`. They are made when they are waited for; until then their
// destination is poisoned.
void nnc_copy_async(void *to, const void *from, size_t bytes, bool exists);
void nnc_commit_copies(void);
void nnc_await_copies(int pending);

// `ldmatrix` and `mma.sync`, with the layouts of registers that PTX has.
void nnc_load_matrices(unsigned *registers, const void *line, int count, bool transposed);
enum NncMatrixType { kNncF16, kNncBf16, kNncTf32 };
void nnc_multiply_matrices(NncMatrixType type, float *sums, const unsigned *left,
                           const unsigned *right);

// Lets other threads run, until one of them calls `nnc_progress`: to be called in a loop until what a thread waits for
// has happened. `what` (a literal) names it where it never happens.
void nnc_pause(const char *what);
void nnc_progress(void);

// Ends the launch. The message need not name kernel and thread.
[[noreturn]] void nnc_fault(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Conversions that round to nearest, ties to even; a NaN stays one.
uint16_t nnc_half_from_float(float value);
float nnc_float_from_half(uint16_t bits);

// ---- For what launches kernels.

// What an image exports for each of its kernels, as `nnc_kernels`, the last one nameless.
struct NncKernel {
  const char *name;
  // Runs the calling thread's part; arguments lie one after the other, each at its own alignment.
  void (*run)(const unsigned char *arguments);
  unsigned parameters;
  const unsigned *parameter_bytes;
  const unsigned *parameter_offsets;
  // Shared memory that the kernel declares itself.
  unsigned char *shared_begin;
  unsigned char *shared_end;
  // Of `__launch_bounds__`.
  unsigned max_threads;
};

struct NncLaunch {
  const NncKernel *kernel;
  unsigned blocks;
  unsigned threads;
  unsigned shared_bytes;
  const unsigned char *arguments;
  // Whether all blocks run at once.
  bool is_cooperative;
};

enum NncOutcome { kNncDone, kNncIllegalAddress, kNncFailed };

// Runs a kernel to its end. One launch at a time. What went wrong is in `nnc_fault_message` until the next fault.
NncOutcome nnc_launch(const NncLaunch *launch);
extern char nnc_fault_message[1024];

// Order of the threads between two barriers, and of blocks between two that they meet at: `forward`, `reverse` or `shuffled`; by default what the environment
// variable NNC_EMULATION_ORDER says, or forward.
bool nnc_set_order(const char *order);

// Memory of the device, full of NaNs, with inaccessible memory before it and from the next multiple of 256 bytes on;
// null where there is none. `name` (copied) is for messages.
void *nnc_allocate(const char *name, size_t bytes);
bool nnc_release(void *memory);
// The allocation in which all of these bytes are, or null; `bytes_of` (optional) is given its size.
void *nnc_allocation_of(const void *memory, size_t bytes, size_t *bytes_of);
// Name of an allocation, written past its end, or null.
const char *nnc_overwritten(void);
// Says where an address is: `12 bytes after the end of persistent`.
void nnc_describe_address(const void *address, char *text, size_t bytes);

}  // extern "C"

#endif  // NNC_TEST_CUDA_EMULATION_H_
