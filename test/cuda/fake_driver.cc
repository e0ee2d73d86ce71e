// A libcuda.so.1 whose device is this emulation: with the functions that the addon uses, the limits of real devices, and
// faults that come when work is waited for and stay with the context. Images are those of `compile_image.h`. Of the
// environment it reads:
//
// - NNC_EMULATION_CAPABILITY: 90 (the default), 80, …; NNC_EMULATION_DRIVER: 13000, 12040, …
// - NNC_EMULATION_DEVICES: how many there are, 1 by default; NNC_EMULATION_INIT: what cuInit gives
// - NNC_EMULATION_MEMORY: bytes of memory, 1 GiB by default
// - NNC_EMULATION_FAULT: `kernel:3` lets the third launch of a kernel and all later ones access memory that is not there,
//   `kernel:3-5` three of them
// - NNC_EMULATION_COOPERATIVE: 0 if blocks cannot be made to run at once
// - NNC_EMULATION_STICKY: if set, a fault stays with the process

#include <cstdio>
#include <cstring>

#include "driver_state.h"

using namespace nnc_emulation;

namespace {

constexpr int kMaxThreads = 1024;

}  // namespace

CUDA cuInit(unsigned flags) {
  const auto result = static_cast<Result>(Setting("NNC_EMULATION_INIT", kSuccess));
  if (flags != 0) return kInvalidValue;
  driver.is_initialized = result == kSuccess;
  return result;
}

CUDA cuDriverGetVersion(int *version) {
  *version = static_cast<int>(Setting("NNC_EMULATION_DRIVER", 13000));
  return kSuccess;
}

CUDA cuGetErrorName(Result result, const char **name) {
  switch (result) {
    case kInvalidValue: *name = "CUDA_ERROR_INVALID_VALUE"; break;
    case kOutOfMemory: *name = "CUDA_ERROR_OUT_OF_MEMORY"; break;
    case kNotInitialized: *name = "CUDA_ERROR_NOT_INITIALIZED"; break;
    case kNoDevice: *name = "CUDA_ERROR_NO_DEVICE"; break;
    case kInvalidDevice: *name = "CUDA_ERROR_INVALID_DEVICE"; break;
    case kInvalidImage: *name = "CUDA_ERROR_INVALID_IMAGE"; break;
    case kInvalidContext: *name = "CUDA_ERROR_INVALID_CONTEXT"; break;
    case kInvalidHandle: *name = "CUDA_ERROR_INVALID_HANDLE"; break;
    case kNotFound: *name = "CUDA_ERROR_NOT_FOUND"; break;
    case kIllegalAddress: *name = "CUDA_ERROR_ILLEGAL_ADDRESS"; break;
    case kLaunchFailed: *name = "CUDA_ERROR_LAUNCH_FAILED"; break;
    case kCooperativeLaunchTooLarge:
      *name = "CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE";
      break;
    case kNotSupported: *name = "CUDA_ERROR_NOT_SUPPORTED"; break;
    case kCaptureUnsupported: *name = "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"; break;
    case kCaptureInvalidated: *name = "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"; break;
    case kCaptureUnmatched: *name = "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED"; break;
    case kCaptureUnjoined: *name = "CUDA_ERROR_STREAM_CAPTURE_UNJOINED"; break;
    case kCaptureIsolation: *name = "CUDA_ERROR_STREAM_CAPTURE_ISOLATION"; break;
    case kCapturedEvent: *name = "CUDA_ERROR_CAPTURED_EVENT"; break;
    case kCaptureWrongThread: *name = "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD"; break;
    default: *name = "CUDA_ERROR_UNKNOWN"; break;
  }
  return kSuccess;
}

CUDA cuGetErrorString(Result result, const char **text) {
  static char message[sizeof nnc_fault_message + 100];
  switch (result) {
    case kOutOfMemory:
      *text = "out of memory";
      break;
    case kNoDevice:
      *text = "no CUDA-capable device is detected";
      break;
    case kIllegalAddress:
    case kLaunchFailed:
      // More than real drivers know.
      std::snprintf(message, sizeof message, "%s [%s]",
                    result == kIllegalAddress ? "an illegal memory access was encountered"
                                              : "unspecified launch failure",
                    nnc_fault_message);
      *text = message;
      break;
    default:
      return cuGetErrorName(result, text);
  }
  return kSuccess;
}

CUDA cuDeviceGetCount(int *count) {
  if (!driver.is_initialized) return kNotInitialized;
  *count = Devices();
  return kSuccess;
}

CUDA cuDeviceGet(int *device, int ordinal) {
  if (!driver.is_initialized) return kNotInitialized;
  *device = ordinal;
  return ordinal >= 0 && ordinal < Devices() ? kSuccess : kInvalidDevice;
}

