// The CUDA driver, bound when it is needed: nothing of CUDA takes part in building, and where there
// is no driver the rest of the addon works all the same.
//
// Functions are declared here as the driver exports them, under the names of their versions; see
// https://docs.nvidia.com/cuda/cuda-driver-api/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

namespace nnc::cuda {

using Result = int;
using DeviceNumber = int;
using DeviceAddress = uint64_t;
using Context = struct ContextTag *;
using Module = struct ModuleTag *;
using Function = struct FunctionTag *;
using Stream = struct StreamTag *;
using Event = struct EventTag *;
using Graph = struct GraphTag *;
using GraphExecution = struct GraphExecutionTag *;

// Results that are asked for by value.
constexpr Result kOutOfMemory = 2;
constexpr Result kNoDevice = 100;
constexpr Result kNoBinaryForDevice = 209;

// Values of the driver's enumerations that are in use.
constexpr int kMultiprocessors = 16;
constexpr int kCapabilityMajor = 75;
constexpr int kCapabilityMinor = 76;
constexpr int kCooperativeLaunch = 95;
constexpr int kSharedBytesWithPermission = 97;
constexpr int kFunctionMaximalThreads = 0;
constexpr int kFunctionDynamicSharedBytes = 8;
constexpr unsigned kStreamNonBlocking = 1;
constexpr unsigned kEventBlockingSync = 1;
constexpr unsigned kEventWithoutTiming = 2;
constexpr int kCaptureThreadLocal = 1;
constexpr int kJitErrorLog = 5;
constexpr int kJitErrorLogBytes = 6;

// X(name, parameters): all that a session needs. The newest is of CUDA 11.4.
#define NNC_CUDA_FUNCTIONS(X)                                                                    \
  X(cuInit, (unsigned flags))                                                                    \
  X(cuDriverGetVersion, (int *version))                                                          \
  X(cuGetErrorName, (Result result, const char **name))                                          \
  X(cuGetErrorString, (Result result, const char **text))                                        \
  X(cuDeviceGetCount, (int *count))                                                              \
  X(cuDeviceGet, (DeviceNumber * device, int ordinal))                                           \
  X(cuDeviceGetName, (char *name, int bytes, DeviceNumber device))                               \
  X(cuDeviceGetAttribute, (int *value, int attribute, DeviceNumber device))                      \
  X(cuCtxCreate_v2, (Context * context, unsigned flags, DeviceNumber device))                    \
  X(cuCtxDestroy_v2, (Context context))                                                          \
  X(cuCtxSetCurrent, (Context context))                                                          \
  X(cuCtxSynchronize, ())                                                                        \
  X(cuModuleLoadDataEx,                                                                          \
    (Module * module, const void *image, unsigned options, int *keys, void **values))            \
  X(cuModuleUnload, (Module module))                                                             \
  X(cuModuleGetFunction, (Function * function, Module module, const char *name))                 \
  X(cuFuncGetAttribute, (int *value, int attribute, Function function))                          \
  X(cuFuncSetAttribute, (Function function, int attribute, int value))                           \
  X(cuOccupancyMaxActiveBlocksPerMultiprocessor,                                                 \
    (int *blocks, Function function, int threads, size_t dynamic_shared_bytes))                  \
  X(cuMemGetInfo_v2, (size_t * free, size_t *total))                                             \
  X(cuMemAlloc_v2, (DeviceAddress * address, size_t bytes))                                      \
  X(cuMemFree_v2, (DeviceAddress address))                                                       \
  X(cuMemHostAlloc, (void **memory, size_t bytes, unsigned flags))                               \
  X(cuMemFreeHost, (void *memory))                                                               \
  X(cuMemcpyHtoDAsync_v2, (DeviceAddress to, const void *from, size_t bytes, Stream stream))     \
  X(cuMemcpyDtoHAsync_v2, (void *to, DeviceAddress from, size_t bytes, Stream stream))           \
  X(cuMemsetD8Async, (DeviceAddress to, unsigned char value, size_t bytes, Stream stream))       \
  X(cuStreamCreate, (Stream * stream, unsigned flags))                                           \
  X(cuStreamDestroy_v2, (Stream stream))                                                         \
  X(cuStreamSynchronize, (Stream stream))                                                        \
  X(cuStreamWaitEvent, (Stream stream, Event event, unsigned flags))                             \
  X(cuStreamBeginCapture_v2, (Stream stream, int mode))                                          \
  X(cuStreamEndCapture, (Stream stream, Graph * graph))                                          \
  X(cuEventCreate, (Event * event, unsigned flags))                                              \
  X(cuEventDestroy_v2, (Event event))                                                            \
  X(cuEventRecord, (Event event, Stream stream))                                                 \
  X(cuEventSynchronize, (Event event))                                                           \
  X(cuLaunchKernel, (Function function, unsigned grid_x, unsigned grid_y, unsigned grid_z,       \
                     unsigned block_x, unsigned block_y, unsigned block_z,                       \
                     unsigned shared_bytes, Stream stream, void **arguments, void **extra))      \
  X(cuLaunchCooperativeKernel, (Function function, unsigned grid_x, unsigned grid_y,             \
                                unsigned grid_z, unsigned block_x, unsigned block_y,             \
                                unsigned block_z, unsigned shared_bytes, Stream stream,          \
                                void **arguments))                                               \
  X(cuGraphInstantiateWithFlags, (GraphExecution * execution, Graph graph, uint64_t flags))      \
  X(cuGraphLaunch, (GraphExecution execution, Stream stream))                                    \
  X(cuGraphDestroy, (Graph graph))                                                               \
  X(cuGraphExecDestroy, (GraphExecution execution))

// What is wrong, in a sentence for people. `result` is the driver's, or 0 where it did not say it.
class CudaError : public std::runtime_error {
 public:
  explicit CudaError(const std::string &message, Result result = 0)
      : std::runtime_error(message), result_(result) {}
  Result result() const { return result_; }

 private:
  Result result_;
};

class Driver {
 public:
  // Loads the library, or the first found of the places where drivers put theirs if it is empty,
  // and binds all functions. It is never unloaded: drivers do not survive that.
  // Throws CudaError if there is none, or one too old.
  static std::shared_ptr<const Driver> Load(const std::string &library);

#define NNC_CUDA_DECLARE(name, parameters) Result(*name) parameters = nullptr;
  NNC_CUDA_FUNCTIONS(NNC_CUDA_DECLARE)
#undef NNC_CUDA_DECLARE

  // Of CUDA 12.0; null in older drivers.
  Result (*cuTensorMapEncodeTiled)(void *map, int type, unsigned rank, void *address,
                                   const uint64_t *extents, const uint64_t *stride_bytes,
                                   const unsigned *box, const unsigned *element_strides,
                                   int interleave, int swizzle, int promotion,
                                   int outside) = nullptr;

  // The newest CUDA that the driver supports: 12040 is 12.4.
  int version() const { return version_; }

  // `CUDA_ERROR_ILLEGAL_ADDRESS, an illegal memory access was encountered`.
  std::string Describe(Result result) const;

  // Throws a CudaError `what: description` unless the result is success.
  void Check(Result result, const char *what) const {
    if (result != 0) Throw(result, what);
  }
  [[noreturn]] void Throw(Result result, const std::string &what) const;

 private:
  Driver() = default;
  int version_ = 0;
};

// `12.4` of 12040.
std::string VersionName(int version);

}  // namespace nnc::cuda
