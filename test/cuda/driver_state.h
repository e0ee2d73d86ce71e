// What the calls of the emulated driver share: contexts with what is in them, and settings.

#ifndef NNC_TEST_CUDA_DRIVER_STATE_H_
#define NNC_TEST_CUDA_DRIVER_STATE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "driver_queue.h"
#include "emulation.h"
#include "load_image.h"

// A function of the driver.
#define CUDA extern "C" __attribute__((visibility("default"))) Result

namespace nnc_emulation {

struct Function {
  const NncKernel *kernel;
  size_t dynamic_bytes;
  size_t shared_bytes() const {
    return static_cast<size_t>(kernel->shared_end - kernel->shared_begin);
  }
};

struct Module {
  std::unique_ptr<Image> image;
  std::map<std::string, Function> functions;
};

struct Context {
  Result fault = kSuccess;
  std::set<std::shared_ptr<Stream>> streams;
  std::map<void *, size_t> memory;
  std::set<Module *> modules;
};

struct DriverState {
  bool is_initialized = false;
  std::set<Context *> contexts;
  // Of all contexts.
  size_t used_bytes = 0;
  std::map<const char *, size_t> pinned;
  // How often each kernel was launched.
  std::map<std::string, int> launches;
  Result fault = kSuccess;
};

extern DriverState driver;
extern thread_local Context *current;

// Every call holds it.
class DriverLock {
 public:
  DriverLock();
  ~DriverLock();
};

// Few, so that persistent kernels of small tests have several tasks each.
constexpr int kMultiprocessors = 3;

int Capability();
bool IsCooperative();
int Devices();
size_t TotalBytes();
size_t MaxSharedBytes();
long Setting(const char *name, long otherwise);

// What every call begins with that needs a context.
Result CheckContext();
// Calls that might wait are forbidden in a thread that captures.
Result CheckNoCapture();
// Does all work of the context.
Result RunAll();
std::shared_ptr<Stream> StreamOf(Stream *stream);

}  // namespace nnc_emulation

#endif  // NNC_TEST_CUDA_DRIVER_STATE_H_