CUDA cuDeviceGetName(char *name, int bytes, int device) {
  std::snprintf(name, static_cast<size_t>(bytes), "NVIDIA emulation %d", device);
  return kSuccess;
}

CUDA cuDeviceGetAttribute(int *value, int attribute, int) {
  switch (attribute) {
    case 1: *value = kMaxThreads; return kSuccess;
    case 5: *value = 0x7fffffff; return kSuccess;
    case 10: *value = 32; return kSuccess;
    case 16: *value = kMultiprocessors; return kSuccess;
    case 75: *value = Capability() / 10; return kSuccess;
    case 76: *value = Capability() % 10; return kSuccess;
    case 95: *value = IsCooperative() ? 1 : 0; return kSuccess;
    case 97: *value = static_cast<int>(MaxSharedBytes()); return kSuccess;
    default: return kInvalidValue;
  }
}

CUDA cuCtxCreate_v2(Context **context, unsigned, int device) {
  DriverLock lock;
  if (!driver.is_initialized) return kNotInitialized;
  if (device < 0 || device >= Devices()) return kInvalidDevice;
  if (driver.fault != kSuccess) return driver.fault;
  current = *context = new Context;
  driver.contexts.insert(current);
  return kSuccess;
}

CUDA cuCtxSetCurrent(Context *context) {
  DriverLock lock;
  if (context != nullptr && driver.contexts.count(context) == 0) return kInvalidContext;
  current = context;
  return kSuccess;
}

CUDA cuCtxDestroy_v2(Context *context) {
  DriverLock lock;
  if (driver.contexts.erase(context) == 0) return kInvalidContext;
  for (const auto &stream : context->streams) stream->RunAll();
  for (const auto &[memory, bytes] : context->memory) {
    nnc_release(memory);
    driver.used_bytes -= bytes;
  }
  for (Module *module : context->modules) delete module;
  if (current == context) current = nullptr;
  delete context;
  return kSuccess;
}

CUDA cuCtxSynchronize() {
  DriverLock lock;
  const Result result = CheckContext();
  if (result != kSuccess) return result;
  const Result captured = CheckNoCapture();
  return captured != kSuccess ? captured : RunAll();
}

CUDA cuModuleLoadDataEx(Module **module, const void *image, unsigned options, int *keys,
                        void **values) {
  constexpr int kErrorLog = 5;
  constexpr int kErrorLogBytes = 6;
  DriverLock lock;
  const Result result = CheckContext();
  if (result != kSuccess) return result;
  std::string error;
  Image *loaded = Image::Load(image, &error);
  if (loaded != nullptr) {
    *module = new Module{std::unique_ptr<Image>(loaded), {}};
    current->modules.insert(*module);
    return kSuccess;
  }
  char *log = nullptr;
  size_t bytes = 0;
  for (unsigned i = 0; i < options; ++i) {
    if (keys[i] == kErrorLog) log = static_cast<char *>(values[i]);
    if (keys[i] == kErrorLogBytes) bytes = reinterpret_cast<size_t>(values[i]);
  }
  if (log != nullptr) std::snprintf(log, bytes, "%s", error.c_str());
  return kInvalidImage;
}

CUDA cuModuleUnload(Module *module) {
  DriverLock lock;
  if (current == nullptr || current->modules.erase(module) == 0) return kInvalidHandle;
  RunAll();
  delete module;
  return kSuccess;
}

CUDA cuModuleGetFunction(Function **function, Module *module, const char *name) {
  DriverLock lock;
  const Result result = CheckContext();
  if (result != kSuccess) return result;
  const NncKernel *kernel = module->image->Find(name);
  if (kernel == nullptr) return kNotFound;
  *function = &module->functions.insert({name, Function{kernel, 0}}).first->second;
  return kSuccess;
}

CUDA cuFuncGetAttribute(int *value, int attribute, Function *function) {
  switch (attribute) {
    case 0: *value = static_cast<int>(function->kernel->max_threads); return kSuccess;
    case 1: *value = static_cast<int>(function->shared_bytes()); return kSuccess;
    case 8: *value = static_cast<int>(function->dynamic_bytes); return kSuccess;
    default: return kInvalidValue;
  }
}

CUDA cuFuncSetAttribute(Function *function, int attribute, int value) {
  constexpr int kDynamicSharedBytes = 8;
  DriverLock lock;
  const size_t bytes = static_cast<size_t>(value);
  if (attribute != kDynamicSharedBytes || value < 0) return kInvalidValue;
  if (bytes + function->shared_bytes() > MaxSharedBytes()) return kInvalidValue;
  function->dynamic_bytes = bytes;
  return kSuccess;
}

CUDA cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, Function *function, int threads,
                                                 size_t) {
  if (threads < 1 || static_cast<unsigned>(threads) > function->kernel->max_threads) {
    return kInvalidValue;
  }
  *blocks = 1;
  return kSuccess;
}
